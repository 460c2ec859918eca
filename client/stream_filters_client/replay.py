"""Replay streams against a predictor, and remember what came back."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from stream_filters_client import scorecard, scores
from stream_filters_client.aio import AsyncStreamClient
from stream_filters_client.codec import Array
from stream_filters_client.errors import ServerUnavailable, StreamFiltersError
from stream_filters_client.feeds import Chunk, Feed
from stream_filters_client.inspection import ModelInfo
from stream_filters_client.result import Result

# What is kept of a stream without end, for scores and plots: its last observations.
KEPT_ROWS = 200_000
_LATENCIES = 200_000
# how long an interrupted replay still waits for the answer under way
_GRACE_SECONDS = 2.0
_COMMON = ("predictive_mean", "predictive_std", "predictive_interval", "log_evidence", "pit")
_OWN = {
    "streaming_kalman": ("position_mean", "position_std", "velocity_mean", "velocity_std", "observation_noise_std"),
    "online_ar_learning": ("intercept", "coefficients", "noise_std"),
    "adaptive_mixture": ("regime", "regime_probabilities", "change_probability", "regime_means", "regime_stds"),
}
_FORECAST = ("forecast_mean", "forecast_std", "forecast_interval")


class Status(StrEnum):
    """Where a replay is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Pace:
    """How to send. rate: observations a second for each stream, None for as fast as answers come."""

    batch: int = 10
    rate: float | None = None
    horizon: int | None = None


def wanted_outputs(model: ModelInfo, horizon: int | None) -> tuple[str, ...]:
    """The outputs that scores and views need of a model: a known set, or every small one."""
    offered = [tensor for tensor in model.outputs if tensor.datatype != "BYTES" and tensor.name not in _FORECAST]
    small = {tensor.name for tensor in offered if np.prod([size for size in tensor.shape if size > 0]) <= 8}
    own = _OWN[model.name] if set(_OWN.get(model.name, ())) & small else tuple(small)
    names = {tensor.name for tensor in offered} & {*_COMMON, *own}
    ordered = [tensor.name for tensor in offered if tensor.name in names]
    return (*ordered, *(_FORECAST if horizon else ()))


@dataclass(slots=True)
class Recording:
    """What was sent and what came back, as long as it is kept.

    first: offset of the first row kept. count: rows in all.
    """

    first: int = 0
    count: int = 0
    _chunks: deque[tuple[Array, Result]] = field(default_factory=deque)

    def append(self, chunk: Chunk, result: Result) -> None:
        """Remember one request."""
        self._chunks.append((chunk.observations, result))
        self.count += len(chunk.observations)
        while self.count - self.first - len(self._chunks[0][0]) >= KEPT_ROWS:
            self.first += len(self._chunks.popleft()[0])

    @property
    def last(self) -> Result | None:
        """The newest answer."""
        return self._chunks[-1][1] if self._chunks else None

    def observations(self, rows: int | None = None) -> Array:
        """Observations kept, or the last `rows` of them."""
        return self._joined([observations for observations, _ in self._tail(rows)], rows)

    def output(self, name: str, rows: int | None = None) -> Array | None:
        """An output for every row kept, or for the last `rows`; None if it never came."""
        parts = [result[name] for _, result in self._tail(rows) if name in result]
        return self._joined(parts, rows) if parts else None

    def names(self) -> list[str]:
        """The outputs that have a row for each observation."""
        return [] if self.last is None else [name for name in self.last if name not in _FORECAST]

    def _tail(self, rows: int | None) -> list[tuple[Array, Result]]:
        if rows is None:
            return list(self._chunks)
        found: list[tuple[Array, Result]] = []
        for chunk in reversed(self._chunks):
            if rows <= 0:
                break
            found.append(chunk)
            rows -= len(chunk[0])
        return found[::-1]

    @staticmethod
    def _joined(parts: list[Array], rows: int | None) -> Array:
        if not parts:
            return np.empty(0)
        joined = np.concatenate(parts)
        return joined if rows is None else joined[-rows:]


@dataclass(slots=True)
class Replay:
    """One stream on its way.

    latencies: seconds of the last requests. in_flight: a request is under way. error: why it failed.
    """

    feed: Feed
    outputs: tuple[str, ...]
    status: Status = Status.WAITING
    recording: Recording = field(default_factory=Recording)
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=_LATENCIES))
    requests: int = 0
    replayed: int = 0
    in_flight: bool = False
    started_seconds: float = 0.0
    finished_seconds: float = 0.0
    error: StreamFiltersError | None = None

    @property
    def elapsed_seconds(self) -> float:
        """Time since the first request, until the end if there was one."""
        if not self.started_seconds:
            return 0.0
        return (self.finished_seconds or time.perf_counter()) - self.started_seconds

    @property
    def observations_per_second(self) -> float:
        """Observations answered a second, pauses included."""
        return self.recording.count / self.elapsed_seconds if self.elapsed_seconds else 0.0

    async def run(self, client: AsyncStreamClient, pace: Pace, stop: asyncio.Event) -> None:
        """Send everything; ends early, but in order, once `stop` is set. Failures are kept in `error`."""
        self.status, self.started_seconds = Status.RUNNING, time.perf_counter()
        try:
            async with client.stream(self.feed.model, config=self.feed.config) as stream:
                feed = self.feed.chunks(pace.batch)
                while (chunk := await _next(feed, stop)) is not None:
                    sent_seconds = time.perf_counter()
                    sending = stream.send(
                        chunk.observations, time_deltas=chunk.time_deltas, outputs=self.outputs, horizon=pace.horizon
                    )
                    self.in_flight = True
                    result = await _answer(sending, stop)
                    self.in_flight = False
                    self._remember(chunk, result, time.perf_counter() - sent_seconds)
                    if pace.rate:
                        await self._keep(pace.rate, stop)
            self.status = Status.INTERRUPTED if stop.is_set() else Status.DONE
        except StreamFiltersError as error:
            self.status, self.error = (Status.INTERRUPTED if stop.is_set() else Status.FAILED), error
        finally:
            self.in_flight, self.finished_seconds = False, time.perf_counter()

    def _remember(self, chunk: Chunk, result: Result, seconds: float) -> None:
        self.recording.append(chunk, result)
        self.latencies.append(seconds)
        self.requests += 1
        self.replayed += result.replayed

    async def _keep(self, rate: float, stop: asyncio.Event) -> None:
        """Wait until the stream is no faster than `rate`."""
        ahead = self.recording.count / rate - (time.perf_counter() - self.started_seconds)
        if ahead > 0:
            try:
                await asyncio.wait_for(stop.wait(), ahead)
            except TimeoutError:
                return

    def scores(self, burn_in: int = 0, *, with_oracle: bool = True) -> dict[str, float]:
        """The stream's scores so far, without its first `burn_in` observations; names as `--expect` takes them."""
        begin = max(burn_in, self.recording.first)
        rows = slice(begin - self.recording.first, None)
        part = slice(begin, self.recording.count)
        oracle = self.feed.oracle() if with_oracle and self.feed.oracle else {}
        outputs = {name: self.recording.output(name) for name in self.recording.names()}
        answers = scorecard.Answers(
            observations=self.recording.observations()[rows],
            outputs={name: values[rows] for name, values in outputs.items() if values is not None},
            truth={name: values[part] for name, values in self.feed.truth.items()},
            oracle={name: values[part] for name, values in oracle.items()},
            level=float(self.feed.config.get("interval", 0.9)),
        )
        found = scorecard.score(answers) if len(answers.observations) else {}
        if measured := scores.latency(self.latencies):
            found |= {
                "latency_p50_ms": 1e3 * measured.p50_seconds,
                "latency_p90_ms": 1e3 * measured.p90_seconds,
                "latency_p99_ms": 1e3 * measured.p99_seconds,
                "latency_max_ms": 1e3 * measured.max_seconds,
                "observations_per_second": self.observations_per_second,
            }
        return found


async def _next(feed: AsyncIterator[Chunk], stop: asyncio.Event) -> Chunk | None:
    """The next chunk; None at the end, or once `stop` is set, even while the source is silent."""
    if stop.is_set():
        return None
    coming = asyncio.ensure_future(anext(feed, None))
    await _either(coming, stop)
    if not coming.done():
        coming.cancel()
        return None
    return coming.result()


async def _answer(sending: Coroutine[None, None, Result], stop: asyncio.Event) -> Result:
    """The answer; once `stop` is set, only if it comes soon. Raises ServerUnavailable when it does not."""
    coming = asyncio.ensure_future(sending)
    await _either(coming, stop)
    await asyncio.wait({coming}, timeout=_GRACE_SECONDS)
    if not coming.done():
        coming.cancel()
        raise ServerUnavailable("interrupted while the server did not answer; its stream was not ended")
    return coming.result()


async def _either(coming: asyncio.Future[Any], stop: asyncio.Event) -> None:
    """Wait for what comes, or for `stop`."""
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({coming, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()


async def run_all(replays: Sequence[Replay], client: AsyncStreamClient, pace: Pace, stop: asyncio.Event) -> None:
    """Run all streams at once; one that fails does not stop the others."""
    await asyncio.gather(*(replay.run(client, pace, stop) for replay in replays))
