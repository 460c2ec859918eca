"""Requests per second through the whole predictor for each store, beside memory: `make bench`.

Rounds of the stores alternate, so that a slow minute of the machine is a slow minute of all; medians are shown.
The predictor's own processor time for a request is shown too: it depends least on what else the machine does.
"""

import argparse
import asyncio
import itertools
import statistics
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from benchmarks.load import Measured, filter_request, unary
from benchmarks.stores import own_stores
from tools.processes import predictor
from tools.programs import store_server

MODEL = "streaming_kalman"
# rows of a request -> the least share of memory's rate that Valkey is to reach
TARGETS = {1: 0.6, 1000: 0.9}
_RUNS = itertools.count()


def main() -> int:
    """Returns 1 when Valkey misses a target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=300, help="of each caller and round")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 16])
    arguments = parser.parse_args()
    binary = store_server() or "neither"
    print(f"the server behind valkey:// is {Path(binary).name}, with an append-only file")
    print(f"{'':<44}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}{'of memory':>12}{'cpu ms':>10}")
    with own_stores() as urls, ExitStack() as stack:
        model = f'[{{"name": "{MODEL}", "filter": "{MODEL}"}}]'
        addresses = {
            url.partition(":")[0]: stack.enter_context(predictor("--store", url, "--models", model)) for url in urls
        }
        missed = [
            not _compare(addresses, rows, callers, arguments) for rows in TARGETS for callers in arguments.callers
        ]
    return int(any(missed))


def _compare(addresses: dict[str, tuple[str, str]], rows: int, callers: int, arguments: argparse.Namespace) -> bool:
    """Measure, print a row for each store, and tell whether Valkey reaches its target."""
    requests = arguments.requests if rows == 1 else max(1, arguments.requests // 5)
    measured: dict[str, list[Measured]] = {name: [] for name in addresses}
    cpu_seconds: dict[str, list[float]] = {name: [] for name in addresses}
    for round_number in range(-1, arguments.rounds):
        for name, (address, http) in addresses.items():
            make = filter_request(MODEL, f"rates-{next(_RUNS)}", rows)
            before = _cpu_seconds(http)
            took = asyncio.run(unary(address, make, callers, requests))
            # the first round warms up
            if round_number >= 0:
                measured[name].append(took)
                cpu_seconds[name].append((_cpu_seconds(http) - before) / (callers * requests))
    base = _rate(measured["memory"])
    for name, rounds in measured.items():
        middle = [statistics.median(took.percentile_ms(percent) for took in rounds) for percent in (50, 99)]
        title = f"{name}, {rows} observations, {callers} at once"
        cpu_ms = 1e3 * statistics.median(cpu_seconds[name])
        ratio = _rate(rounds) / base
        print(
            f"{title:<44}{_rate(rounds):>12.0f}{middle[0]:>10.2f}{middle[1]:>10.2f}{ratio:>12.2f}{cpu_ms:>10.2f}",
            flush=True,
        )
    reached = _rate(measured["valkey"]) / base >= TARGETS[rows]
    if not reached:
        print(f"  MISSED: valkey is to reach {TARGETS[rows]} of memory")
    return reached


def _cpu_seconds(http: str) -> float:
    """Processor time that the predictor has used."""
    with urllib.request.urlopen(f"http://{http}/metrics", timeout=60) as response:
        (line,) = (line for line in response if line.startswith(b"process_cpu_seconds_total "))
    return float(line.split()[1])


def _rate(rounds: list[Measured]) -> float:
    return statistics.median(took.requests_per_second for took in rounds)


if __name__ == "__main__":
    sys.exit(main())
