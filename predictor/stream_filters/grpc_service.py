"""KServe's gRPC endpoint with codes that mean something, and without what a client must not do."""

from concurrent import futures
from typing import Any, ClassVar

from grpc import aio
from grpc_interceptor import AsyncExceptionToStatusInterceptor
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc
from kserve.protocol.grpc.grpc_predict_v2_pb2 import ModelInferRequest
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.model_repository_extension import ModelRepositoryExtension

from stream_filters.errors import RefusedCall, answer
from stream_filters.refusals import InvalidRequest


class Servicer(InferenceServicer):
    """KServe's servicer; requests that it would fail on are refused by name before."""

    _datatypes: ClassVar[frozenset[str]] = frozenset(
        ["BOOL", "BYTES", "FP16", "FP32", "FP64"]
        + [f"{kind}{bits}" for kind in ("INT", "UINT") for bits in (8, 16, 32, 64)]
    )

    @classmethod
    def validate_grpc_request(cls, request: ModelInferRequest) -> None:
        """Raise RefusedCall where inputs and raw contents do not fit each other, or a datatype is none."""
        raw_count = len(request.raw_input_contents)
        if raw_count not in (0, len(request.inputs)):
            raise _refused(
                f"raw_input_contents: {raw_count} came for {len(request.inputs)} inputs; send one for each input"
            )
        for tensor in request.inputs:
            if tensor.datatype not in cls._datatypes:
                known = ", ".join(sorted(cls._datatypes))
                raise _refused(f"{tensor.name[:64]}: {tensor.datatype[:32]!r} is not a datatype; known are {known}")
            if raw_count and tensor.HasField("contents"):
                raise _refused(f"{tensor.name[:64]}: came with contents and with raw contents; send one of them")


def _refused(sentence: str) -> RefusedCall:
    return RefusedCall(InvalidRequest(sentence))


class StatusInterceptor(AsyncExceptionToStatusInterceptor):
    """Exceptions as gRPC statuses."""

    async def handle_exception(self, ex: Exception, request_or_iterator: Any, context: Any, method_name: str) -> None:
        """End the call with the status of `ex`."""
        del request_or_iterator
        code, _, sentence = answer(ex, method_name)
        await context.abort(code, sentence)


class GrpcEndpoint:
    """The gRPC server: KServe's native service on one port.

    address: host:port, port 0 picks a free one. max_message_bytes: of a request or a response.
    """

    def __init__(self, address: str, max_message_bytes: int) -> None:
        self._address = address
        self._server = aio.server(
            futures.ThreadPoolExecutor(max_workers=1),
            interceptors=(StatusInterceptor(),),
            options=[
                ("grpc.max_send_message_length", max_message_bytes),
                ("grpc.max_receive_message_length", max_message_bytes),
                # another process on the same port would take half of the streams, silently
                ("grpc.so_reuseport", 0),
            ],
        )

    async def start(self, data_plane: DataPlane, repository: ModelRepositoryExtension) -> int:
        """Listen; returns the port. Raises RuntimeError when the address can't be had."""
        servicer = Servicer(data_plane, repository)
        grpc_predict_v2_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, self._server)
        port: int = self._server.add_insecure_port(self._address)
        await self._server.start()
        return port

    async def stop(self, grace_seconds: float) -> None:
        """Take no new calls, and give those in flight `grace_seconds` to end."""
        await self._server.stop(grace_seconds)
