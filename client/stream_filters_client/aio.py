"""The same client for asyncio."""

import asyncio
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

import grpc.aio
from numpy.typing import ArrayLike

from stream_filters_client import errors, inspection
from stream_filters_client.calls import Call, Conversation, told
from stream_filters_client.codec import Observations
from stream_filters_client.connecting import BaseClient, BaseStream
from stream_filters_client.result import Result
from stream_filters_client.sequence import Rows, Sequence, infer

T = TypeVar("T")


class AsyncStreamClient(BaseClient):
    """`StreamClient` for asyncio: the same arguments, the same errors, methods to be awaited.

    It belongs to the event loop that it was made in.

        async with AsyncStreamClient("localhost:8081") as client:
            async with client.stream("adaptive_mixture") as stream:
                result = await stream.send([0.1, -0.3, 4.8])
    """

    _channels: ClassVar[Any] = grpc.aio

    def stream(
        self,
        model: str,
        *,
        sequence_id: str | None = None,
        config: Mapping[str, Any] | None = None,
        offset: int | None = None,
        resume: bool = False,
        keep: bool = False,
    ) -> "AsyncStream":
        """As `StreamClient.stream`."""
        return AsyncStream(self, Sequence.open(model, sequence_id, config, offset, resume=resume), keep=keep)

    async def infer(
        self,
        model: str,
        observations: Observations,
        *,
        time_deltas: ArrayLike | None = None,
        outputs: Iterable[str] = (),
        horizon: int | None = None,
        state: bytes | None = None,
    ) -> Result:
        """As `StreamClient.infer`."""
        rows = Rows(observations, time_deltas, tuple(outputs), horizon)
        return await self.run(infer(model, rows, state))

    async def server(self) -> inspection.ServerInfo:
        """As `StreamClient.server`."""
        return await self.run(inspection.server_info())

    async def models(self, names: Iterable[str] | None = None) -> tuple[inspection.ModelInfo, ...]:
        """As `StreamClient.models`."""
        return await self.run(inspection.models(names))

    async def check(self, names: Iterable[str] | None = None) -> inspection.Check:
        """As `StreamClient.check`."""
        return await self.run(inspection.check(names))

    async def run(self, conversation: Conversation[T]) -> T:
        """Make the calls of a conversation and give it the answers."""
        try:
            call = next(conversation)
            while True:
                try:
                    answer = await self._attempt(call)
                except errors.StreamFiltersError as failure:
                    call = conversation.throw(failure)
                else:
                    call = conversation.send(answer)
        except StopIteration as stop:
            result: T = stop.value
            return result

    async def _attempt(self, call: Call) -> Any:
        answer = None
        async for attempt in self.patience.attempts():
            with attempt, told(call, self.target):
                answer = await self._methods[call.method](
                    call.message, timeout=self.patience.timeout_seconds, metadata=self._metadata
                )
        return answer

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AsyncStream(BaseStream):
    """`Stream` for asyncio. Made by `AsyncStreamClient.stream`."""

    def __init__(self, client: AsyncStreamClient, sequence: Sequence, *, keep: bool) -> None:
        super().__init__(sequence, keep=keep)
        self._client = client
        self._turn = asyncio.Lock()

    async def send(
        self,
        observations: Observations,
        *,
        time_deltas: ArrayLike | None = None,
        outputs: Iterable[str] = (),
        horizon: int | None = None,
    ) -> Result:
        """As `Stream.send`; sends of one stream wait for each other."""
        async with self._turn:
            return await self._client.run(self._sequence.send(Rows(observations, time_deltas, tuple(outputs), horizon)))

    async def end(self) -> None:
        """Let the server forget the stream."""
        async with self._turn:
            await self._client.run(self._sequence.finish())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_left(failure):
            return
        try:
            await self.end()
        except errors.StreamFiltersError:
            # the failure that is under way tells more
            if failure is None:
                raise
