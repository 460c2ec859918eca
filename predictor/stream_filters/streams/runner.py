"""Runs filters: a few rows at once, many on all cores."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from stream_filters.filters.base import Array, Filter
from stream_filters.streams.exactly_once import Apply, Replay, Turn
from stream_filters.streams.records import Belief
from stream_filters.telemetry import Operation, Reason

# up to so many rows cost less than handing them to another thread
_INLINE_ROWS = 64
# more pieces than threads, so that a slow piece does not leave the other threads idle
_PIECES = 4


class Observer(Protocol):
    """Who is told what happens to the streams of one model."""

    def applied(self, observations: int) -> None:
        """A request was applied."""

    def replayed(self) -> None:
        """A request was answered again."""

    def conflicted(self) -> None:
        """A race was lost, and is run again."""

    def computed(self, seconds: float) -> None:
        """The filters of one request took so long."""

    def stored(self, operation: Operation, seconds: float) -> None:
        """The store took so long for one request, successful or not."""

    def evicted(self, reason: Reason) -> None:
        """A local copy was dropped."""


class Answer(NamedTuple):
    """What a turn gives back: outputs by name, the belief after the last row, whether it was answered before.

    digest: the turn's, where it is stored with its stream; of many rows that is work for a thread, too.
    """

    info: Mapping[str, Array]
    belief: Belief
    replayed: bool = False
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Runner:
    """executor, threads: where large requests are computed, so that the event loop goes on."""

    executor: Executor
    threads: int
    observer: Observer

    async def run(self, work: Sequence[tuple[Turn, Apply]]) -> list[Answer]:
        """The answer of every turn."""
        began = time.perf_counter()
        rows = sum([len(turn.observations) + turn.horizon for turn, _ in work])
        if rows <= _INLINE_ROWS:
            answers = _run_all(work)
        else:
            size = -(-len(work) // (_PIECES * self.threads))
            pieces = [work[start : start + size] for start in range(0, len(work), size)]
            loop = asyncio.get_running_loop()
            done = await asyncio.gather(*(loop.run_in_executor(self.executor, _run_all, piece) for piece in pieces))
            answers = [answer for piece in done for answer in piece]
        self.observer.computed(time.perf_counter() - began)
        return answers


def _run_all(work: Sequence[tuple[Turn, Apply]]) -> list[Answer]:
    return [_run(turn, applied) for turn, applied in work]


def _run(turn: Turn, applied: Apply) -> Answer:
    """Filter the turn's rows, and forecast after the last one."""
    bound: Filter[Any] = applied.bound
    later = turn.names.intersection(bound.horizon_names) if turn.horizon else None
    step = bound.run(applied.state, turn.batch(bound), turn.names - later if later else turn.names)
    info = step.info
    if later:
        forecast = bound.forecast(step.state, turn.horizon)
        info = {**info, **{name: forecast[name] for name in later}}
    belief = Belief.of(bound, applied.offset + len(turn.observations), step.state)
    digest = turn.digest() if turn.sequence_id and applied.is_stored else b""
    return Answer(info, belief, isinstance(applied, Replay), digest)
