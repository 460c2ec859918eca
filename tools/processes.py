"""Servers beside a command: started on free loopback ports, ended by their ids."""

import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

_READY = re.compile(r"is ready: grpc (\S+), http (\S+),")
_DEADLINE_SECONDS = 180.0
_END_SECONDS = 60.0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def predictor(*settings: str, module: str = "stream_filters") -> Iterator[tuple[str, str]]:
    """Our predictor; gives its gRPC and HTTP addresses once it is ready. Raises RuntimeError if it never is."""
    ports = ["--host", "127.0.0.1", "--grpc-port", "0", "--http-port", "0"]
    with running([sys.executable, "-m", module, *ports, *settings]) as (process, log):
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while not (found := _READY.search(text := _read(log))):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the predictor did not start:\n{text}")
            time.sleep(0.01)
        yield found[1], found[2]


@contextmanager
def running(command: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], IO[str]]]:
    """A process and what it printed; it is told to end afterwards, also when this process is told to end."""
    with tempfile.TemporaryFile("w+") as log, sigterm_as_exit():
        # a group of its own: Ctrl-C is for the command beside it, which ends its streams before the server goes
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)  # noqa: S603
        try:
            yield process, log
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Tell a process to end, and wait for it; it is killed when it does not."""
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def sigterm_as_exit() -> Iterator[None]:
    """SIGTERM ends this process in the way of an exception, past whatever cleans up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit(number: int, _: Any) -> None:
    # `timeout` tells a whole group twice; the second time must not end the cleaning up
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def _read(log: IO[str]) -> str:
    log.seek(0)
    return log.read()
