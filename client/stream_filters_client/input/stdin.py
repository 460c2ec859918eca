"""Rows as requests: of a file, or as they arrive on standard input."""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stream_filters_client.errors import BadInput
from stream_filters_client.input.layout import Row
from stream_filters_client.protocol.codec import Array, Floats

# rows that are read before they can be sent; then the pipe has to wait
_AHEAD_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """Observations of one request, [T] or [T, D], and what is known of each row, [T] or None.

    time_deltas: the time since its predecessor. stamps: when it was, as datetime64 or as a number. scales: std of the
    reading beside the usual one's. ready_seconds: when the last of them arrived, by the clock of `time.perf_counter`;
    None if they were always there.
    """

    observations: Floats
    time_deltas: Floats | None = None
    ready_seconds: float | None = None
    stamps: Array | None = None
    scales: Floats | None = None

    def part(self, rows: slice) -> "Chunk":
        """Some of the rows."""
        beside = (None if each is None else each[rows] for each in (self.time_deltas, self.stamps, self.scales))
        deltas, stamps, scales = beside
        return Chunk(self.observations[rows], deltas, self.ready_seconds, stamps, scales)


def as_chunk(rows: Sequence[Row], ready_seconds: float | None = None) -> Chunk:
    """Rows of one width as arrays: [T] where there is one value a row, [T, D] where there are more."""
    values = np.array([row.values for row in rows], dtype=np.float64)
    return Chunk(
        values[:, 0] if values.shape[1] == 1 else values,
        _known([row.time_delta for row in rows]),
        ready_seconds,
        _known([row.stamp for row in rows]),
        _known([row.scale for row in rows]),
    )


def _known(values: list[Any]) -> Array | None:
    return None if values[0] is None else np.array(values)


async def arriving(rows: Callable[[], Iterable[Row]], size: int, length: int | None) -> AsyncIterator[Chunk]:
    """Up to `length` rows as they arrive: what is there is given, without waiting for `size` rows.

    rows: opens the source, in a thread of its own. Raises BadInput.
    """
    arrivals = _Arrivals(rows, asyncio.get_running_loop())
    left = sys.maxsize if length is None else length
    empty = True
    while left > 0 and (some := await arrivals.next_rows(min(size, left))):
        empty = False
        left -= len(some)
        yield as_chunk(some, arrivals.ready_seconds)
    if empty:
        raise BadInput("standard input held no observations; write them one a line")


class _Arrivals:
    """Rows that a thread reads, a bounded number of them ahead. ready_seconds: when the last one given arrived."""

    def __init__(self, rows: Callable[[], Iterable[Row]], loop: asyncio.AbstractEventLoop) -> None:
        self.ready_seconds = 0.0
        self._queue: asyncio.Queue[tuple[Row | BadInput | None, float]] = asyncio.Queue()
        self._room = threading.Semaphore(_AHEAD_ROWS)
        self._loop = loop
        self._end: BadInput | None = None
        self._ended = False
        # a daemon: a read that never returns must not keep the process from ending
        threading.Thread(target=self._read, args=(rows,), daemon=True).start()

    async def next_rows(self, size: int) -> list[Row]:
        """The next rows, as many of `size` as have arrived, at least one; none at the end. Raises BadInput."""
        rows: list[Row] = []
        while not self._ended and len(rows) < size and not (rows and self._queue.empty()):
            item, ready_seconds = await self._queue.get()
            self._room.release()
            if isinstance(item, Row):
                rows.append(item)
                self.ready_seconds = ready_seconds
            else:
                self._ended, self._end = True, item
        if not rows and self._end is not None:
            raise self._end
        return rows

    def _read(self, rows: Callable[[], Iterable[Row]]) -> None:
        try:
            for row in rows():
                self._room.acquire()
                self._put(row)
            self._put(None)
        except BadInput as error:
            self._put(error)
        except UnicodeDecodeError as error:
            self._put(BadInput(f"standard input is not UTF-8 text (byte {error.start}); convert it first"))
        except OSError as error:
            self._put(BadInput(f"standard input cannot be read ({error.strerror}); name a file"))
        except RuntimeError:
            # the loop has ended, and nobody reads any more
            return

    def _put(self, item: Row | BadInput | None) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, (item, time.perf_counter()))
