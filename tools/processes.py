"""Servers beside a command: started on free loopback ports, ended by their ids."""

import os
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
from typing import IO, Any, NamedTuple

_READY = re.compile(r"is ready: grpc (\S+), http (\S+),")
FREE_PORTS = ["--grpc-port", "0", "--http-port", "0"]
# a first start compiles every filter
_DEADLINE_SECONDS = 600.0
_END_SECONDS = 60.0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def predictor(*settings: str, module: str = "stream_filters") -> Iterator[tuple[str, str]]:
    """Our predictor; gives its gRPC and HTTP addresses once it is ready. Raises RuntimeError if it never is."""
    with ready([sys.executable, "-m", module, "--host", "127.0.0.1", *FREE_PORTS, *settings]) as addresses:
        yield addresses


@contextmanager
def ready(command: list[str], **environment: str) -> Iterator[tuple[str, str]]:
    """A command that starts a predictor; gives its gRPC and HTTP addresses. Raises RuntimeError if it never is ready.

    environment: variables on top of this process's own.
    """
    with served(command, **environment) as server:
        yield server.grpc, server.http


class Server(NamedTuple):
    """A server that is ready: its addresses, and the id of its process."""

    grpc: str
    http: str
    pid: int


@contextmanager
def served(command: list[str], **environment: str) -> Iterator[Server]:
    """The same with the id of its process."""
    with running(command, **environment) as (process, log):
        found = _READY.search(said_until_ready(process, log))
        assert found  # noqa: S101
        yield Server(found[1], found[2], process.pid)


def said_until_ready(process: subprocess.Popen[bytes], log: IO[str]) -> str:
    """What a predictor said until it was ready. Raises RuntimeError if it never is."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not _READY.search(text := _read(log)):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the predictor did not start:\n{text}")
        time.sleep(0.01)
    return text


@contextmanager
def running(command: list[str], **environment: str) -> Iterator[tuple[subprocess.Popen[bytes], IO[str]]]:
    """A process and what it printed; it is told to end afterwards, also when this process is told to end."""
    with tempfile.TemporaryFile("w+") as log, sigterm_as_exit():
        # a group of its own: Ctrl-C is for the command beside it, which ends its streams before the server goes
        process = subprocess.Popen(  # noqa: S603
            command, env={**os.environ, **environment}, stdout=log, stderr=log, start_new_session=True
        )
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
