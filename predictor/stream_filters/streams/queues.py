"""One at a time, in arrival order, for each key."""

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from stream_filters.refusals import Overloaded


@dataclass(slots=True, eq=False)
class _Ticket:
    """A request's places in the queues of its keys; it is its turn inside of it.

    behind: in how many of its queues somebody is ahead. called: done when nobody is.
    """

    turnstile: "Turnstile"
    keys: Sequence[str]
    behind: int = 0
    called: asyncio.Future[None] | None = None

    async def __aenter__(self) -> None:
        self.turnstile.join(self)
        if self.behind:
            self.called = asyncio.get_running_loop().create_future()
            try:
                await self.called
            except asyncio.CancelledError:
                self.turnstile.leave(self)
                raise

    async def __aexit__(self, *_: object) -> None:
        self.turnstile.leave(self)


class Turnstile:
    """Queues by key that exist only while somebody is in them; who is first in all of its queues goes in.

    A request of many keys joins all of its queues at once, so that nobody overtakes it in one while it waits in
    another, and so that of all who wait the earliest is never behind anybody: there is no deadlock.

    waiting: how many may queue for one key.
    """

    def __init__(self, waiting: int) -> None:
        self._waiting = waiting
        self._queues: dict[str, deque[_Ticket]] = {}

    def __len__(self) -> int:
        return len(self._queues)

    def full(self, key: str) -> Overloaded | None:
        """Why nobody more may queue for the key, if so."""
        if len(self._queues.get(key, ())) <= self._waiting:
            return None
        return Overloaded(
            f"sequence_id: {self._waiting} requests wait for the stream {key!r} already; "
            "wait for answers before sending more"
        )

    def is_free(self, keys: Collection[str]) -> bool:
        """Whether nobody holds any of the keys, or waits for it."""
        return self._queues.keys().isdisjoint(keys)

    def turn(self, keys: Sequence[str]) -> AbstractAsyncContextManager[None]:
        """Hold all keys, each named once. Raises Overloaded when the queue of one is full."""
        return _Ticket(self, keys)

    def join(self, ticket: _Ticket) -> None:
        """Queue for every key of the ticket. Raises Overloaded."""
        for key in ticket.keys:
            if refusal := self.full(key):
                raise refusal
        for key in ticket.keys:
            queue = self._queues.setdefault(key, deque())
            ticket.behind += bool(queue)
            queue.append(ticket)

    def leave(self, ticket: _Ticket) -> None:
        """Make way in every queue."""
        for key in ticket.keys:
            self._leave(key, ticket)

    def _leave(self, key: str, ticket: _Ticket) -> None:
        queue = self._queues[key]
        if queue[0] is not ticket:
            queue.remove(ticket)
            return
        queue.popleft()
        if not queue:
            del self._queues[key]
            return
        first = queue[0]
        first.behind -= 1
        # one that has given up is called no more; it makes way by itself
        if not first.behind and first.called and not first.called.done():
            first.called.set_result(None)
