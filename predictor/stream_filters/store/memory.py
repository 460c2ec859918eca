"""The default store: a dictionary in this process, gone with it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from heapq import heapify, heappop, heappush, nsmallest
from itertools import count
from math import inf
from typing import Any

from stream_filters.store.base import ConflictError, Page, Store, StoreFullError, Versioned, Write
from stream_filters.store.counts import PrefixCounts

# Expired keys that one read or write gives back at most, so that none waits for a million of them.
EXPIRED_PER_CALL = 16
# Heap entries of deleted keys that are tolerated beyond as many as there are live keys.
STALE_ENTRIES = 1024
# what a key costs besides its value
_BYTES_AROUND = 370


class _Record:
    __slots__ = ("deadline", "scheduled", "versioned")

    def __init__(self, versioned: Versioned, deadline: float) -> None:
        self.versioned = versioned
        self.deadline = deadline
        self.scheduled = deadline


class MemoryStore(Store):
    """Keeps everything in a dictionary; reads and writes never wait.

    A key has one entry in a heap of expiry times. A write that only prolongs its life leaves the entry where it
    is; when its time comes, it is put back for the rest. Reads compare with the deadline itself, so expiry is exact;
    the heap gives the memory back, a little at each call and all of it at `check` and `count`.

    clock: seconds, never going back. max_bytes: of all keys and values, 0: none.
    """

    keeps_objects = True

    def __init__(self, clock: Callable[[], float] = time.monotonic, max_bytes: int = 0) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._clock = clock
        self._records: dict[str, _Record] = {}
        self._heap: list[tuple[float, str]] = []
        self._next_due = inf
        self._counts = PrefixCounts()
        self._versions = count(1)

    async def open(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> None:
        """Give the memory back."""
        self._records.clear()
        self._heap.clear()
        self._bytes = 0
        self._next_due = inf
        self._counts = PrefixCounts()

    async def check(self) -> None:
        """Always answers; gives back what has expired, also while nobody reads or writes."""
        self._expire(self._clock(), limit=None)

    async def get(self, key: str) -> Versioned | None:
        """The value of one key."""
        now = self._clock()
        if self._next_due <= now:
            self._expire(now, EXPIRED_PER_CALL)
        record = self._records.get(key)
        return record.versioned if record is not None and record.deadline > now else None

    async def get_many(self, keys: Sequence[str]) -> list[Versioned | None]:
        """The values of `keys`, in their order; None where there is none or it expired."""
        return [await self.get(key) for key in keys]

    async def write(self, write: Write) -> bytes:
        """Carry out one write; returns the new version. Raises `ConflictError`."""
        result = self._write(write)
        if isinstance(result, ConflictError):
            raise result
        return result

    async def write_many(self, writes: Sequence[Write]) -> list[bytes | ConflictError]:
        """Carry out each write on its own; the new version, or the conflict, of each. Raises StoreFullError."""
        return [self._write(write) for write in writes]

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """The live keys that begin with `prefix`."""
        for key in [key for key in self._records if key.startswith(prefix)]:
            record = self._records.get(key)
            if record is not None and record.deadline > self._clock():
                yield key

    async def page(self, prefix: str, token: str, limit: int) -> Page:
        """The `limit` live keys that follow the token in the order of their names; it is the last key before them."""
        now, names = self._clock(), list(self._records)
        # elsewhere, since looking at a million names takes a while
        found = await asyncio.to_thread(
            nsmallest, limit + 1, (key for key in names if key > token and key.startswith(prefix))
        )
        live = [key for key in found[:limit] if (record := self._records.get(key)) and record.deadline > now]
        return Page(live, found[limit - 1] if len(found) > limit else "")

    async def count(self, prefix: str) -> int:
        """How many live keys begin with `prefix`, exactly; counted once, then kept up to date."""
        self._expire(self._clock(), limit=None)
        known = self._counts.get(prefix)
        if known is None:
            known = sum(key.startswith(prefix) for key in self._records)
            self._counts.set(prefix, known)
        return known

    def _write(self, write: Write) -> bytes | ConflictError:
        now = self._clock()
        if self._next_due <= now:
            self._expire(now, EXPIRED_PER_CALL)
        record = self._records.get(write.key)
        if record is not None and record.deadline <= now:
            self._remove(write.key)
            record = None
        if (None if record is None else record.versioned.version) != write.expected:
            return ConflictError("the key no longer holds the expected version")
        if write.value is None:
            if record is not None:
                self._remove(write.key)
            return b""
        more = _size(write.value) - (_size(record.versioned.value) if record else -_BYTES_AROUND)
        if self._max_bytes and more > 0 and not write.is_last and self._bytes + more > self._max_bytes:
            raise StoreFullError(f"the memory store has reached its limit, {self._max_bytes} bytes")
        self._bytes += more
        version = next(self._versions).to_bytes(8, "big")
        self._put(write.key, record, Versioned(write.value, version), now + write.ttl_seconds)
        return version

    def _put(self, key: str, record: _Record | None, versioned: Versioned, deadline: float) -> None:
        if record is None:
            self._records[key] = record = _Record(versioned, deadline)
            self._counts.add(key, 1)
            self._schedule(key, record)
            return
        record.versioned = versioned
        record.deadline = deadline
        if deadline < record.scheduled:
            self._schedule(key, record)

    def _schedule(self, key: str, record: _Record) -> None:
        record.scheduled = record.deadline
        heappush(self._heap, (record.deadline, key))
        self._next_due = self._heap[0][0]

    def _remove(self, key: str) -> None:
        record = self._records.pop(key)
        self._bytes -= _BYTES_AROUND + _size(record.versioned.value)
        self._counts.add(key, -1)
        if len(self._heap) > 2 * len(self._records) + STALE_ENTRIES:
            self._heap = [(record.scheduled, key) for key, record in self._records.items()]
            heapify(self._heap)
            self._next_due = self._heap[0][0] if self._heap else inf

    def _expire(self, now: float, limit: int | None) -> None:
        """Give back the keys whose time is over; at most `limit` entries of the heap are looked at."""
        looked_at = 0
        while self._next_due <= now and (limit is None or looked_at < limit):
            looked_at += 1
            scheduled, key = heappop(self._heap)
            self._next_due = self._heap[0][0] if self._heap else inf
            record = self._records.get(key)
            if record is None or record.scheduled != scheduled:
                continue  # a deleted or rescheduled key's old entry
            if record.deadline <= now:
                self._remove(key)
            else:
                self._schedule(key, record)


def _size(value: Any) -> int:
    return len(value) if isinstance(value, bytes) else int(value.size)
