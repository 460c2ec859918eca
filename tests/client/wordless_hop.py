"""A gRPC hop before a real predictor that replaces every sentence of it by the same word, and maybe takes its facts."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from stream_filters_client.wire import inference_pb2 as wire

from tests.client.hop import SERVICE, Hop

WORD = "refused"
_FACTS = ("refusal", "next_offset")


class WordlessHop(Hop):
    """`with WordlessHop(address) as hop:` serves at hop.target.

    facts: False makes an older server of it, which has status codes alone. refusals: the constants that came.
    """

    def __init__(self, upstream: str, *, facts: bool = True) -> None:
        super().__init__(upstream)
        self._facts = facts
        self.refusals: list[str] = []

    def handlers(self) -> dict[str, Any]:
        unary: dict[str, Any] = {
            method.name: grpc.unary_unary_rpc_method_handler(self._unary(method.name))
            for method in wire.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods
            if not method.client_streaming
        }
        return {**unary, "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(self._stream)}

    def _unary(self, name: str) -> Callable[[bytes, Any], Any]:
        call: Any = self._channel.unary_unary(f"/{SERVICE}/{name}")

        async def answer(request: bytes, context: Any) -> bytes:
            try:
                came: bytes = await call(request)
            except grpc.aio.AioRpcError as error:
                await self._abort(error, context)
            return self._without_statuses(came) if name == "ModelInfer" else came

        return answer

    async def _stream(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        method: Any = self._channel.stream_stream(f"/{SERVICE}/ModelStreamInfer")
        call = method(requests)
        try:
            async for came in call:
                response = wire.ModelStreamInferResponse.FromString(came)
                if response.error_message:
                    response.error_message = WORD
                    self._take_facts(response.infer_response)
                yield response.SerializeToString()
        except grpc.aio.AioRpcError as error:
            await self._abort(error, context)

    async def _abort(self, error: grpc.aio.AioRpcError, context: Any) -> None:
        facts = tuple(error.trailing_metadata() or ())
        self.refusals += [str(value) for name, value in facts if name == "refusal"]
        await context.abort(error.code(), WORD, facts if self._facts else ())

    def _take_facts(self, response: wire.ModelInferResponse) -> None:
        self.refusals.append(response.parameters["refusal"].string_param)
        for name in () if self._facts else _FACTS:
            response.parameters.pop(name, None)

    def _without_statuses(self, came: bytes) -> bytes:
        """A response whose `status` is the word wherever it is not empty; an older server sends no `codes`."""
        response = wire.ModelInferResponse.FromString(came)
        names = [output.name for output in response.outputs]
        if "status" not in names or not response.raw_output_contents:
            return came
        place = names.index("status")
        raw, start, said = response.raw_output_contents[place], 0, []
        while start < len(raw):
            size = int.from_bytes(raw[start : start + 4], "little")
            said.append(WORD.encode() if size else b"")
            start += 4 + size
        response.raw_output_contents[place] = b"".join(len(word).to_bytes(4, "little") + word for word in said)
        if not self._facts:
            place = names.index("codes")
            del response.outputs[place], response.raw_output_contents[place]
        return response.SerializeToString()
