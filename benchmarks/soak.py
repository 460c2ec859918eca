"""Many requests over streams that come, go on, end and expire: what is left of them in the predictor? `make soak`.

Memory is to be flat from the middle to the end, and when the last stream has expired nothing is to be held. After
that every filter runs for as many steps as a stream of years has.
"""

import argparse
import asyncio
import sys
import time
import urllib.request
from collections.abc import Iterator

import grpc
import numpy as np
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families
from stream_filters.checks import LEAST_STEPS, stays_stable
from stream_filters.filters import REGISTRY
from stream_filters_client.protocol import codec
from stream_filters_client.wire import inference_pb2 as wire

from tools.processes import predictor

MODEL = "streaming_kalman"
TTL_SECONDS = 20
STREAMS_PER_REQUEST = 100
CALLERS = 4
ABANDONED, ENDED, REPEATED = 0.02, 0.01, 0.02
# more than this from the middle to the end is growth: what an allocator keeps in pieces is not
MOST_GROWTH = 1.05
HELD = ("stream_filters_live_streams", "stream_filters_local_copies", "stream_filters_busy_streams")


Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Slots:
    """What a load knows of its streams: the name of each, and the offset of its next row; -1: it has yet to start."""

    def __init__(self, count: int, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._prefix = f"soak-{seed}"
        self._generation = np.zeros(count, dtype=np.int64)
        self._offset = np.full(count, -1, dtype=np.int64)
        self.outcomes = {"applied": 0, "replayed": 0, "lost": 0}

    def request(self) -> tuple[wire.ModelInferRequest, Indices, Flags]:
        """One row for each of some streams; which slots, and which of them end."""
        size = min(STREAMS_PER_REQUEST, len(self._offset))
        slots = self._random.choice(len(self._offset), size, replace=False)
        # left to expire: nobody asks for them any more
        self._begin_anew(slots[(self._random.random(size) < ABANDONED) & (self._offset[slots] >= 0)])
        starts = self._offset[slots] < 0
        ends = self._random.random(size) < ENDED
        names = np.empty(size, dtype=object)
        names[:] = [f"{self._prefix}-{slot}-{self._generation[slot]}".encode() for slot in slots]
        inputs = {
            "sequence_ids": names,
            "observations": self._random.standard_normal((size, 1)),
            "offsets": np.maximum(self._offset[slots], 0),
            "starts": starts,
            "ends": ends,
        }
        return codec.encode(MODEL, inputs, {}, ("predictive_mean",)), slots, ends

    def take(self, response: wire.ModelInferResponse, slots: Indices, *, first: bool) -> None:
        """Go on from an answer. Raises RuntimeError for one that should not have come."""
        came = codec.decode(response)
        for slot, status, offset, replayed in zip(
            slots, came["status"], came["next_offsets"], came["replayed"], strict=True
        ):
            if b"there is no stream" in status:
                self.outcomes["lost"] += 1
                self._begin_anew(np.array([slot]))
            elif status or replayed == first:
                raise RuntimeError(f"stream {slot}: {status.decode() or 'answered as if it were the other sending'}")
            else:
                self.outcomes["applied" if first else "replayed"] += 1
                self._offset[slot] = offset

    def finish(self, slots: Indices, ends: Flags) -> None:
        """Those that were ended begin again under another name."""
        self._begin_anew(slots[ends & (self._offset[slots] >= 0)])

    def _begin_anew(self, slots: Indices) -> None:
        self._generation[slots] += 1
        self._offset[slots] = -1

    def repeats(self) -> bool:
        """Whether to send the next request twice."""
        return bool(self._random.random() < REPEATED)


def main() -> int:
    """Returns 1 when something grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000, help="each of one row of one stream")
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--store", default="memory://")
    parser.add_argument("--steps", type=int, default=10_000_000, help="of each filter; 0 leaves them out")
    arguments = parser.parse_args()
    if 0 < arguments.steps < LEAST_STEPS:
        parser.error(f"--steps: {arguments.steps} came, expected {LEAST_STEPS} or more, or 0 for none")
    flags = ("--ttl-seconds", str(TTL_SECONDS), "--replay-seconds", str(TTL_SECONDS), "--store-check-seconds", "1")
    model = f'[{{"name": "{MODEL}", "filter": "{MODEL}"}}]'
    with predictor("--store", arguments.store, "--models", model, *flags) as (address, http):
        grown = asyncio.run(_soak(address, http, arguments))
    return int(bool(grown) | _run_long(arguments.steps))


async def _soak(address: str, http: str, arguments: argparse.Namespace) -> bool:
    loads = [Slots(arguments.streams // CALLERS, seed) for seed in range(CALLERS)]
    count = -(-arguments.requests // (CALLERS * STREAMS_PER_REQUEST))
    print(f"{arguments.requests:,} requests over {arguments.streams:,} streams, {arguments.store}", flush=True)
    # a tenth first, so that what is loaded and allocated once is there
    parts = {"start": count - 9 * count // 10, "middle": 9 * count // 20, "end": 9 * count // 10 - 9 * count // 20}
    rss = {}
    began = time.perf_counter()
    for part, requests in parts.items():
        async with grpc.aio.insecure_channel(address) as channel:
            await asyncio.gather(*(_load(channel, slots, requests) for slots in loads))
        seen = _metrics(http)
        rss[part] = seen["process_resident_memory_bytes"]
        held = ", ".join(f"{name.removeprefix('stream_filters_')} {seen.get(name, 0):,.0f}" for name in HELD)
        print(f"{part:<7} {time.perf_counter() - began:>6.0f} s  RSS {rss[part] / 1e6:>8.1f} MB  {held}", flush=True)
    outcomes = {name: sum(load.outcomes[name] for load in loads) for name in loads[0].outcomes}
    print(f"outcomes: {outcomes}")
    left = await _left(http, address)
    print(f"when all had expired: {left}")
    flat = rss["end"] <= MOST_GROWTH * rss["middle"]
    if not flat:
        print(f"MISSED: memory grew by {rss['end'] / rss['middle'] - 1:.1%} from the middle to the end")
    if any(left.values()):
        print("MISSED: something is held though every stream has expired")
    return not flat or any(left.values())


async def _load(channel: grpc.aio.Channel, slots: Slots, requests: int) -> None:
    infer = channel.unary_unary(
        "/inference.GRPCInferenceService/ModelInfer",
        request_serializer=wire.ModelInferRequest.SerializeToString,
        response_deserializer=wire.ModelInferResponse.FromString,
    )
    for _ in range(requests):
        request, indices, ends = slots.request()
        slots.take(await infer(request), indices, first=True)
        if slots.repeats():
            slots.take(await infer(request), indices, first=False)
        slots.finish(indices, ends)


async def _left(http: str, address: str) -> dict[str, float]:
    """What is still held some time after the last request."""
    deadline = time.monotonic() + 3 * TTL_SECONDS
    while True:
        async with grpc.aio.insecure_channel(address) as channel:
            look = channel.unary_unary(
                "/inference.GRPCInferenceService/ModelInfer",
                request_serializer=wire.ModelInferRequest.SerializeToString,
                response_deserializer=wire.ModelInferResponse.FromString,
            )
            names = np.array([b"nobody"], dtype=object)
            await look(codec.encode(MODEL, {"sequence_ids": names, "observations": np.zeros((1, 0))}, {}))
        seen = _metrics(http)
        left = {name: seen.get(name, 0.0) for name in HELD}
        if not any(left.values()) or time.monotonic() > deadline:
            return left
        await asyncio.sleep(1)


def _metrics(http: str) -> dict[str, float]:
    """Samples without labels, and those of the model."""
    with urllib.request.urlopen(f"http://{http}/metrics", timeout=60) as response:
        return dict(_samples(response.read().decode()))


def _samples(text: str) -> Iterator[tuple[str, float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.labels in ({}, {"model_name": MODEL}):
                yield sample.name, sample.value


def _run_long(steps: int) -> bool:
    """Every filter over so many steps; whether one did not stay stable."""
    failed = False
    for name, kind in REGISTRY.items() if steps else ():
        began = time.perf_counter()
        try:
            stays_stable(kind(kind.config_type()), steps=steps)
            print(f"{name}: stable over {steps:,} steps, {time.perf_counter() - began:.0f} s", flush=True)
        except AssertionError as error:
            print(f"MISSED: {name}: {error}", flush=True)
            failed = True
    return failed


if __name__ == "__main__":
    sys.exit(main())
