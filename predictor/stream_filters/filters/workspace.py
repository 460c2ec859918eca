"""Room for one run: outputs side by side in one buffer, and working arrays that each thread uses again.

A request of one observation takes a kernel some microseconds; allocating twenty arrays takes longer than that.
"""

import threading
from collections.abc import Callable, Mapping, Set
from functools import lru_cache
from math import prod
from typing import Any, Generic, TypeVar

import numpy as np

from stream_filters.filters.base import Array, Floats

_T = TypeVar("_T")
_PLANS = 64


class PerThread(threading.local, Generic[_T]):
    """One value for each thread. It must not matter what an earlier run left in it."""

    def __init__(self, make: Callable[[], _T]) -> None:
        self.value = make()


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
        self._plan = lru_cache(maxsize=_PLANS)(self._make_plan)

    def make(self, rows: int, names: Set[str]) -> tuple[Floats, dict[str, Array]]:
        """A buffer of NaN with all real outputs named, and every output: [rows, ...] if named, else of no rows."""
        size, places = self._plan(rows, frozenset(names))
        buffer = np.full(size, np.nan)
        arrays = self._unasked.copy()
        for name, start, stop, shape in places:
            arrays[name] = buffer[start:stop].reshape(shape)
        for name in self._whole & names:
            arrays[name] = np.zeros((rows, *self._shapes[name]), np.int64)
        return buffer, arrays

    def _make_plan(self, rows: int, names: frozenset[str]) -> tuple[int, list[tuple[Any, ...]]]:
        places, start = [], 0
        for name, shape in self._shapes.items():
            if name in names and name not in self._whole:
                stop = start + rows * prod(shape)
                places.append((name, start, stop, (rows, *shape)))
                start = stop
        return start, places
