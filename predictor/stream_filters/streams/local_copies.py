"""Copies of streams in this process, so that a request of a stream that was here before need not be read first."""

import time
from collections import OrderedDict
from collections.abc import Callable
from math import inf
from typing import NamedTuple

from stream_filters.refusals import Unusable
from stream_filters.streams.records import Record
from stream_filters.streams.runner import Observer
from stream_filters.telemetry import Reason


class Held(NamedTuple):
    """A stream as the store has it: its record and version, or neither.

    cached: a local copy, which may be old. expires_at: when the store will have forgotten it, by this process's clock.
    """

    record: Record | None = None
    version: bytes | None = None
    cached: bool = False
    expires_at: float = inf
    unreadable: Unusable | None = None

    @property
    def is_new(self) -> bool:
        """Whether the store has nothing; a stream that ended, but is still held for retries, has its place there."""
        return self.version is None


class LocalCopies:
    """The streams that were written last; all of one lifetime, so that the first written expire first.

    room: how many, of how many bytes together. clock: seconds, never going back.
    """

    def __init__(self, room: tuple[int, int], observer: Observer, clock: Callable[[], float] = time.monotonic) -> None:
        self._room, self._room_bytes = room
        self._bytes = 0
        self._observer = observer
        self._clock = clock
        self._held: OrderedDict[str, Held] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: str) -> Held | None:
        """The copy, unless there is none or its time is over."""
        self._forget_expired()
        return self._held.get(key)

    def drop(self, key: str) -> None:
        """Trust the copy no more."""
        if held := self._held.pop(key, None):
            self._bytes -= _size(held)

    def put(self, key: str, record: Record, version: bytes, expires_at: float) -> None:
        """Keep what was just written; the oldest make room for it."""
        self.drop(key)
        self._held[key] = held = Held(record, version, cached=True, expires_at=expires_at)
        self._bytes += _size(held)
        while len(self._held) > self._room or self._bytes > self._room_bytes:
            self._drop_oldest("full")

    def _forget_expired(self) -> None:
        now = self._clock()
        while self._held and next(iter(self._held.values())).expires_at <= now:
            self._drop_oldest("expired")

    def _drop_oldest(self, reason: Reason) -> None:
        self.drop(next(iter(self._held)))
        self._observer.evicted(reason)


def _size(held: Held) -> int:
    return held.record.size if held.record else 0
