"""Room for one run: outputs side by side in one buffer, and working arrays that each thread uses again.

A request of one observation takes a kernel some microseconds; allocating twenty arrays takes longer than that.
"""

import math
import threading
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from stream_filters.filters.base import Array, Floats

_T = TypeVar("_T")
_PLANS = 64


class PerThread(threading.local, Generic[_T]):
    """One value for each thread. It must not matter what an earlier run left in it."""

    def __init__(self, make: Callable[[], _T]) -> None:
        self.value = make()


class Place(NamedTuple):
    """Where an output stands in a buffer."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset_bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the outputs asked for stand in one buffer of `size` doubles.

    starts: of every output that there is, -1 where it was not asked for. whole: from where to where stand INT64.
    """

    size: int
    starts: NDArray[np.int64]
    places: Sequence[Place]
    whole: Sequence[tuple[int, int]]

    def new_buffer(self) -> Floats:
        """A buffer of NaN, and 0 for whole numbers."""
        buffer = np.empty(self.size)
        buffer.fill(math.nan)
        for first, last in self.whole:
            buffer[first:last] = 0.0
        return buffer

    def arrays(self, buffer: Floats) -> dict[str, Array]:
        """The outputs by name, as views of the buffer."""
        return {name: np.ndarray(shape, dtype, buffer, offset) for name, shape, dtype, offset in self.places}


class ReportRoom:
    """Plans the buffers that a kernel reports into.

    shapes: of one row of each output. whole: the outputs that are INT64.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], whole: Set[str] = frozenset()) -> None:
        self._shapes = shapes
        self._whole = whole
        self._planned = lru_cache(maxsize=_PLANS)(self._make_plan)

    def plan(self, rows: int, names: Set[str]) -> Plan:
        """Places for so many rows of the outputs named."""
        return self._planned(rows, frozenset(names))

    def _make_plan(self, rows: int, names: frozenset[str]) -> Plan:
        places, starts, whole, start = [], [], [], 0
        for name, shape in self._shapes.items():
            starts.append(start if name in names else -1)
            if name in names:
                stop = start + rows * prod(shape)
                dtype = np.dtype(np.int64 if name in self._whole else np.float64)
                places.append(Place(name, (rows, *shape), dtype, start * dtype.itemsize))
                if name in self._whole:
                    whole.append((start, stop))
                start = stop
        return Plan(start, np.array(starts, np.int64), places, whole)
