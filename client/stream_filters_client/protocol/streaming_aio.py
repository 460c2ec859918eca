"""A streaming call for asyncio: requests go out, their answers come back in order, each in time."""

import asyncio
from typing import Any

import grpc
import grpc.aio

from stream_filters_client.protocol.calls import FailedCall, answer_of
from stream_filters_client.wire import inference_pb2 as wire


class AsyncStreamingCall:
    """One ModelStreamInfer call. Whoever reads must have written; one task at a time reads, one writes."""

    def __init__(self, method: Any, metadata: Any) -> None:
        self._call = method(metadata=metadata)
        self.answered = False

    @property
    def is_open(self) -> bool:
        """Whether nothing has ended the call yet."""
        return not self._call.done()

    async def ask(self, message: wire.ModelInferRequest, timeout_seconds: float) -> wire.ModelInferResponse:
        """Send a request and wait for its answer. Raises grpc.RpcError."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self.write(message)
                return await self._read()
        except TimeoutError:
            raise FailedCall(grpc.StatusCode.DEADLINE_EXCEEDED, "") from None

    async def write(self, message: wire.ModelInferRequest) -> None:
        """Send a request, when there is room for it; that it cannot be sent is told by `read`."""
        try:
            await self._call.write(message)
        except (grpc.RpcError, asyncio.InvalidStateError):
            # the call is over
            return

    async def read(self, timeout_seconds: float) -> wire.ModelInferResponse:
        """The answer to the first request that has none. Raises Refused, or another grpc.RpcError: the call is over."""
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._read()
        except TimeoutError:
            raise FailedCall(grpc.StatusCode.DEADLINE_EXCEEDED, "") from None

    async def _read(self) -> wire.ModelInferResponse:
        response = await self._call.read()
        if response is grpc.aio.EOF:
            raise FailedCall(grpc.StatusCode.UNAVAILABLE, "the streaming call ended before the answer")
        self.answered = True
        return answer_of(response)

    def close(self) -> None:
        """End the call."""
        self._call.cancel()
