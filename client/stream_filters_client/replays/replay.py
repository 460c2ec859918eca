"""Replay streams against a predictor: one after the other row, all streams at once."""

import asyncio
import copy
import time
from array import array
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from stream_filters_client.aio import AsyncStreamClient
from stream_filters_client.errors import BadInput, InvalidRequest, ServerUnavailable, StreamFiltersError
from stream_filters_client.input.feeds import Feed
from stream_filters_client.input.stdin import Chunk
from stream_filters_client.protocol.open_stream_aio import AsyncStream
from stream_filters_client.replays.pace import Pace, Schedule
from stream_filters_client.replays.recording import Recording
from stream_filters_client.replays.stream_names import Names, Place, behind, place
from stream_filters_client.result import Result
from stream_filters_client.scoring import scorecard

# requests under way at once; a server turns away what is more than it can hold
_IN_FLIGHT = 128
# how long an interrupted replay still waits for the answer under way
_GRACE_SECONDS = 2.0


class Status(StrEnum):
    """Where a replay is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Sending:
    """What the streams of a replay share. room: for so many requests under way. stop: once set, streams end."""

    client: AsyncStreamClient
    pace: Pace
    stop: asyncio.Event
    room: asyncio.Semaphore


@dataclass(slots=True)
class Replay:
    """One stream on its way.

    timed: its model takes the time between observations. keepers: are given every request and its answer.
    names: what it is called on the server, and what is left of it there; sequence_id: its own name.
    axes: numbers a row that became the setting `dimension`.
    latencies: seconds of the last requests. error: why it failed.
    """

    feed: Feed
    outputs: tuple[str, ...]
    recording: Recording = field(default_factory=Recording)
    keepers: list[Callable[[Chunk, Result], None]] = field(default_factory=list)
    timed: bool = True
    names: Names = field(default_factory=Names)
    sequence_id: str = ""
    axes: int = 1
    status: Status = Status.WAITING
    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    requests: int = 0
    replayed: int = 0
    started_seconds: float = 0.0
    finished_seconds: float = 0.0
    error: StreamFiltersError | None = None

    def __post_init__(self) -> None:
        self.sequence_id = self.sequence_id or self.names.of(self.feed)

    @property
    def elapsed_seconds(self) -> float:
        """Time since the first request, until the end if there was one."""
        if not self.started_seconds:
            return 0.0
        return max((self.finished_seconds or time.perf_counter()) - self.started_seconds, 0.0)

    @property
    def observations_per_second(self) -> float:
        """Observations answered a second, pauses included."""
        return self.recording.count / self.elapsed_seconds if self.elapsed_seconds else 0.0

    @property
    def level(self) -> float:
        """The probability inside the stream's intervals."""
        return float(self.feed.config.get("interval", 0.9))

    def snapshot(self) -> "Replay":
        """The same as it is now; it stays so while the stream goes on."""
        seen = copy.copy(self)
        seen.recording, seen.latencies = self.recording.snapshot(), self.latencies[:]
        return seen

    async def run(self, sending: Sending, begin_seconds: float) -> None:
        """Send everything from `begin_seconds` on; ends early, but in order, once asked to stop.

        Failures are kept in `error`.
        """
        stop, pace = sending.stop, sending.pace
        self.status, self.started_seconds = Status.RUNNING, begin_seconds
        schedule = Schedule(pace.rate, begin_seconds) if pace.rate else None
        stopping = asyncio.ensure_future(stop.wait())
        try:
            at = await place(sending.client, self.feed.model, self.names)
            feed = behind(self.feed.chunks(pace.batch), at.offset if at and self.names.skip_seen else 0)
            # the first rows say what one step of time is
            chunk = await _next(feed, stopping)
            self._settle(at, chunk)
            opened = sending.client.stream(
                self.feed.model,
                sequence_id=self.sequence_id,
                config=self.feed.config if at is None else None,
                offset=None if at is None else at.offset,
                keep=self.names.keep,
                transport=pace.transport,
            )
            async with opened as stream:
                while chunk is not None:
                    due_seconds = None
                    if schedule is not None:
                        due_seconds = schedule.due_seconds(len(chunk.observations), chunk.ready_seconds)
                        await _sleep(due_seconds, stopping)
                    await self._ask(stream, chunk, sending, stopping, due_seconds)
                    chunk = await _next(feed, stopping)
            self.status = Status.INTERRUPTED if stop.is_set() else Status.DONE
        except StreamFiltersError as error:
            self.status, self.error = (Status.INTERRUPTED if stop.is_set() else Status.FAILED), self._told(error)
        finally:
            stopping.cancel()
            self.finished_seconds = time.perf_counter()

    def _told(self, error: StreamFiltersError) -> StreamFiltersError:
        """The error, in the words of who named several columns and no `dimension`."""
        if self.axes == 1 or not isinstance(error, InvalidRequest):
            return error
        return BadInput(f"{self.axes} columns were named, and {self.feed.model} did not take them ({error})")

    def _settle(self, at: Place | None, chunk: Chunk | None) -> None:
        """Take on the settings of a stream that goes on; of a new one the usual step, and the axes, are the model's.

        Raises BadInput for rows of more numbers than anybody asked for.
        """
        feed, steps = self.feed, self.feed.source.steps
        config = dict(feed.config if at is None else at.config)
        width = 1 if chunk is None or chunk.observations.ndim == 1 else chunk.observations.shape[1]
        if at is None and self.timed and steps is not None:
            config.setdefault("time_delta", steps.usual)
        if at is None and feed.data and width > 1 and "dimension" not in config:
            if feed.columns != width:
                raise BadInput(
                    f"{width} numbers a row came; name their columns with --column, again for each axis, or with "
                    "--decimal , if they are decimal commas"
                )
            config["dimension"] = self.axes = width
        self.feed = replace(feed, config=config)

    async def _ask(
        self,
        stream: AsyncStream,
        chunk: Chunk,
        sending: Sending,
        stopping: asyncio.Future[Any],
        due_seconds: float | None,
    ) -> None:
        """Send one request; its latency counts from the moment that it was due, or else was sent."""
        async with sending.room:
            if sending.stop.is_set():
                return
            begun_seconds = time.perf_counter() if due_seconds is None else due_seconds
            coming = stream.send(
                chunk.observations,
                time_deltas=chunk.time_deltas if self.timed else None,
                observation_scale=chunk.scales,
                outputs=self.outputs,
                horizon=sending.pace.horizon,
            )
            result = await _answer(coming, stopping)
        self._remember(chunk, result, time.perf_counter() - begun_seconds)

    def _remember(self, chunk: Chunk, result: Result, seconds: float) -> None:
        self.recording.append(chunk, result)
        self.latencies.append(seconds)
        if len(self.latencies) >= 2 * self.recording.kept_rows:
            del self.latencies[: self.recording.kept_rows]
        self.requests += 1
        self.replayed += result.replayed
        for keep in self.keepers:
            keep(chunk, result)

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
            level=self.level,
        )
        found = scorecard.score(answers) if len(answers.observations) else {}
        return found | scorecard.speed(self.latencies, self.observations_per_second)


async def _next(feed: AsyncIterator[Chunk], stopping: asyncio.Future[Any]) -> Chunk | None:
    """The next chunk; None at the end, or once `stopping` is done, even while the source is silent."""
    if stopping.done():
        return None
    coming = asyncio.ensure_future(anext(feed, None))
    await asyncio.wait({coming, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not coming.done():
        coming.cancel()
        return None
    return coming.result()


async def _sleep(until_seconds: float, stopping: asyncio.Future[Any]) -> None:
    """Wait for a moment, or until `stopping` is done."""
    ahead_seconds = until_seconds - time.perf_counter()
    if ahead_seconds > 0:
        await asyncio.wait({stopping}, timeout=ahead_seconds)


async def _answer(coming: Coroutine[None, None, Result], stopping: asyncio.Future[Any]) -> Result:
    """The answer; once `stopping` is done, only if it comes soon. Raises ServerUnavailable when it does not."""
    answer = asyncio.ensure_future(coming)
    await asyncio.wait({answer, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not answer.done():
        await asyncio.wait({answer}, timeout=_GRACE_SECONDS)
    if not answer.done():
        answer.cancel()
        raise ServerUnavailable("interrupted while the server did not answer; its stream was not ended")
    return answer.result()


async def run_all(replays: Sequence[Replay], client: AsyncStreamClient, pace: Pace, stop: asyncio.Event) -> None:
    """Run all streams at once, their requests spread over time; one that fails does not stop the others."""
    sending = Sending(client, pace, stop, asyncio.Semaphore(_IN_FLIGHT))
    now_seconds = time.perf_counter()
    begins = (now_seconds + pace.phase_seconds(index, len(replays)) for index in range(len(replays)))
    await asyncio.gather(*(replay.run(sending, begin) for replay, begin in zip(replays, begins, strict=True)))
