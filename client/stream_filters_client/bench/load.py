"""A load of requests on a predictor: as fast as answers come, or on a schedule that does not wait for them."""

import asyncio
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from stream_filters_client import errors
from stream_filters_client.aio import AsyncStreamClient
from stream_filters_client.bench.measurements import Notes
from stream_filters_client.protocol import administration as backup
from stream_filters_client.protocol.codec import Floats
from stream_filters_client.protocol.open_stream_aio import AsyncStream
from stream_filters_client.protocol.routing import Transport

# how long after its end a load still waits for answers
GRACE_SECONDS = 2.0
_PAUSE_SECONDS = 0.1
_END_SECONDS = 10.0
# asyncio wakes up to a millisecond late
_EARLY_SECONDS = 1e-3
ROWS = 4_096
# the code of a request that was due, and had no answer when the load was over
UNANSWERED = "UNANSWERED"


@dataclass(frozen=True, slots=True)
class Load:
    """What to send.

    streams: how many at once. batch: observations in one request. dimension: D of one observation.
    rate: requests a second of all streams together; None: each stream sends the next when it has the last answer.
    seconds: how long, after warm_up_seconds that do not count. requests: about so many instead, None for no limit.
    """

    model: str
    streams: int = 1
    batch: int = 1
    dimension: int = 1
    transport: Transport = "auto"
    rate: float | None = None
    seconds: float = 10.0
    requests: int | None = None
    warm_up_seconds: float = 1.0
    seed: int = 1

    def rows(self, stream: int) -> Iterator[Floats]:
        """The observations of each request of a stream, without end: a seeded walk, seen in noise, again and again."""
        steps, noise = np.random.default_rng([self.seed, stream]).standard_normal((2, ROWS, self.dimension))
        # there and back again, so that the end is no jump
        walk = np.cumsum(np.concatenate([steps[::2], -steps[::2]]), axis=0)
        values = 0.1 * walk + 0.3 * noise[: len(walk)]
        values = values[:, 0] if self.dimension == 1 else values
        start = 0
        while True:
            yield np.take(values, np.arange(start, start + self.batch), axis=0, mode="wrap")
            start = (start + self.batch) % len(values)


class Run:
    """One load under way.

    notes: what came of it so far. left: streams that could not be ended.
    """

    def __init__(self, client: AsyncStreamClient, load: Load) -> None:
        self.load = load
        self.notes = Notes()
        self.left = 0
        self._client = client
        self._streams = [self._open() for _ in range(load.streams)]
        self._begin_seconds = 0.0
        self._until_seconds = math.inf
        self._to_come = load.requests if load.requests is not None and load.rate is None else math.inf
        self._is_answered = False
        self._under_way: set[asyncio.Timeout] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send everything, and end the streams; ends early, but in order, once `stop` is set.

        Raises what the first request was refused with: the others would be, too.
        """
        load, patience = self.load, self._client.patience
        self._begin_seconds = time.perf_counter()
        self.notes.begin_seconds = self._begin_seconds + load.warm_up_seconds
        if load.requests is None:
            self._until_seconds = self.notes.begin_seconds + load.seconds
        elif load.rate is not None:
            self._until_seconds = self.notes.begin_seconds + load.requests / load.rate
        # what fails is counted, and not tried again
        self._client.patience = replace(patience, retry_seconds=0.0)
        stopping = asyncio.create_task(self._stop(stop))
        try:
            async with asyncio.TaskGroup() as senders:
                for number in range(load.streams):
                    senders.create_task(self._send(number))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        finally:
            stopping.cancel()
            self._client.patience = patience
            await asyncio.gather(*(self._end(stream) for stream in self._streams))

    async def _stop(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._until_seconds = time.perf_counter()
        for limit in self._under_way:
            limit.reschedule(asyncio.get_running_loop().time() + GRACE_SECONDS)

    def _open(self) -> AsyncStream:
        return self._client.stream(self.load.model, transport=self.load.transport)

    async def _send(self, number: int) -> None:
        """The requests of one stream."""
        for index, rows in enumerate(self.load.rows(number)):
            due_seconds = self._due_seconds(number, index)
            if not await self._wait(due_seconds):
                return
            await self._request(number, rows, due_seconds)

    def _due_seconds(self, number: int, index: int) -> float:
        """When a request is to be sent: in turn with those of the other streams, whatever becomes of them."""
        if self.load.rate is None:
            return time.perf_counter()
        return self._begin_seconds + (index * self.load.streams + number) / self.load.rate

    async def _wait(self, due_seconds: float) -> bool:
        """Wait until a request is due; False when the load is over."""
        while True:
            ahead_seconds = min(due_seconds - _EARLY_SECONDS, self._until_seconds) - time.perf_counter()
            if ahead_seconds <= 0:
                break
            # an interruption is noticed in between
            await asyncio.sleep(min(ahead_seconds, _PAUSE_SECONDS))
        if due_seconds >= self.notes.begin_seconds:
            self._to_come -= 1
        return due_seconds < self._until_seconds and self._to_come >= 0

    async def _request(self, number: int, rows: Floats, due_seconds: float) -> None:
        """Send a request and note how it ended."""
        sent_seconds = time.perf_counter()
        left_seconds = self._until_seconds + GRACE_SECONDS - sent_seconds
        code = UNANSWERED
        if left_seconds > 0:
            code = await self._answer(number, rows, left_seconds)
        if due_seconds >= self.notes.begin_seconds:
            # one that was sent a little early has not waited
            waits_from_seconds = min(due_seconds, sent_seconds)
            self.notes.note(waits_from_seconds, time.perf_counter(), code, len(rows) if code == "OK" else 0)
        if code not in {"OK", UNANSWERED}:
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _answer(self, number: int, rows: Floats, left_seconds: float) -> str:
        """The code that a request ended with. Raises StreamFiltersError when there was no answer yet at all."""
        try:
            async with asyncio.timeout(left_seconds if math.isfinite(left_seconds) else None) as limit:
                self._under_way.add(limit)
                await self._streams[number].send(rows)
        except TimeoutError:
            return UNANSWERED
        except errors.StreamFiltersError as failure:
            if not self._is_answered and not isinstance(failure, errors.ServerUnavailable):
                raise
            if isinstance(failure, errors.SequenceLost):
                self._streams[number] = self._open()
            return failure.code.name if failure.code else type(failure).__name__
        finally:
            self._under_way.discard(limit)
        self._is_answered = True
        return "OK"

    async def _end(self, stream: AsyncStream) -> None:
        try:
            async with asyncio.timeout(_END_SECONDS):
                try:
                    await stream.end()
                except errors.OffsetMismatch:
                    # a request that nobody waited for was applied after all
                    await self._client.run(backup.delete(self.load.model, stream.sequence_id))
        except (TimeoutError, errors.StreamFiltersError):
            self.left += 1
