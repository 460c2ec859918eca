"""What a request costs the server: its own processor time, beside a KServe model that does nothing: `make bench`.

Processor time is the server's, user and system, from /proc; what sends the load and what asks after the health are
processes of their own that are not counted. Each table is of a server that is held to so many cores. Loads alternate in
rounds, and medians are shown: a slow minute of the machine is a slow minute of all.
"""

import argparse
import itertools
import math
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from stream_filters.filters import REGISTRY

from benchmarks import server_loads as loads
from benchmarks.serving import noop
from tools.processes import FREE_PORTS, Server, served

NOOP = "noop"
SHAPES = ((1_000, 1), (1_000, 10), (1_000, 100))
CALLERS = (1, 4, 16)
CORES = (1, 2, 4, 8)
# microseconds of server time a stream at 1,000 x 1
PER_STREAM_US = {"streaming_kalman": 20.0}
OTHERS_US = 25.0
# least shares of the bare loop's rate, by rows
OF_BARE = {1: 0.35, 10: 0.6, 100: 0.85}
UNARY_OF_NOOP, STREAMING_OF_NOOP = 1.35, 0.75


class Cost(NamedTuple):
    """server_us: of processor time for each of what was sent. rate: of those a second. health_ms: p99 meanwhile."""

    server_us: float
    rate: float
    health_ms: float


# the server, what is called in the other process, and with what
_Load = tuple[Server, Callable[..., int], tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Bench:
    """Servers on the same cores, and the processes that load them."""

    ours: Server
    noop: Server
    caller: Executor
    asker: Executor
    cores: int
    rounds: int


def main() -> None:
    """Print a table for each number of cores that there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, nargs="*", help="how many the server may use; all of 1, 2, 4 and 8")
    parser.add_argument("--models", nargs="*", default=list(REGISTRY), choices=list(REGISTRY))
    arguments = parser.parse_args()
    there_are = len(os.sched_getaffinity(0))
    for cores in arguments.cores or [count for count in CORES if count <= there_are]:
        print(f"\nserver on {cores} core{'s' * (cores > 1)}, {time.strftime('%H:%M')}", flush=True)
        with _bench(cores, arguments.rounds) as bench:
            _requests(bench, arguments.models)
            _streams(bench, arguments.models)


@contextmanager
def _bench(cores: int, rounds: int) -> Iterator[Bench]:
    apart = multiprocessing.get_context("spawn")
    with ExitStack() as opened:
        ours = opened.enter_context(served([*_pinned(cores, "stream_filters"), "--host", "127.0.0.1", *FREE_PORTS]))
        beside = opened.enter_context(noop(_pinned(cores, "benchmarks.noop_predictor")))
        caller, asker = (opened.enter_context(ProcessPoolExecutor(1, apart)) for _ in range(2))
        yield Bench(ours, beside, caller, asker, cores, rounds)


def _pinned(cores: int, module: str) -> tuple[str, ...]:
    """The command of a module on so many cores."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    program = f"import os, runpy, sys; os.sched_setaffinity(0, {allowed}); sys.argv.pop(0); "
    return (sys.executable, "-c", f"{program}runpy.run_module(sys.argv[0], run_name='__main__')", module)


def _requests(bench: Bench, models: list[str]) -> None:
    """One observation a request, unary and streaming."""
    print("one observation a request            server us   of no-op     target   requests/s   health p99 ms")
    base = {}
    for callers in CALLERS:
        measured = _alternate(
            bench,
            {
                name: (bench.noop if name == NOOP else bench.ours, loads.unary_load, (name, callers))
                for name in (NOOP, *models)
            },
        )
        base[callers] = measured[NOOP].server_us
        for name, cost in measured.items():
            target = None if name == NOOP else UNARY_OF_NOOP
            _show(f"{name}, {callers} at once", cost, cost.server_us / base[callers], target)
    measured = _alternate(bench, {name: (bench.ours, loads.streaming_load, (name, 1)) for name in models})
    for name, cost in measured.items():
        _show(f"{name}, ModelStreamInfer", cost, cost.server_us / base[1], STREAMING_OF_NOOP)


def _streams(bench: Bench, models: list[str]) -> None:
    """Many streams in one request, beside the compiled loop over the same states on as many cores."""
    print(
        "many streams in one request     us of a stream     target    streams/s    of bare     target   health p99 ms"
    )
    for (streams, rows), name in itertools.product(SHAPES, models):
        load = (bench.ours, loads.batch_load, (name, streams, rows))
        cost = _alternate(bench, {name: load})[name]
        bare = bench.caller.submit(loads.bare_rate, name, streams, rows, bench.cores).result()
        limit = f"{PER_STREAM_US.get(name, OTHERS_US):.0f}" if rows == 1 else "-"
        print(
            f"{name}, {streams:,} x {rows:<5}{cost.server_us:>12.1f}{limit:>11}{cost.rate:>13,.0f}"
            f"{cost.rate / bare:>11.2f}{OF_BARE[rows]:>11.2f}{cost.health_ms:>16.1f}",
            flush=True,
        )


def _alternate(bench: Bench, wanted: dict[str, _Load]) -> dict[str, Cost]:
    """The median cost of each load."""
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in wanted}
    for _ in range(bench.rounds + 1):
        for name, load in wanted.items():
            costs[name].append(_measured(bench, load))
    # the first round warms up; health is asked for in one of its own, since answering that takes time too
    medians = {
        name: [statistics.median(values[1:]) for values in zip(*rounds, strict=True)] for name, rounds in costs.items()
    }
    return {name: Cost(us, rate, _health(bench, wanted[name])) for name, (us, rate) in medians.items()}


def _measured(bench: Bench, load: _Load) -> tuple[float, float]:
    """Server time in microseconds for each of what was sent, and how many of those a second."""
    server, send, arguments = load
    bench.caller.submit(send, server.grpc, *arguments, True).result()
    before, began = _seconds_of(server.pid), time.perf_counter()
    count = bench.caller.submit(send, server.grpc, *arguments, False).result()
    return 1e6 * (_seconds_of(server.pid) - before) / count, count / (time.perf_counter() - began)


def _health(bench: Bench, load: _Load) -> float:
    """Milliseconds that 99 of 100 health checks take at most beside the load."""
    server, send, arguments = load
    if server is bench.noop:
        return math.nan  # it has no health service
    bench.caller.submit(send, server.grpc, *arguments, True).result()
    with tempfile.TemporaryDirectory() as folder:
        over = Path(folder) / "over"
        asked = bench.asker.submit(loads.ask_health, server.grpc, str(over))
        bench.caller.submit(send, server.grpc, *arguments, False).result()
        over.touch()
        return asked.result()


def _seconds_of(pid: int) -> float:
    """Processor time of a process so far."""
    # behind the name in brackets, which may hold anything: user and system time are the 14th and 15th field in all
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _show(title: str, cost: Cost, of_noop: float, target: float | None) -> None:
    limit = "-" if target is None else f"{target:.2f}"
    print(
        f"{title:<36}{cost.server_us:>10.0f}{of_noop:>11.2f}{limit:>11}{cost.rate:>13,.0f}{cost.health_ms:>16.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
