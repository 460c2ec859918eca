"""Runs filters: a few rows at once, many on all cores."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple, Protocol

import numpy as np

from stream_filters.filters.base import Array, Filter
from stream_filters.streams.exactly_once import Apply, Replay, Turn, rows_together
from stream_filters.streams.records import Belief
from stream_filters.streams.slices import Budget, first_rows, run_in_slices
from stream_filters.telemetry import Operation, Reason

# up to so many rows, of states of so many bytes together, cost less than handing them to another thread
_INLINE_ROWS = 64
_INLINE_BYTES = 2**20
# more pieces than threads, so that a slow piece does not leave the other threads idle, where each has rows enough
_PIECES = 4
_PIECE_ROWS = 256
_NO_FORECAST: Mapping[str, Array] = {}
_Work = tuple[Turn, Apply]


class Observer(Protocol):
    """Who is told what happens to the streams of one model."""

    def applied(self, requests: int, observations: int) -> None:
        """So many requests of one stream were applied, with so many observations in all."""

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
    """What a turn gives back: outputs, the belief after the last row, whether it was answered before.

    info: outputs by name of this and other turns; of those on rows, this one's are from `first` up to `last`.
    life: of the stream, 0 for none. digest: the turn's, where it is stored with its stream. forecast: the outputs on
    forecast steps.
    """

    info: Mapping[str, Array]
    first: int
    last: int
    belief: Belief
    replayed: bool = False
    life: int = 0
    digest: bytes = b""
    forecast: Mapping[str, Array] = _NO_FORECAST

    def output(self, name: str) -> Array:
        """One output of this turn."""
        array = self.info.get(name)
        return self.forecast[name] if array is None else array[self.first : self.last]


@dataclass(frozen=True, slots=True)
class Runner:
    """executor, threads: where large requests are computed, so that the event loop goes on.

    compute_seconds: how long one request may keep processors busy.
    """

    executor: Executor
    threads: int
    observer: Observer
    compute_seconds: float = inf

    async def run(self, work: Sequence[tuple[Turn, Apply]]) -> list[Answer]:
        """The answer of every turn. Raises TooLarge; when it is cancelled, the computation ends soon."""
        began = time.perf_counter()
        budget = Budget(self.compute_seconds)
        try:
            answers = await self._answers(work, budget)
        except BaseException:
            budget.give_up()
            raise
        self.observer.computed(time.perf_counter() - began)
        return answers

    async def _answers(self, work: Sequence[_Work], budget: Budget) -> list[Answer]:
        rows = sum([len(turn.observations) + turn.horizon for turn, _ in work])
        if rows <= _INLINE_ROWS:
            largest = max([applied.bound.state_dtype.itemsize for _, applied in work], default=0)
            if rows * largest <= _INLINE_BYTES:
                return _run_all(work, budget)
        loop = asyncio.get_running_loop()
        pieces = _pieces(work, rows, self.threads)
        done = await asyncio.gather(*(loop.run_in_executor(self.executor, _run_all, piece, budget) for piece in pieces))
        return [answer for piece in done for answer in piece]


def _pieces(work: Sequence[_Work], rows: int, threads: int) -> list[Sequence[_Work]]:
    """The work cut by streams: for every thread at least one piece, and not many that are not worth handing over."""
    count = max(threads, min(_PIECES * threads, rows // _PIECE_ROWS))
    size = -(-len(work) // count)
    return [work[start : start + size] for start in range(0, len(work), size)]


def _run_all(work: Sequence[_Work], budget: Budget) -> list[Answer]:
    """The answers in the order of the work; turns under the same settings that ask for the same run as one."""
    if len(work) == 1:
        return _run_together(work, budget)
    groups: dict[tuple[Filter[Any], frozenset[str]], list[int]] = {}
    for index, (turn, applied) in enumerate(work):
        groups.setdefault((applied.bound, turn.names), []).append(index)
    if len(groups) == 1:
        return _run_in_packs(work, budget)
    answers: dict[int, Answer] = {}
    for indices in groups.values():
        answers.update(zip(indices, _run_in_packs([work[index] for index in indices], budget), strict=True))
    return [answers[index] for index in range(len(work))]


def _run_in_packs(work: Sequence[_Work], budget: Budget) -> list[Answer]:
    """The same of turns that have a filter and names in common: together as many as make a slice."""
    most, rows = first_rows(work[0][1].bound), 0
    answers: list[Answer] = []
    pack: list[_Work] = []
    for turn, applied in work:
        if pack and rows + len(turn.observations) > most:
            answers += _run_together(pack, budget)
            pack, rows = [], 0
        pack.append((turn, applied))
        rows += len(turn.observations)
    return answers + _run_together(pack, budget)


def _run_together(work: Sequence[_Work], budget: Budget) -> list[Answer]:
    """Filter the rows of turns that have a filter and names in common, and forecast after the last of each."""
    turn, applied = work[0]
    bound: Filter[Any] = applied.bound
    now = turn.names.difference(bound.horizon_names)
    if len(work) == 1:
        batch, ends = turn.batch(bound), [len(turn.observations)]
        step = run_in_slices(bound, applied.before, batch, now, budget)
        states = [step.state.tobytes()]
    else:
        batch, ends = rows_together([turn for turn, _ in work], bound)
        before = np.frombuffer(b"".join([applied.state for _, applied in work]), bound.state_dtype)
        step, _ = budget.spend(bound.run_many, before, batch, np.array([0, *ends]), now)
        states = step.state.view(f"V{bound.state_dtype.itemsize}").tolist()
    info, name, version, config = step.info, bound.name, bound.schema_version, bound.config_json
    answers, first = [], 0
    for (turn, applied), state, last in zip(work, states, ends, strict=True):
        belief = Belief(name, version, config, applied.offset + last - first, state)
        digest = turn.digest() if turn.sequence_id and applied.is_stored else b""
        replayed = isinstance(applied, Replay)
        forecast = _forecast(turn, bound, state, budget)
        answers.append(Answer(info, first, last, belief, replayed, applied.life, digest, forecast))
        first = last
    return answers


def _forecast(turn: Turn, bound: Filter[Any], state: bytes, budget: Budget) -> Mapping[str, Array]:
    """The outputs on forecast steps that the turn asks for."""
    later = turn.names.intersection(bound.horizon_names) if turn.horizon else None
    if not later:
        return _NO_FORECAST
    record = np.frombuffer(state, bound.state_dtype).reshape(())
    forecast, _ = budget.spend(bound.forecast, record, turn.horizon)
    return {name: forecast[name] for name in later}
