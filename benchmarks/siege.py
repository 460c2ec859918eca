"""Callers that hold on to what they get: connections, calls, watches, bodies and answers that do not go on.

Each siege is laid, lasts some seconds, and is lifted; meanwhile another caller asks, one request after the other.
Judged: every request of the other caller is answered, and the memory comes back: `make siege`.
"""

import asyncio
import resource
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
from stream_filters_client.protocol import codec
from stream_filters_client.wire.inference_pb2 import ModelInferRequest

from benchmarks.load import INFER
from tools.processes import FREE_PORTS, Server, served

MODEL = "online_ar_learning"
CONNECTIONS, HALF_OPEN, WATCHES, SLOW_BODIES, SILENT_READERS = 5_000, 40_000, 5_000, 256, 20
CALLS_PER_CONNECTION = 256
# how long each siege lasts after it was laid, and how long the memory has to come back
LASTS_SECONDS = 6.0
LIFTED_SECONDS = 3.0
# the server's own limits, short enough for a minute
LIMITS = ["--arrival-seconds", "3", "--reading-seconds", "3"]
# of the other caller for one request, a tenth of a second apart
TRIES = 100
_AGAIN = (grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)
# what may stay: pools that the allocator keeps for the next time
MOST_LEFT_MIB = 150.0
_HEAD = "siege                    laid   MiB before   highest   after   other caller   answered   sent again   worst s"
_MIB = 2**20


@dataclass(slots=True)
class Besieged:
    """What the other caller saw."""

    answered: int = 0
    failed: list[str] = field(default_factory=list)
    again: int = 0
    worst_seconds: float = 0.0


def main() -> int:
    """Returns 1 when another caller was not served, or memory did not come back."""
    _raise_files()
    with served([sys.executable, "-m", "stream_filters", "--host", "127.0.0.1", *FREE_PORTS, *LIMITS]) as server:
        return asyncio.run(_all(server))


async def _all(server: Server) -> int:
    print(_HEAD)
    sieges: list[tuple[str, Callable[[Server], Awaitable[list[asyncio.StreamWriter]]]]] = [
        ("half request lines", lambda s: _write_to(s.http, [b"POST /v2/mod"] * CONNECTIONS)),
        ("half-open calls", lambda s: _write_to(s.grpc, _frames(HALF_OPEN, _path("ModelInfer")))),
        ("health watches", lambda s: _write_to(s.grpc, _frames(WATCHES, _WATCH, message=True))),
        ("slow bodies", lambda s: _write_to(s.http, [_SLOW_BODY] * SLOW_BODIES)),
        ("silent readers", lambda s: _write_to(s.grpc, [_silent() for _ in range(SILENT_READERS)])),
    ]
    well = True
    for name, lay in sieges:
        well &= await _siege(server, name, lay)
    return 0 if well else 1


async def _siege(server: Server, name: str, lay: Callable[[Server], Awaitable[list[asyncio.StreamWriter]]]) -> bool:
    before = highest = _resident_mib(server)
    seen, over = Besieged(), asyncio.Event()
    other = asyncio.create_task(_ask(server.grpc, seen, over))
    began = time.monotonic()
    writers = await lay(server)
    took = time.monotonic() - began
    ends = time.monotonic() + LASTS_SECONDS
    while time.monotonic() < ends:
        await asyncio.sleep(0.2)
        highest = max(highest, _resident_mib(server))
    for writer in writers:
        writer.close()
    await asyncio.sleep(LIFTED_SECONDS)
    after = _resident_mib(server)
    over.set()
    await other
    well = not seen.failed and seen.answered > 0 and after - before < MOST_LEFT_MIB
    told = "served" if not seen.failed else f"FAILED {len(seen.failed)}: {seen.failed[0]}"
    print(
        f"{name:22s}{took:5.1f} s{before:13.0f}{highest:10.0f}{after:8.0f}   {told:12s}"
        f"{seen.answered:11d}{seen.again:13d}{seen.worst_seconds:10.2f}{'' if well else '   MISSED'}",
        flush=True,
    )
    return well


async def _ask(address: str, seen: Besieged, over: asyncio.Event) -> None:
    """One request after the other, until it is over."""
    request = _request(1).SerializeToString()
    async with grpc.aio.insecure_channel(address) as channel:
        call: Any = channel.unary_unary(INFER)
        while not over.is_set():
            began = time.monotonic()
            try:
                await _answered(call, request, seen)
                seen.answered += 1
            except grpc.RpcError as error:
                seen.failed.append(str(error.code().name))
            seen.worst_seconds = max(seen.worst_seconds, time.monotonic() - began)
            await asyncio.sleep(0.02)


async def _answered(call: Any, request: bytes, seen: Besieged) -> None:
    """Ask until an answer comes, as clients do that are told to send again; gRPC drops calls of a flood at random."""
    for left in reversed(range(TRIES)):
        try:
            await call(request, timeout=30)
        except grpc.RpcError as error:
            if not left or error.code() not in _AGAIN:
                raise
            seen.again += 1
            await asyncio.sleep(0.1)
        else:
            return


async def _write_to(address: str, contents: list[bytes]) -> list[asyncio.StreamWriter]:
    """A connection for each content, which is sent, and then nothing; no answer is read."""
    host, port = address.rsplit(":", 1)
    writers = []
    for content in contents:
        _, writer = await asyncio.open_connection(host, int(port), limit=2**16)
        transport = writer.transport
        transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(content)
        writers.append(writer)
        await asyncio.sleep(0)
    return writers


def _path(method: str) -> str:
    return f"/inference.GRPCInferenceService/{method}"


_WATCH = "/grpc.health.v1.Health/Watch"
_SLOW_BODY = (
    f"POST /v2/models/{MODEL}/infer HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
    "content-length: 1000\r\n\r\n{"
).encode()


def _frames(count: int, path: str, *, message: bool = False) -> list[bytes]:
    """HTTP/2 of so many calls, by connections: their heads, and an empty message or none."""
    contents = []
    for first in range(0, count, CALLS_PER_CONNECTION):
        calls = range(min(CALLS_PER_CONNECTION, count - first))
        contents.append(_PREFACE + b"".join(_call(1 + 2 * call, path, bytes(5) if message else b"") for call in calls))
    return contents


def _request(rows: int, outputs: tuple[str, ...] = ()) -> ModelInferRequest:
    return codec.encode(MODEL, {"observations": np.zeros(rows)}, {}, outputs)


def _silent() -> bytes:
    """A streaming call of many requests with long answers, which nobody reads."""
    request = _request(5_000, ("predictive_interval", "coefficients"))
    data = request.SerializeToString()
    message = b"\0" + struct.pack(">I", len(data)) + data
    frames = b"".join(_frame(0, 0, 1, message[start : start + 16_384]) for start in range(0, len(message), 16_384))
    return _PREFACE + _call(1, _path("ModelStreamInfer"), b"") + frames


# the connection's preface, and settings with all as it is usual
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _call(stream: int, path: str, data: bytes) -> bytes:
    """Frames of a call: HEADERS, and DATA if there are any."""
    fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "a"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
    block = b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)
    return _frame(1, 4, stream, block) + (_frame(0, 1, stream, data) if data else b"")


def _text(value: str) -> bytes:
    """A string as HPACK has it, of fewer than 127 bytes."""
    return bytes([len(value)]) + value.encode()


def _resident_mib(server: Server) -> float:
    with open(f"/proc/{server.pid}/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / _MIB


def _raise_files() -> None:
    """As many open files as this process, and the server with it, may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    sys.exit(main())
