"""One at a time, in arrival order, for each key."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from stream_filters.refusals import Exhausted


@dataclass(slots=True)
class _Gate:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    holders: int = 0


class Turnstile:
    """Locks by key that exist only while somebody holds or awaits them.

    waiting: how many may queue for one key.
    """

    def __init__(self, waiting: int) -> None:
        self._waiting = waiting
        self._gates: dict[str, _Gate] = {}

    def __len__(self) -> int:
        return len(self._gates)

    @asynccontextmanager
    async def turn(self, keys: Sequence[str]) -> AsyncIterator[None]:
        """Hold all keys. Raises Exhausted when the queue of one is full."""
        if len(keys) == 1:
            async with self._one(keys[0]):
                yield
            return
        async with AsyncExitStack() as stack:
            # the same order for everyone: two requests with the same keys cannot wait for each other
            for key in sorted(keys):
                await stack.enter_async_context(self._one(key))
            yield

    @asynccontextmanager
    async def _one(self, key: str) -> AsyncIterator[None]:
        gate = self._gates.setdefault(key, _Gate())
        if gate.holders > self._waiting:
            raise Exhausted(
                f"sequence_id: {self._waiting} requests wait for the stream {key!r} already; "
                "wait for answers before sending more"
            )
        gate.holders += 1
        try:
            async with gate.lock:
                yield
        finally:
            gate.holders -= 1
            if not gate.holders:
                del self._gates[key]
