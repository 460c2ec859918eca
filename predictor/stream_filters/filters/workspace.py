"""Room for one run: outputs side by side in one buffer, and working arrays that each thread uses again.

A request of one observation takes a kernel some microseconds; allocating twenty arrays takes longer than that.
"""

import threading
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from stream_filters.filters.base import Array, Floats

_T = TypeVar("_T")
_PLANS = 64


class PerThread(threading.local, Generic[_T]):
    """One value for each thread. It must not matter what an earlier run left in it."""

    def __init__(self, make: Callable[[], _T]) -> None:
        self.value = make()


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the real outputs asked for stand in one buffer of `size` doubles.

    starts: of every output that there is, -1 where it was not asked for. places: name, part of the buffer and shape,
    None where that is the part's own.
    """

    size: int
    starts: NDArray[np.int64]
    places: Sequence[tuple[str, slice, tuple[int, ...] | None]]

    def arrays(self, buffer: Floats) -> dict[str, Floats]:
        """The outputs by name, as views of the buffer."""
        return {
            name: buffer[part] if shape is None else buffer[part].reshape(shape) for name, part, shape in self.places
        }


class ReportRoom:
    """Makes the arrays that a kernel reports into.

    shapes: of one row of each output. whole: the outputs that are INT64.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], whole: Set[str] = frozenset()) -> None:
        self._shapes = shapes
        self._whole = whole
        self._unasked: dict[str, Array] = {
            name: np.zeros((0, *shape), np.int64 if name in whole else np.float64) for name, shape in shapes.items()
        }
        self._planned = lru_cache(maxsize=_PLANS)(self._make_plan)

    def plan(self, rows: int, names: Set[str]) -> Plan:
        """Places for so many rows of the outputs named."""
        return self._planned(rows, frozenset(names))

    def make(self, rows: int, names: Set[str]) -> dict[str, Array]:
        """Every output: [rows, ...] if named, with NaN where it is real, else of no rows."""
        plan = self.plan(rows, names)
        arrays = self._unasked | plan.arrays(np.full(plan.size, np.nan))
        for name in self._whole & names:
            arrays[name] = np.zeros((rows, *self._shapes[name]), np.int64)
        return arrays

    def _make_plan(self, rows: int, names: frozenset[str]) -> Plan:
        places, starts, start = [], [], 0
        for name, shape in self._shapes.items():
            asked = name in names and name not in self._whole
            starts.append(start if asked else -1)
            if asked:
                stop = start + rows * prod(shape)
                places.append((name, slice(start, stop), (rows, *shape) if shape else None))
                start = stop
        return Plan(start, np.array(starts, np.int64), places)
