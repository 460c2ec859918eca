"""A gRPC hop before a real predictor, which loses answers and cuts streaming calls where a test says."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc

from tests.client.hop import SERVICE, Hop


@dataclass(frozen=True)
class Cut:
    """What happens to a streaming call after `after` answers: `lost` more are swallowed, then it ends with `code`.

    Without a code it does not end, and says nothing any more.
    """

    after: int
    lost: int = 0
    code: grpc.StatusCode | None = grpc.StatusCode.UNAVAILABLE


class FaultyProxy(Hop):
    """`with FaultyProxy(address, *cuts) as proxy:` serves at proxy.target; each streaming call takes the next cut.

    unary, streaming: how many calls of each kind came. routed: what each said in the header `x-sequence-id`.
    """

    def __init__(self, upstream: str, *cuts: Cut) -> None:
        super().__init__(upstream)
        self.cuts = deque(cuts)
        self.unary = 0
        self.streaming = 0
        self.routed: list[Any] = []

    def handlers(self) -> dict[str, Any]:
        return {
            "ModelInfer": grpc.unary_unary_rpc_method_handler(self._infer),
            "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(self._stream_infer),
        }

    def _note(self, context: Any) -> None:
        self.routed.append(dict(context.invocation_metadata()).get("x-sequence-id"))

    async def _infer(self, request: bytes, context: Any) -> bytes:
        self.unary += 1
        self._note(context)
        try:
            infer: Any = self._channel.unary_unary(f"/{SERVICE}/ModelInfer")
            answer: bytes = await infer(request)
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details() or "", tuple(error.trailing_metadata() or ()))
        return answer

    async def _stream_infer(self, requests: AsyncIterator[bytes], context: Any) -> None:
        self.streaming += 1
        self._note(context)
        cut = self.cuts.popleft() if self.cuts else None
        call: Any = self._channel.stream_stream(f"/{SERVICE}/ModelStreamInfer")()
        forwarding = asyncio.create_task(_forward(requests, call))
        passed = 0
        try:
            while True:
                if cut is not None and passed == cut.after:
                    for _ in range(cut.lost):
                        await call.read()
                    if cut.code is None:
                        await asyncio.Event().wait()
                    await context.abort(cut.code, "cut by the test")
                answer = await call.read()
                if answer is grpc.aio.EOF:
                    return
                await context.write(answer)
                passed += 1
        finally:
            forwarding.cancel()
            call.cancel()


async def _forward(requests: AsyncIterator[bytes], call: Any) -> None:
    async for request in requests:
        await call.write(request)
    await call.done_writing()
