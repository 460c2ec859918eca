"""Rows as requests: of a file, or as they arrive on standard input."""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

import numpy as np

from stream_filters_client.errors import BadInput
from stream_filters_client.input.sources import Layout, Row, read_any
from stream_filters_client.protocol.codec import Floats

# rows that are read before they can be sent; then the pipe has to wait
_AHEAD_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """Observations of one request, [T] or [T, D], and the time since each one's predecessor, [T] or None.

    ready_seconds: when the last of them arrived, by the clock of `time.perf_counter`; None if they were always there.
    """

    observations: Floats
    time_deltas: Floats | None
    ready_seconds: float | None = None


def as_chunk(rows: Sequence[Row], ready_seconds: float | None = None) -> Chunk:
    """Rows of one width as arrays: [T] where there is one value a row, [T, D] where there are more."""
    values = np.array([row.values for row in rows], dtype=np.float64)
    deltas = None if rows[0].time_delta is None else np.array([row.time_delta for row in rows], dtype=np.float64)
    return Chunk(values[:, 0] if values.shape[1] == 1 else values, deltas, ready_seconds)


async def arriving(lines: TextIO, layout: Layout, size: int, length: int | None) -> AsyncIterator[Chunk]:
    """Up to `length` rows as they arrive: what is there is given, without waiting for `size` rows. Raises BadInput."""
    arrivals = _Arrivals(read_any(lines, layout, "stdin"), asyncio.get_running_loop())
    left = sys.maxsize if length is None else length
    empty = True
    while left > 0 and (rows := await arrivals.next_rows(min(size, left))):
        empty = False
        left -= len(rows)
        yield as_chunk(rows, arrivals.ready_seconds)
    if empty:
        raise BadInput("standard input held no observations; write them one a line")


class _Arrivals:
    """Rows that a thread reads, a bounded number of them ahead. ready_seconds: when the last one given arrived."""

    def __init__(self, rows: Iterator[Row], loop: asyncio.AbstractEventLoop) -> None:
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

    def _read(self, rows: Iterator[Row]) -> None:
        try:
            for row in rows:
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
