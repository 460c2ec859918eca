"""What a health check waits while a long batch runs: `make bench`.

The batch is about as long as `--seconds` says, by what shorter ones took just before.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc
from numpy.typing import NDArray
from stream_filters_client.wire import inference_pb2 as wire

from benchmarks.load import INFER, batch_request
from tools.processes import predictor

MODEL = "streaming_kalman"
TARGET_MS = 50.0
PAUSE_SECONDS = 0.005
# streams of a batch; the rows of each follow from how long it is to take
STREAMS = (10, 1_000, 10_000)
MOST_ROWS = 4_000_000
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


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
    with predictor("--max-rows", str(MOST_ROWS), "--max-batch-rows", str(MOST_ROWS)) as (address, _):
        _show("no batch", asyncio.run(_beside(address, None, arguments.seconds / 5)))
        held = [_holds(address, streams, arguments.seconds) for streams in STREAMS]
    return int(not all(held))


def _holds(address: str, streams: int, seconds: float) -> bool:
    """Measure, print a row, and tell whether every health check was answered in time."""
    rows, most = 10_000 // streams + 1, MOST_ROWS // streams
    waits = asyncio.run(_beside(address, (streams, rows), 0.0))
    while waits.seconds < 0.8 * seconds and rows < most:
        rows = min(most, round(rows * min(5.0, 1.1 * seconds / waits.seconds)) + 1)
        waits = asyncio.run(_beside(address, (streams, rows), 0.0))
    return _show(f"{streams:,} streams x {rows:,}", waits)


async def _beside(address: str, shape: tuple[int, int] | None, seconds: float) -> Waits:
    """Health checks beside a batch of this shape; for so long where there is none."""
    waits: list[float] = []
    async with (
        grpc.aio.insecure_channel(address, _OPTIONS) as own,
        grpc.aio.insecure_channel(address, _OPTIONS) as channel,
    ):
        infer: Any = own.unary_unary(INFER, request_serializer=wire.ModelInferRequest.SerializeToString)
        check = health_pb2_grpc.HealthStub(channel).Check
        await check(health_pb2.HealthCheckRequest())
        request = batch_request(MODEL, f"long-{time.time_ns()}", _rows(shape), ("position_mean",)) if shape else None
        began = time.perf_counter()
        batch = asyncio.ensure_future(infer(request) if request else asyncio.sleep(seconds))
        while not batch.done():
            sent = time.perf_counter()
            await check(health_pb2.HealthCheckRequest())
            waits.append(time.perf_counter() - sent)
            await asyncio.sleep(PAUSE_SECONDS)
        await batch
        return Waits(time.perf_counter() - began, np.array(waits) * 1e3)


def _rows(shape: tuple[int, int]) -> NDArray[np.float64]:
    return np.random.default_rng(1).standard_normal(shape)


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
