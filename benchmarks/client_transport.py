"""Requests per second of the client's own calls, one observation each: unary, streaming, many at once: `make bench`.

Rounds of all alternate, so that a slow minute of the machine is a slow minute of each; medians are shown.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable

import numpy as np
from stream_filters_client import AsyncStreamClient, StreamClient
from stream_filters_client.protocol.routing import Transport

from tools.processes import predictor

_MODEL = "streaming_kalman"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=400, help="of each stream and round")
    arguments = parser.parse_args()
    values = np.random.default_rng(1).normal(size=arguments.requests).tolist()
    print("one stream, one observation a request     requests/s    of its unary rate")
    with predictor() as (address, _):
        for title, loads in (("StreamClient", _threads(address)), ("AsyncStreamClient", _asyncio(address))):
            _beside_unary(title, loads, values, arguments.rounds)


Load = Callable[[list[float]], int]


def _threads(address: str) -> dict[str, Load]:
    def one_by_one(transport: Transport) -> Load:
        def load(values: list[float]) -> int:
            with StreamClient(address) as client, client.stream(_MODEL, transport=transport) as stream:
                return len([stream.send(value) for value in values])

        return load

    def many(values: list[float]) -> int:
        with StreamClient(address) as client, client.stream(_MODEL) as stream:
            return len(list(stream.send_many(values)))

    return {"unary": one_by_one("unary"), "streaming": one_by_one("auto"), "send_many": many}


def _asyncio(address: str) -> dict[str, Load]:
    def one_by_one(transport: Transport) -> Load:
        async def load(values: list[float]) -> int:
            async with AsyncStreamClient(address) as client, client.stream(_MODEL, transport=transport) as stream:
                return len([await stream.send(value) for value in values])

        return lambda values: asyncio.run(load(values))

    async def many(values: list[float]) -> int:
        async with AsyncStreamClient(address) as client, client.stream(_MODEL) as stream:
            return len([result async for result in stream.send_many(values)])

    return {
        "unary": one_by_one("unary"),
        "streaming": one_by_one("auto"),
        "send_many": lambda values: asyncio.run(many(values)),
    }


def _beside_unary(title: str, loads: dict[str, Load], values: list[float], rounds: int) -> None:
    for load in loads.values():
        load(values)
    rates: dict[str, list[float]] = {name: [] for name in loads}
    for _ in range(rounds):
        for name, load in loads.items():
            began = time.perf_counter()
            rates[name].append(load(values) / (time.perf_counter() - began))
    for name, measured in rates.items():
        ratio = statistics.median(rate / base for rate, base in zip(measured, rates["unary"], strict=True))
        print(f"{title + ' ' + name:<40} {statistics.median(measured):>11.0f} {ratio:>20.2f}", flush=True)


if __name__ == "__main__":
    main()
