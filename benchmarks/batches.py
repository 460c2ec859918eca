"""Many streams in one request beside the bare kernels on the same cores: `make bench`.

Rounds of the two alternate, so that a slow minute of the machine is a slow minute of both; the share is the median of
the rounds' own.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray
from stream_filters.filters import REGISTRY
from stream_filters.filters.base import Batch, Filter
from stream_filters_client.wire import inference_pb2 as wire

from benchmarks.load import INFER, batch_request
from tools.processes import predictor

STREAMS, ROWS = 1_000, 100
# the least share of the bare kernels' rate
TARGET = 0.7


def main() -> int:
    """Returns 1 when a filter misses the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{STREAMS:,} streams x {ROWS} observations       bare kernels    one request      share     target")
    with (
        predictor() as (address, _),
        grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)]) as channel,
    ):
        infer: Any = channel.unary_unary(INFER, request_serializer=wire.ModelInferRequest.SerializeToString)
        reached = [_reaches(name, infer, arguments.rounds) for name in REGISTRY]
    return int(not all(reached))


def _reaches(name: str, infer: Any, rounds: int) -> bool:
    bound = REGISTRY[name](REGISTRY[name].config_type())
    observations = np.random.default_rng(1).standard_normal((STREAMS, ROWS))
    bare, served = [], []
    # the first round warms up
    for _ in range(-1, rounds):
        bare.append(_seconds(partial(_run_bare, bound, observations)))
        request = batch_request(name, f"batch-{time.time_ns()}", observations)
        served.append(_seconds(partial(infer, request)))
    shares = [kernels / request for kernels, request in zip(bare[1:], served[1:], strict=True)]
    share = statistics.median(shares)
    rates = [STREAMS * ROWS / statistics.median(seconds[1:]) for seconds in (bare, served)]
    verdict = "reached" if share >= TARGET else "MISSED"
    print(f"{name:<32}{rates[0]:>12,.0f} /s{rates[1]:>12,.0f} /s{share:>11.2f}{TARGET:>11}  {verdict}", flush=True)
    return share >= TARGET


def _run_bare(bound: Filter[Any], observations: NDArray[np.float64]) -> None:
    """The kernels alone, on as many threads as the predictor has."""
    names = frozenset(bound.default_names)
    deltas = np.full(ROWS, bound.nominal_time_delta)

    def run(rows: NDArray[np.float64]) -> None:
        bound.run(bound.initial_state(), Batch(rows[:, None], deltas), names)

    threads = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(threads) as executor:
        for _ in executor.map(run, observations, chunksize=8):
            pass


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
