"""Long runs in slices, so that one whose caller has gone, or that costs too much, ends soon.

Where a stream is cut changes no bit, so that a slice may end after any row.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from stream_filters.filters.base import Array, Batch, Filter, Step
from stream_filters.refusals import TooLarge

# a slice takes about so long
_SLICE_SECONDS = 0.1
# rows of the first slice, whose cost nobody knows yet, and how much of states they may go through
_FIRST_ROWS = 1024
_FIRST_BYTES = 2**22
# a slice has at most so many times the rows of the one before it
_GROWTH = 8.0


class GivenUp(Exception):
    """Nobody waits for the answer any more."""


class Budget:
    """What the computation of one request may cost, in seconds of processors.

    clock: seconds that the calling thread has worked.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.thread_time) -> None:
        self._seconds = seconds
        self._clock = clock
        self._spent = 0.0
        self._given_up = False

    def give_up(self) -> None:
        """Let every slice be the last; from any thread."""
        self._given_up = True

    def spend(self, work: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
        """What `work` gives, and how long it took. Raises GivenUp and TooLarge."""
        if self._given_up:
            raise GivenUp
        if self._spent > self._seconds:
            raise TooLarge(
                f"observations: the filter needs more than {self._seconds:g} s of a processor for this request, the "
                "limit; send fewer rows at once, or begin the stream with a smaller config"
            )
        began = self._clock()
        done = work(*arguments)
        took = self._clock() - began
        self._spent += took
        return done, took


def first_rows(bound: Filter[Any]) -> int:
    """How many rows run at once where nobody knows yet what one costs."""
    return max(1, min(_FIRST_ROWS, _FIRST_BYTES // max(1, bound.state_dtype.itemsize)))


def run_in_slices(bound: Filter[Any], state: Array, batch: Batch, names: frozenset[str], budget: Budget) -> Step:
    """As the filter's `run`. Raises GivenUp and TooLarge."""
    rows = len(batch.observations)
    size = first_rows(bound)
    if rows <= size:
        step: Step = budget.spend(bound.run, state, batch, names)[0]
        return step
    parts: list[Step] = []
    start = 0
    while start < rows:
        part = batch.part(start, start + size)
        step, took = budget.spend(bound.run, state, part, names)
        parts.append(step)
        state = step.state
        start += size
        size = max(1, int(size * min(_GROWTH, _SLICE_SECONDS / max(took, 1e-9))))
    return Step(state, {name: np.concatenate([part.info[name] for part in parts]) for name in names})
