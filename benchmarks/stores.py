"""Reads and writes a second of each store, as one request does them: a get, then a write of the version it read.

`python -m benchmarks.stores` measures memory, a SQLite file and a Valkey or Redis server that it starts itself;
URLs given as arguments are measured instead of these, memory first for the ratios.
"""

import argparse
import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from stream_filters.store import open_store
from stream_filters.store.base import Store, StoreUnavailableError, Write

from tools.programs import store_server

VALUE_BYTES = (8_000, 16_000)
TTL_SECONDS = 3600.0
# Streams at a time, and whether they come in one request.
PATTERNS = {
    "one stream": (1, False),
    "64 streams at once": (64, False),
    "64 streams in a request": (64, True),
}


async def apply_one(store: Store, key: str, value: bytes) -> None:
    found = await store.get(key)
    await store.write(Write(key, value, found.version if found else None, TTL_SECONDS))


async def apply_many(store: Store, keys: list[str], value: bytes) -> None:
    found = await store.get_many(keys)
    await store.write_many(
        [
            Write(key, value, entry.version if entry else None, TTL_SECONDS)
            for key, entry in zip(keys, found, strict=True)
        ]
    )


async def updates_per_second(store: Store, streams: int, together: bool, value: bytes, seconds: float) -> float:
    """How many gets with a write each were done in a second, after some that were not measured."""
    keys = [f"bench/{number}" for number in range(streams)]
    updates = 0

    async def one_stream(key: str, until: float) -> None:
        nonlocal updates
        while time.perf_counter() < until:
            await apply_one(store, key, value)
            updates += 1
            await asyncio.sleep(0)

    async def request(until: float) -> None:
        nonlocal updates
        while time.perf_counter() < until:
            await apply_many(store, keys, value)
            updates += streams

    async def run(until: float) -> None:
        if together:
            await request(until)
        else:
            await asyncio.gather(*(one_stream(key, until) for key in keys))

    await run(time.perf_counter() + seconds / 5)
    updates = 0
    begun = time.perf_counter()
    await run(begun + seconds)
    return updates / (time.perf_counter() - begun)


async def measure(url: str, seconds: float) -> dict[tuple[int, str], float]:
    store = open_store(url)
    await store.open()
    rates = {}
    for size in VALUE_BYTES:
        for pattern, (streams, together) in PATTERNS.items():
            rates[size, pattern] = await updates_per_second(store, streams, together, bytes(size), seconds)
    for key in [key async for key in store.keys("bench/")]:
        found = await store.get(key)
        if found is not None:
            await store.write(Write(key, None, found.version, TTL_SECONDS))
    await store.close()
    return rates


async def measure_count(url: str, keys: int) -> tuple[float, float]:
    """Seconds for the first count of so many keys, and for the next one."""
    store = open_store(url)
    await store.open()
    for first in range(0, keys, 1000):
        await store.write_many([Write(f"many/{number}", b"1", None, 600.0) for number in range(first, first + 1000)])
    times = []
    for _ in range(2):
        begun = time.perf_counter()
        assert await store.count("many/") == keys  # noqa: S101
        times.append(time.perf_counter() - begun)
    await store.close()
    return times[0], times[1]


@contextmanager
def own_stores() -> Iterator[list[str]]:
    """URLs of a memory store, of a new SQLite file and of a server that is ended afterwards."""
    binary = store_server()
    if binary is None:
        sys.exit("there is neither a Valkey nor a Redis server: make test-programs")
    with tempfile.TemporaryDirectory() as folder, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        listener.close()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--appendonly", "yes", "--save", ""]
        with subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL) as server:
            url = f"valkey://127.0.0.1:{port}"
            try:
                asyncio.run(answers(url))
                yield ["memory://", f"sqlite://{folder}/streams.db", url]
            finally:
                server.terminate()


async def answers(url: str) -> None:
    deadline = time.monotonic() + 10
    store = open_store(url)
    while True:
        try:
            await store.open()
        except StoreUnavailableError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)
        else:
            return await store.close()


def report(urls: list[str], seconds: float, keys: int) -> None:
    names = [url.partition(":")[0] for url in urls]
    rates = [asyncio.run(measure(url, seconds)) for url in urls]
    print("get + write a second, and how many times fewer than memory\n")
    print(f"{'value':>8}  {'pattern':<24}" + "".join(f"{name:>22}" for name in names))
    for size, pattern in rates[0]:
        cells = [f"{rate[size, pattern]:,.0f} ({rates[0][size, pattern] / rate[size, pattern]:.1f})" for rate in rates]
        print(f"{size:>8}  {pattern:<24}" + "".join(f"{cell:>22}" for cell in cells))
    if keys:
        print(f"\ncount of {keys:,} keys: the first time, the next time")
        for name, url in zip(names, urls, strict=True):
            first, next_one = asyncio.run(measure_count(url, keys))
            print(f"{name:>10}  {first * 1e3:>10.3f} ms  {next_one * 1e3:>10.3f} ms", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("urls", nargs="*", help="stores to measure")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each number")
    parser.add_argument("--count", type=int, default=0, metavar="KEYS", help="also time counting so many keys")
    arguments = parser.parse_args()
    if arguments.urls:
        report(["memory://", *arguments.urls], arguments.seconds, arguments.count)
    else:
        with own_stores() as urls:
            report(urls, arguments.seconds, arguments.count)


if __name__ == "__main__":
    main()
