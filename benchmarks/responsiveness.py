"""What a health check waits while a long batch runs: `make bench`.

The batch is about as long as `--seconds` says, by what shorter ones took just before. It is made, sent and received by
a process of its own; this one does nothing but ask after the server's health.
"""

import argparse
import multiprocessing
import sys
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc
from numpy.typing import NDArray

from benchmarks.load import INFER, batch_request
from tools.processes import predictor

MODEL = "streaming_kalman"
TARGET_MS = 50.0
PAUSE_SECONDS = 0.005
# streams of a batch; the rows of each follow from how long it is to take
STREAMS = (10, 1_000, 10_000)
MOST_ROWS = 4_000_000


@dataclass(frozen=True, slots=True)
class Waits:
    """seconds: that the batch took. milliseconds: that each health check took meanwhile."""

    seconds: float
    milliseconds: NDArray[np.float64]


def main() -> int:
    """Returns 1 when a health check took longer than the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    print("health checks while a batch runs      batch s   checks    p50 ms    p99 ms    max ms  target ms")
    limits = ("--max-rows", str(MOST_ROWS), "--max-batch-rows", str(MOST_ROWS))
    apart = multiprocessing.get_context("spawn")
    with predictor(*limits) as (address, _), ProcessPoolExecutor(1, apart) as caller:
        _show("no batch", _beside(caller, address, None, arguments.seconds / 5))
        held = [_holds(caller, address, streams, arguments.seconds) for streams in STREAMS]
    return int(not all(held))


def _holds(caller: Executor, address: str, streams: int, seconds: float) -> bool:
    """Measure, print a row, and tell whether every health check was answered in time."""
    rows, most = 10_000 // streams + 1, MOST_ROWS // streams
    waits = _beside(caller, address, (streams, rows), 0.0)
    while waits.seconds < 0.8 * seconds and rows < most:
        rows = min(most, round(rows * min(5.0, 1.1 * seconds / waits.seconds)) + 1)
        waits = _beside(caller, address, (streams, rows), 0.0)
    return _show(f"{streams:,} streams x {rows:,}", waits)


def _beside(caller: Executor, address: str, shape: tuple[int, int] | None, seconds: float) -> Waits:
    """Health checks beside a batch of this shape; for so long where there is none."""
    with grpc.insecure_channel(address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        check(health_pb2.HealthCheckRequest())
        batch = caller.submit(_send, address, shape) if shape else caller.submit(_idle, seconds)
        asked: list[tuple[float, float]] = []
        while not batch.done():
            sent = time.monotonic()
            check(health_pb2.HealthCheckRequest())
            asked.append((sent, time.monotonic()))
            time.sleep(PAUSE_SECONDS)
    began, ended = batch.result()
    waits = [answered - sent for sent, answered in asked if sent < ended and answered > began]
    return Waits(ended - began, np.array(waits) * 1e3)


def _send(address: str, shape: tuple[int, int]) -> tuple[float, float]:
    """From when to when a batch was under way, by the clock that processes share."""
    rows = np.random.default_rng(1).standard_normal(shape)
    request = batch_request(MODEL, f"long-{time.time_ns()}", rows, ("position_mean",)).SerializeToString()
    with grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)]) as channel:
        grpc.channel_ready_future(channel).result()
        began = time.monotonic()
        infer: Any = channel.unary_unary(INFER)
        infer(request)
        return began, time.monotonic()


def _idle(seconds: float) -> tuple[float, float]:
    began = time.monotonic()
    time.sleep(seconds)
    return began, time.monotonic()


def _show(title: str, waits: Waits) -> bool:
    p50, p99, most = (float(np.percentile(waits.milliseconds, percent)) for percent in (50, 99, 100))
    verdict = "reached" if most < TARGET_MS else "MISSED"
    print(
        f"{title:<36}{waits.seconds:>9.1f}{len(waits.milliseconds):>9}{p50:>10.1f}{p99:>10.1f}{most:>10.1f}"
        f"{TARGET_MS:>11.0f}  {verdict}",
        flush=True,
    )
    return most < TARGET_MS


if __name__ == "__main__":
    sys.exit(main())
