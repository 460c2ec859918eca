"""Real servers for the tests: started on free ports, ended by their process ids."""

import asyncio
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import redis

from tests.pinned_tools import store_server

SETTINGS = {
    "daemonize": "no",
    "save": '""',
    "appendonly": "yes",
    "appendfsync": "everysec",
    "repl_diskless_sync_delay": "0",
}
DEADLINE_SECONDS = 30.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again until it holds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not await condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.01)


def wait_until(condition: Callable[[], bool]) -> None:
    """Ask again and again until it holds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


class Server:
    """One server process with its folder; `start` again after `kill` finds the append-only file."""

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        self.port = free_port()
        self.folder = folder
        self.arguments = arguments
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **settings: str) -> None:
        """Start the process with these settings too, and wait until it accepts connections."""
        file = self.folder / "server.conf"
        file.write_text(self._configuration(settings))
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen([store_server(), str(file), *self.arguments], stdout=log, stderr=log)
        wait_until(self._accepts)

    def _configuration(self, settings: dict[str, str]) -> str:
        options = {"bind": "127.0.0.1", "dir": str(self.folder), "port": str(self.port)}
        if "--sentinel" not in self.arguments:
            options |= SETTINGS
        options |= self.settings | settings
        lines = [f"{name.replace('_', '-')} {line}" for name, value in options.items() for line in value.splitlines()]
        return "\n".join(lines) + "\n"

    def _accepts(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "server.log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def client(self, **options: Any) -> redis.Redis:
        """A plain client, to look behind the store."""
        return redis.Redis(host="127.0.0.1", port=self.port, **options)

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(DEADLINE_SECONDS)
            self.process = None
