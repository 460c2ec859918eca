"""One stream of observations, for asyncio."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from numpy.typing import ArrayLike

from stream_filters_client import errors
from stream_filters_client.protocol.calls import Call, Conversation, Patience
from stream_filters_client.protocol.codec import Observations
from stream_filters_client.protocol.connecting import BaseStream
from stream_filters_client.protocol.feeder import Feeder
from stream_filters_client.protocol.pipeline import DEFAULT_AHEAD, Pipeline, as_rows_async, check_ahead, look
from stream_filters_client.protocol.routing import Route
from stream_filters_client.protocol.sequence import Rows, Sequence
from stream_filters_client.protocol.streaming_aio import AsyncStreamingCall
from stream_filters_client.result import Result

T = TypeVar("T")


class AsyncConnection(Protocol):
    """What a stream needs of its client."""

    patience: Patience

    async def run(
        self, conversation: Conversation[T], ask: Callable[[Call], Coroutine[Any, Any, Any]] | None = None
    ) -> T:
        """Make the calls of a conversation; ask: makes one call, by default `unary`."""

    async def unary(self, call: Call) -> Any:
        """One call and its answer. Raises grpc.RpcError."""

    def open_line(self, sequence_id: str) -> AsyncStreamingCall:
        """A streaming call for a stream."""


class AsyncStream(BaseStream[AsyncStreamingCall]):
    """`Stream` for asyncio. Made by `AsyncStreamClient.stream`."""

    def __init__(self, client: AsyncConnection, sequence: Sequence, route: Route, *, keep: bool) -> None:
        super().__init__(sequence, route, client.open_line, keep=keep)
        self._client = client
        self._turn = asyncio.Lock()

    async def send(
        self,
        observations: Observations,
        *,
        time_deltas: ArrayLike | None = None,
        observation_scale: ArrayLike | None = None,
        outputs: Iterable[str] = (),
        horizon: int | None = None,
    ) -> Result:
        """As `Stream.send`; sends of one stream wait for each other."""
        self._check_free()
        async with self._turn:
            return await self._send(Rows(observations, time_deltas, tuple(outputs), horizon, observation_scale))

    def send_many(
        self,
        requests: Iterable[Observations | Rows] | AsyncIterable[Observations | Rows],
        *,
        outputs: Iterable[str] = (),
        horizon: int | None = None,
        ahead: int = DEFAULT_AHEAD,
    ) -> AsyncGenerator[Result]:
        """As `Stream.send_many`; each result comes as soon as it is there, however slowly the requests come.

        Close it (`contextlib.aclosing`) when it is left before its end.
        """
        self._check_free()
        many = self._send_all(as_rows_async(requests, tuple(outputs), horizon), check_ahead(ahead))
        self._many = weakref.ref(many)
        return many

    async def end(self) -> None:
        """Let the server forget the stream."""
        if (many := self._many()) is not None:
            await many.aclose()
        async with self._turn:
            # a call that would be opened for this alone is not worth it
            await self._client.run(self._sequence.finish(), None if self._line is None else self._ask)
            self._hang_up()

    async def _send(self, rows: Rows) -> Result:
        return await self._client.run(self._sequence.send(rows), self._ask)

    async def _ask(self, call: Call) -> Any:
        """The answer to one request, on the way that it is to go."""
        if (line := self._open_line()) is not None:
            with self._or_unary(line):
                return await line.ask(call.message, self._client.patience.timeout_seconds)
        answer = await self._client.unary(call)
        self._route.answered()
        return answer

    async def _send_all(self, rows: AsyncIterator[Rows], ahead: int) -> AsyncGenerator[Result]:
        async with self._turn:
            with self._sending_many():
                async for first in rows:
                    yield await self._send(first)
                    if self._is_streaming():
                        async with aclosing(self._pipelined(rows, ahead)) as results:
                            async for result in results:
                                yield result

    async def _pipelined(self, rows: AsyncIterator[Rows], ahead: int) -> AsyncGenerator[Result]:
        """Results of all that is left of the rows, unless the way is no streaming call after all."""
        try:
            pipeline = Pipeline(self._sequence, await self._client.run(look(self._sequence), self._ask), ahead)
        except errors.StreamFiltersError:
            if self._is_streaming():
                raise
            return
        feeder = Feeder(pipeline, rows, self._open_line)
        try:
            while await feeder.wait():
                for result in await self._next(pipeline, feeder):
                    yield result
        except GeneratorExit:
            # nobody takes the results, but the stream moves on with what was sent
            await feeder.stop()
            while pipeline.under_way:
                await self._next(pipeline, feeder)
            raise
        finally:
            await feeder.stop()
        pipeline.raise_failure()

    async def _next(self, pipeline: Pipeline, feeder: Feeder) -> list[Result]:
        """The results of the first request under way, or of all when they have to be recovered."""
        if (line := feeder.line) is not None:
            with self._or_recovery(line):
                return pipeline.accept(await line.read(self._client.patience.timeout_seconds))
        async with feeder.writing:
            feeder.line = None
            return await self._client.run(pipeline.recover(), self._ask)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._leaving(failure) as forgets:
            if forgets:
                await self.end()
