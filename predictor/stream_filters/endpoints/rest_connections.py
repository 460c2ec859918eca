"""REST's connections: how many there may be, and how long the head of a request may take."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Connections:
    """How many there are, of how many; and the seconds for a head to come."""

    def __init__(self, most: int, head_seconds: float) -> None:
        self.most = most
        self.head_seconds = head_seconds
        self.now = 0


def bounded(connections: Connections) -> type[asyncio.Protocol]:
    """uvicorn's protocol within bounds: a connection too many, or one whose head does not come, is closed."""

    class BoundedProtocol(HttpToolsProtocol):
        _timer: asyncio.TimerHandle | None = None
        _counted = False

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if connections.now >= connections.most:
                transport.abort()
                return
            connections.now += 1
            self._counted = True
            self._wait_for_head()

        def connection_lost(self, exc: Exception | None) -> None:
            connections.now -= self._counted
            self._counted = False
            self._head_has_come()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._head_has_come()
            elif self._timer is None:
                # the beginning of another request, which may take no longer than the first
                self._wait_for_head()

        def _wait_for_head(self) -> None:
            self._timer = self.loop.call_later(connections.head_seconds, self.transport.close)

        def _head_has_come(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return BoundedProtocol
