"""The loads that `benchmarks.server_cost` puts on a server, each in a process that does nothing else.

A load is called twice, to prepare and to go: what it prepared it keeps in between. It returns how much it sent.
"""

import asyncio
import itertools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc
from numpy.typing import NDArray
from stream_filters.filters import REGISTRY
from stream_filters.filters.base import Array, Batch, Filter
from stream_filters_client.protocol import codec

from benchmarks.load import INFER, batch_request, filter_request, streaming, unary

_REQUESTS = 1_600
# streams that go through a batch load in all
_BATCHED = 20_000
_BARE_ROUNDS = 5
_ASK_SECONDS = 0.02
_LARGEST: list[tuple[str, Any]] = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_runs = itertools.count()
_prepared: dict[str, Any] = {}


def unary_load(address: str, model: str, callers: int, prepare: bool) -> int:
    """Requests of one observation, so many callers at once."""
    if not prepare:
        make = filter_request(model, f"unary-{os.getpid()}-{next(_runs)}")
        asyncio.run(unary(address, make, callers, _REQUESTS // callers))
    return _REQUESTS


def streaming_load(address: str, model: str, callers: int, prepare: bool) -> int:
    """The same as streaming calls."""
    if not prepare:
        make = filter_request(model, f"streaming-{os.getpid()}-{next(_runs)}")
        asyncio.run(streaming(address, make, callers, _REQUESTS // callers))
    return _REQUESTS


def batch_load(address: str, model: str, streams: int, rows: int, prepare: bool) -> int:
    """Requests of as many running streams, with offsets; returns how many streams were sent rows."""
    requests = max(2, _BATCHED // streams // max(1, rows // 10))
    if prepare:
        _prepared["batch"] = _started(address, model, (streams, rows, requests))
    else:
        channel, messages = _prepared.pop("batch")
        infer = channel.unary_unary(INFER)
        for message in messages:
            infer(message)
        channel.close()
    return streams * requests


def _started(address: str, model: str, sizes: tuple[int, int, int]) -> tuple[grpc.Channel, list[bytes]]:
    """A channel and the requests to send by it; their streams have begun."""
    streams, rows, requests = sizes
    run = f"batch-{os.getpid()}-{next(_runs)}"
    channel = grpc.insecure_channel(address, _LARGEST)
    begun = _rows_of(streams, 32)
    infer: Any = channel.unary_unary(INFER)
    infer(batch_request(model, run, begun).SerializeToString())
    names = np.array([f"{run}-{stream}".encode() for stream in range(streams)], dtype=object)
    messages = []
    for index in range(requests):
        inputs = {
            "sequence_ids": names,
            "observations": _rows_of(streams, rows),
            "offsets": np.full(streams, 32 + index * rows),
        }
        messages.append(codec.encode(model, inputs, {}, ()).SerializeToString())
    return channel, messages


def _rows_of(streams: int, rows: int) -> NDArray[np.float64]:
    return np.random.default_rng(streams + rows).standard_normal((streams, rows))


def bare_rate(model: str, streams: int, rows: int, cores: int) -> float:
    """Streams a second of the compiled loop alone over states that are running, on so many cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    bound = REGISTRY[model](REGISTRY[model].config_type())
    states = np.array([bound.initial_state()] * streams, bound.state_dtype)
    pieces = np.array_split(np.arange(streams), cores)
    observations = _rows_of(streams, 32)
    best = float("inf")
    with ThreadPoolExecutor(cores) as executor:
        for _ in range(_BARE_ROUNDS):
            began = time.perf_counter()
            work = [(states[own], observations[own]) for own in pieces]
            after = list(executor.map(lambda piece: _run(bound, *piece), work))
            if observations.shape[1] == rows:
                best = min(best, time.perf_counter() - began)
            states, observations = np.concatenate(after), _rows_of(streams, rows)
    return streams / best


def _run(bound: Filter[Any], states: Array, observations: NDArray[np.float64]) -> Array:
    count, rows = observations.shape
    batch = Batch(observations.reshape(-1, 1), np.full(count * rows, bound.nominal_time_delta))
    bounds = np.arange(0, count * rows + 1, rows)
    return bound.run_many(states, batch, bounds, frozenset(bound.default_names)).state


def ask_health(address: str, until: str) -> float:
    """Milliseconds that 99 of 100 health checks took at most, until there is a file of that name."""
    waits = []
    with grpc.insecure_channel(address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        check(health_pb2.HealthCheckRequest())
        while not Path(until).exists():
            began = time.perf_counter()
            check(health_pb2.HealthCheckRequest())
            waits.append(time.perf_counter() - began)
            time.sleep(_ASK_SECONDS)
    return 1e3 * float(np.percentile(waits, 99)) if waits else 0.0
