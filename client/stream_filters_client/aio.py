"""The same client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, ClassVar, Self, TypeVar

import grpc.aio
from numpy.typing import ArrayLike

from stream_filters_client import errors
from stream_filters_client.protocol import inspection
from stream_filters_client.protocol.calls import Call, Conversation, Talk
from stream_filters_client.protocol.codec import Observations
from stream_filters_client.protocol.connecting import BaseClient
from stream_filters_client.protocol.open_stream_aio import AsyncStream
from stream_filters_client.protocol.routing import Route, Transport
from stream_filters_client.protocol.sequence import Rows, Sequence, infer
from stream_filters_client.protocol.streaming_aio import AsyncStreamingCall
from stream_filters_client.result import Result

T = TypeVar("T")


class AsyncStreamClient(BaseClient):
    """`StreamClient` for asyncio: the same arguments, the same errors, methods to be awaited.

    It belongs to the event loop that it was made in.

        async with AsyncStreamClient("localhost:8081") as client:
            async with client.stream("adaptive_mixture") as stream:
                result = await stream.send([0.1, -0.3, 4.8])
    """

    _channels: ClassVar[Any] = grpc.aio

    def _begin(self) -> None:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            raise errors.InvalidRequest(
                "an AsyncStreamClient belongs to an event loop; make it inside of a coroutine"
            ) from None

    def _check_usable(self) -> None:
        super()._check_usable()
        if asyncio.get_running_loop() is not self._loop:
            raise errors.InvalidRequest("this client belongs to another event loop; make one in each loop")

    def stream(
        self,
        model: str,
        *,
        sequence_id: str | None = None,
        config: Mapping[str, Any] | None = None,
        offset: int | None = None,
        resume: bool = False,
        keep: bool = False,
        transport: Transport = "auto",
    ) -> AsyncStream:
        """As `StreamClient.stream`."""
        sequence = Sequence.open(model, sequence_id, config, offset, resume=resume)
        return AsyncStream(self, sequence, Route(transport, self.lines), keep=keep)

    async def infer(
        self,
        model: str,
        observations: Observations,
        *,
        time_deltas: ArrayLike | None = None,
        observation_scale: ArrayLike | None = None,
        outputs: Iterable[str] = (),
        horizon: int | None = None,
        state: bytes | None = None,
    ) -> Result:
        """As `StreamClient.infer`."""
        rows = Rows(observations, time_deltas, tuple(outputs), horizon, observation_scale)
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

    async def run(
        self, conversation: Conversation[T], ask: Callable[[Call], Coroutine[Any, Any, Any]] | None = None
    ) -> T:
        """Make the calls of a conversation and give it the answers; ask: makes one call, by default `unary`."""
        talk = Talk(conversation)
        while talk.call is not None:
            try:
                answer = await self._attempt(talk.call, ask or self.unary)
            except errors.StreamFiltersError as failure:
                talk.fail(failure)
            else:
                talk.answer(answer)
        return talk.result

    async def _attempt(self, call: Call, ask: Callable[[Call], Coroutine[Any, Any, Any]]) -> Any:
        answer = None
        async for attempt in self.patience.attempts_async(self._has_answered):
            with attempt, self._asking(call):
                answer = await ask(call)
        return answer

    async def unary(self, call: Call) -> Any:
        """One call and its answer. Raises grpc.RpcError."""
        metadata = self._metadata_of(call.sequence_id)
        return await self._methods[call.method](call.message, timeout=self.patience.timeout_seconds, metadata=metadata)

    def open_line(self, sequence_id: str) -> AsyncStreamingCall:
        """A streaming call for a stream."""
        line = AsyncStreamingCall(self._methods["ModelStreamInfer"], self._metadata_of(sequence_id))
        self.lines.calls.add(line)
        return line

    async def close(self) -> None:
        """Close the connection."""
        self._is_closed = True
        for line in list(self.lines.calls):
            line.close()
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
