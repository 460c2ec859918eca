"""Command lines in processes of their own, on terminals of their own."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path

COMMAND = [sys.executable, "-m", "stream_filters_client.cli"]
ALTERNATE_SCREEN, MAIN_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"
HIDE_CURSOR, SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"
DEADLINE_SECONDS = 60.0


def poll(reached: Callable[[], bool]) -> None:
    """Wait until it is so. Raises AssertionError when it is not in time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def signals_pending(pid: int) -> int:
    """The process's mask of signals that were sent and not yet taken."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return sum(int(mask, 16) for mask in re.findall(r"^(?:Sig|Shd)Pnd:\s+(\w+)", status, re.MULTILINE))


class Terminal:
    """A process whose output is a pseudo-terminal of a given size."""

    def __init__(
        self, arguments: list[str], columns: int, rows: int, command: Sequence[str] = COMMAND, **environment: str
    ) -> None:
        self._master, slave = pty.openpty()
        self.resize(columns, rows)
        # its size is that of its terminal, not what the environment of the tests says
        clean = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.PIPE,
            stdout=slave,
            stderr=slave,
            env={**clean, "TERM": "xterm-256color", **environment},
        )
        os.close(slave)
        self.seen = b""

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def feed(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def read_until(self, text: bytes) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen[-2000:]
            self._read()

    def finish(self) -> int:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self._read() or self.process.poll() is None:
            assert time.monotonic() < deadline
        os.close(self._master)
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait()

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], 0.05)
        if not ready:
            return False
        try:
            piece = os.read(self._master, 65536)
        except OSError:
            # a pseudo-terminal says so when its other end has been closed
            return False
        self.seen += piece
        return bool(piece)

    def was_given_back(self, *, live: bool = True) -> bool:
        """Whether the screen was changed as often as it was changed back, and the cursor can be seen."""
        screens = [self.seen.count(ALTERNATE_SCREEN), self.seen.count(MAIN_SCREEN)]
        return screens == [int(live)] * 2 and self.seen.rfind(SHOW_CURSOR) >= self.seen.rfind(HIDE_CURSOR)

    def last_frame(self) -> list[str]:
        """Lines of the last whole frame on the alternate screen."""
        frames = self.seen.split(MAIN_SCREEN)[0].split(b"\x1b[H")
        text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", frames[-1].decode())
        return text.replace("\r", "").split("\n")
