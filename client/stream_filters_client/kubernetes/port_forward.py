"""A loopback port whose connections go on through pipes, each opened anew: it outlives whatever is behind them."""

import selectors
import socket
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Protocol, Self

from stream_filters_client.errors import StreamFiltersError

_CHUNK_BYTES = 1 << 16
_GOODBYE_SECONDS = 2.0


class Pipe(Protocol):
    """One connection to the far side."""

    def fileno(self) -> int:
        """What to wait on until `receive` has something to read."""

    def pending(self) -> bool:
        """Whether bytes have arrived already that waiting on `fileno` would not tell of."""

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError when the far side is gone."""

    def receive(self) -> bytes | None:
        """The bytes that have arrived, maybe none; None at the end. Raises OSError when the far side is gone."""

    def close(self) -> None:
        """End the connection."""


class Relay:
    """Serves a port on 127.0.0.1 while it is open: `with Relay(dial) as relay: ... relay.target`.

    dial: opens a pipe, for every connection that comes in. Where it raises a StreamFiltersError or an OSError the
    connection is closed at once, so that its owner tries again.
    """

    def __init__(self, dial: Callable[[], Pipe]) -> None:
        self._dial = dial
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        self._closed = False

    @property
    def target(self) -> str:
        """host:port of the loopback port."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="relay", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
            serving = dict(self._open)
        # close alone leaves a thread that waits where it is
        for connection in (self._listener, *serving):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in serving.values():
            thread.join(_GOODBYE_SECONDS)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), name="relay", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            with self._lock:
                if self._closed:
                    return
                self._open[connection] = threading.current_thread()
            try:
                with suppress(StreamFiltersError, OSError):
                    self._carry(connection, self._dial())
            finally:
                with self._lock:
                    del self._open[connection]

    @staticmethod
    def _carry(connection: socket.socket, pipe: Pipe) -> None:
        """Carry bytes both ways until either side ends: in one thread, TLS is not read and written at once."""
        with closing(pipe), selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            selector.register(pipe, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select(0 if pipe.pending() else None)}
                if connection in ready:
                    if not (data := connection.recv(_CHUNK_BYTES)):
                        return
                    pipe.send(data)
                if pipe in ready or pipe.pending():
                    if (answer := pipe.receive()) is None:
                        return
                    connection.sendall(answer)
