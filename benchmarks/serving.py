"""Requests per second and latency beside a KServe model that does nothing: `make bench`.

Rounds of the two alternate, so that a slow minute of the machine is a slow minute of both; medians are shown, of the
ratios those of each round.
"""

import argparse
import asyncio
import itertools
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from stream_filters.filters import REGISTRY

from benchmarks.load import Measured, filter_request, streaming, unary
from tools.processes import Server, free_port, predictor, running

_RUNS = itertools.count()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=400, help="of each caller and round")
    arguments = parser.parse_args()
    _states_and_start()
    print("\none observation a request                     requests/s      p50 ms      p99 ms     of the no-op's rate")
    with noop() as idle, predictor() as (address, _):
        for callers in (1, 4):
            _beside_noop(idle.grpc, address, callers, arguments)
        _streaming_beside_unary(address, arguments)


_NOOP = (sys.executable, "-m", "benchmarks.noop_predictor")


@contextmanager
def noop(command: tuple[str, ...] = _NOOP) -> Iterator[Server]:
    """A KServe predictor that does nothing."""
    http, port = free_port(), free_port()
    with running([*command, str(http), str(port)]) as (process, _):
        deadline = time.monotonic() + 60
        while not _listens(port):
            if time.monotonic() > deadline:
                raise RuntimeError("the no-op predictor did not start")
            time.sleep(0.05)
        yield Server(f"127.0.0.1:{port}", f"127.0.0.1:{http}", process.pid)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _states_and_start() -> None:
    began = time.perf_counter()
    with predictor():
        ready_seconds = time.perf_counter() - began
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import kserve.model_server"], check=True, capture_output=True)
    import_seconds = time.perf_counter() - began
    print(f"start to ready, kernels cached: {ready_seconds:.1f} s, of which KServe's own import {import_seconds:.1f} s")
    for name, kind in REGISTRY.items():
        print(f"state of {name}, default settings: {kind(kind.config_type()).state_dtype.itemsize} bytes")


def _beside_noop(noop_address: str, address: str, callers: int, arguments: argparse.Namespace) -> None:
    loads: dict[str, Callable[[], Coroutine[Any, Any, Measured]]] = {
        "noop": lambda: unary(noop_address, filter_request("noop", f"n{next(_RUNS)}"), callers, arguments.requests)
    }
    for name, outputs in itertools.product(REGISTRY, (("predictive_mean",), ())):
        title = f"{name}, one output" if outputs else name
        loads[title] = lambda name=name, outputs=outputs: unary(  # type: ignore[misc]
            address, filter_request(name, f"r{next(_RUNS)}", outputs=outputs), callers, arguments.requests
        )
    measured = _alternate(loads, arguments.rounds)
    for name, rounds in measured.items():
        _print_row(f"{name}, {callers} at once", rounds, measured["noop"])


def _streaming_beside_unary(address: str, arguments: argparse.Namespace) -> None:
    name = next(iter(REGISTRY))
    loads: dict[str, Callable[[], Coroutine[Any, Any, Measured]]] = {
        "unary": lambda: unary(address, filter_request(name, f"u{next(_RUNS)}"), 1, arguments.requests),
        "streaming": lambda: streaming(address, filter_request(name, f"s{next(_RUNS)}"), 1, arguments.requests),
    }
    measured = _alternate(loads, arguments.rounds)
    print("\nModelStreamInfer, one caller                  requests/s      p50 ms      p99 ms     of the unary rate")
    for kind, rounds in measured.items():
        _print_row(f"{name} {kind}", rounds, measured["unary"])


def _alternate(loads: dict[str, Callable[[], Coroutine[Any, Any, Measured]]], rounds: int) -> dict[str, list[Measured]]:
    for load in loads.values():
        asyncio.run(load())
    measured: dict[str, list[Measured]] = {name: [] for name in loads}
    for _ in range(rounds):
        for name, load in loads.items():
            measured[name].append(asyncio.run(load()))
    return measured


def _print_row(title: str, rounds: list[Measured], base: list[Measured]) -> None:
    rate = statistics.median(measured.requests_per_second for measured in rounds)
    p50, p99 = [statistics.median(measured.percentile_ms(percent) for measured in rounds) for percent in (50, 99)]
    ratios = [own.requests_per_second / other.requests_per_second for own, other in zip(rounds, base, strict=True)]
    print(f"{title:<45} {rate:>10.0f} {p50:>11.2f} {p99:>11.2f} {statistics.median(ratios):>12.2f}", flush=True)


if __name__ == "__main__":
    main()
