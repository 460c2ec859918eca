"""Five times as many requests as the predictor can answer: who is turned away, and how long the others wait.

Requests are sent at fixed times, whether earlier ones were answered or not, as callers who do not know of each other
send them. Callers are on other machines, too: where there are several cores, the predictor gets half of them, and what
sends the requests the others. The capacity is measured just before each load, so that a slow minute of the machine is
a slow minute of both; judged are the medians of the rounds: `make bench`.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from stream_filters_client.protocol import codec

from benchmarks.load import INFER
from tools.processes import predictor

MODEL = "streaming_kalman"
ROWS = 2_000
MOST_CONCURRENT = 32
FACTORS = (0.5, 1.0)
OVERLOAD = 5.0
ROUNDS = 3
SECONDS = 10.0
# of the capacity, that is still answered under overload
LEAST_ANSWERED = 0.7
# times what MOST_CONCURRENT requests take: one waits behind no more; the rest is what turning others away costs
MOST_WAITS = 2.0
MOST_REFUSAL_MS = 100.0
# a process must not ask for more than it can hold itself
MOST_REQUESTS = 20_000
_HEAD = "load                     sent/s  answered/s   p50 ms   p99 ms  refused/s   p50 ms   p99 ms  sent late p99 ms"


@dataclass(slots=True)
class Outcomes:
    """Milliseconds from the time at which a request was due: of those answered, those turned away, and those sent."""

    answered: list[float]
    refused: list[float]
    sent_late: list[float]


def main() -> int:
    """Returns 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    arguments = parser.parse_args()
    with _overloaded() as (address, cores):
        return asyncio.run(_measure(address, cores, arguments.seconds))


@contextmanager
def _overloaded() -> Iterator[tuple[str, str]]:
    """A predictor apart from this process; gives its address, and how the cores are shared, in words."""
    cores = sorted(os.sched_getaffinity(0))
    own, others = cores[: len(cores) // 2], cores[len(cores) // 2 :]
    os.sched_setaffinity(0, others)
    with predictor("--max-concurrent", str(MOST_CONCURRENT)) as (address, _):
        os.sched_setaffinity(0, own or others)
        yield (
            address,
            f"{len(others)} of {len(cores)} cores, the callers {len(own)}" if own else "the callers' one core",
        )


async def _measure(address: str, cores: str, seconds: float) -> int:
    print(f"requests of {ROWS:,} observations, {MOST_CONCURRENT} may be in work; the predictor has {cores}")
    print(_HEAD)
    rounds = []
    async with grpc.aio.insecure_channel(address) as channel:
        # bytes in, bytes out: whoever sends must keep its schedule
        infer: Any = channel.unary_unary(INFER)
        for factor in (*FACTORS, *[OVERLOAD] * ROUNDS):
            capacity = await _capacity(infer, seconds / 2)
            outcomes = await _open_loop(infer, factor * capacity, seconds)
            _show(f"{factor:g} x {capacity:.0f}/s", outcomes, seconds)
            rounds.append(_compared(outcomes, capacity, seconds))
    return _judge(rounds[-ROUNDS:])


async def _capacity(infer: Any, seconds: float) -> float:
    """Requests a second of callers who wait for their answers."""
    request, ends, count = _request(), time.perf_counter() + seconds, 0

    async def caller() -> None:
        nonlocal count
        while time.perf_counter() < ends:
            await infer(request)
            count += 1

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(8)))
    return count / (time.perf_counter() - began)


async def _open_loop(infer: Any, rate: float, seconds: float) -> Outcomes:
    """Requests at fixed times."""
    request, outcomes, calls = _request(), Outcomes([], [], []), []

    async def call(due: float) -> None:
        outcomes.sent_late.append(_ms_since(due))
        try:
            await infer(request)
        except grpc.aio.AioRpcError as error:
            if error.code() not in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE):
                raise
            outcomes.refused.append(_ms_since(due))
        else:
            outcomes.answered.append(_ms_since(due))

    began = time.perf_counter()
    for index in range(min(MOST_REQUESTS, int(rate * seconds))):
        due = began + index / rate
        await asyncio.sleep(due - time.perf_counter())
        calls.append(asyncio.create_task(call(due)))
    await asyncio.gather(*calls)
    return outcomes


def _request() -> bytes:
    values = np.random.default_rng(1).standard_normal(ROWS)
    return codec.encode(MODEL, {"observations": values}, {}, ("position_mean",)).SerializeToString()


def _ms_since(due: float) -> float:
    return 1e3 * (time.perf_counter() - due)


def _show(title: str, outcomes: Outcomes, seconds: float) -> None:
    sent, answered, refused = outcomes.sent_late, outcomes.answered, outcomes.refused
    print(
        f"{title:<22}{len(sent) / seconds:>9.0f}{len(answered) / seconds:>12.0f}{_percentile(answered, 50):>9.0f}"
        f"{_percentile(answered, 99):>9.0f}{len(refused) / seconds:>11.0f}{_percentile(refused, 50):>9.1f}"
        f"{_percentile(refused, 99):>9.1f}{_percentile(sent, 99):>18.1f}",
        flush=True,
    )


def _compared(outcomes: Outcomes, capacity: float, seconds: float) -> tuple[float, float, float]:
    """What the targets are about, in their order."""
    waits = _percentile(outcomes.answered, 99) / (1e3 * MOST_CONCURRENT / capacity)
    return len(outcomes.answered) / seconds / capacity, waits, _percentile(outcomes.refused, 99)


def _judge(rounds: list[tuple[float, float, float]]) -> int:
    """Compare the medians of the rounds with the targets."""
    targets = [
        ("answered, of the capacity", LEAST_ANSWERED, True),
        (f"p99 of those answered, of {MOST_CONCURRENT} requests' time", MOST_WAITS, False),
        ("p99 of those turned away, ms", MOST_REFUSAL_MS, False),
    ]
    missed = 0
    print(f"{f'under {OVERLOAD:g} x capacity, median of {ROUNDS}':<48}{'measured':>10}{'target':>16}")
    for (title, target, is_least), measured in zip(targets, np.median(rounds, axis=0), strict=True):
        reached = measured >= target if is_least else measured <= target
        missed += not reached
        bound = f"at {'least' if is_least else 'most'} {target:g}"
        print(f"{title:<48}{measured:>10.2f}{bound:>16}  {'reached' if reached else 'MISSED'}", flush=True)
    return int(missed > 0)


def _percentile(values: list[float], percent: float) -> float:
    return float(np.percentile(values, percent)) if values else float("nan")


if __name__ == "__main__":
    sys.exit(main())
