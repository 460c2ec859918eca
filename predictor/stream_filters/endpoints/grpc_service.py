"""KServe's gRPC service with codes that mean something, its streaming form, and without what a client must not do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from math import prod
from typing import Any, ClassVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.model_repository_extension import ModelRepositoryExtension

from stream_filters.endpoints.admission import Admission
from stream_filters.endpoints.extensions import OWN_SERVICE, SERVICE
from stream_filters.errors import RefusedCall, answer, end
from stream_filters.model import USUAL_NAMES, named_model
from stream_filters.refusals import GoingDown, InvalidRequest, TooSlow
from stream_filters.wire import large_messages
from stream_filters.wire.kserve_types import set_parameter
from stream_filters.wire.large_messages import LargeRequest, LargeResponse
from stream_filters.wire.stream_filters_pb2 import (
    ModelSequencesRequest,
    ModelSequencesResponse,
    ModelStreamInferResponse,
    RepositoryIndexRequest,
    RepositoryIndexResponse,
)

# of inputs, of parameters and of outputs: more than any filter knows
_MOST_NAMED = 256
# values that are not raw are made into objects one by one
_MOST_TYPED = 2**18


class _Unreadable(Exception):
    """Bytes that are not the message that they should be."""


class Servicer(InferenceServicer):
    """KServe's servicer and `ModelStreamInfer`; requests that KServe would fail on are refused by name before.

    unary, streaming: how many calls of each kind may be open at once.
    """

    _datatypes: ClassVar[frozenset[str]] = frozenset(
        ["BOOL", "BYTES", "FP16", "FP32", "FP64"]
        + [f"{kind}{bits}" for kind in ("INT", "UINT") for bits in (8, 16, 32, 64)]
    )

    def __init__(
        self, data_plane: DataPlane, repository: ModelRepositoryExtension, unary: Admission, streaming: Admission
    ) -> None:
        super().__init__(data_plane, repository)
        self._unary = unary
        self._streaming = streaming
        self._reads: set[asyncio.Future[Any]] = set()
        self._closing = False

    async def ModelInfer(
        self, request: pb.ModelInferRequest | LargeRequest, context: Any
    ) -> pb.ModelInferResponse | bytes:
        """One request, one response; a large one as its bytes."""
        with self._unary:
            response = await super().ModelInfer(request, context)
            if isinstance(response, LargeResponse):
                return await asyncio.to_thread(response.serialized)
            return response

    async def RepositoryIndex(self, request: Any, context: Any) -> Message:
        """The models that are served, as Triton lists them."""
        del context
        index, ready = RepositoryIndexResponse(), self._data_plane.is_ready
        for name in self._data_plane.model_registry.get_models() if ready or not request.ready else ():
            index.models.add(name=name, version="1", state="READY" if ready else "UNAVAILABLE")
        return index

    async def ModelSequences(self, request: Any, context: Any) -> Message:
        """A page of the names of a model's streams."""
        del context
        limit = request.limit or USUAL_NAMES
        names, after = await named_model(self._data_plane, request.model_name).sequences(request.after, limit)
        return ModelSequencesResponse(sequence_ids=names, next=after)

    async def ModelStreamInfer(
        self, requests: AsyncIterator[Message | _Unreadable], context: Any
    ) -> AsyncIterator[Message | bytes]:
        """Responses in the order of the requests, one at a time: a slow reader slows its own requests down.

        A refused request is answered with an error message and its code; the call goes on.
        """
        with self._streaming:
            iterator = aiter(requests)
            while (request := await self._next(iterator)) is not None:
                try:
                    yield await _wrapped(await super().ModelInfer(_read(request), context))
                except Exception as error:
                    yield _told(error, request)

    async def _next(self, iterator: AsyncIterator[Message | _Unreadable]) -> Message | _Unreadable | None:
        """The next request, or None when the caller has sent the last. Raises RefusedCall when the server goes down."""
        if not self._closing:
            read = asyncio.ensure_future(anext(iterator, None))
            self._reads.add(read)
            try:
                return await read
            except asyncio.CancelledError:
                if not self._closing:
                    raise
            finally:
                self._reads.discard(read)
        raise RefusedCall(GoingDown("the server is going down; connect again and go on"))

    def close_streams(self) -> None:
        """End streaming calls: at once where they wait for a request, else after the one in work."""
        self._closing = True
        for read in list(self._reads):
            read.cancel()

    @classmethod
    def validate_grpc_request(cls, request: pb.ModelInferRequest) -> None:
        """Raise RefusedCall where inputs and raw contents do not fit each other, or a datatype is none."""
        for what, came in (
            ("inputs", request.inputs),
            ("parameters", request.parameters),
            ("outputs", request.outputs),
        ):
            if len(came) > _MOST_NAMED:
                raise _refused(f"{what}: {len(came)} came, no request has more than {_MOST_NAMED}; send those it needs")
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
            if not raw_count:
                _check_typed(tensor)


def _check_typed(tensor: Any) -> None:
    """Compare the number of typed values with the shape, before anything is made of them."""
    came = sum(len(values) for _, values in tensor.contents.ListFields())
    needed = prod(max(0, size) for size in tensor.shape)
    if came > needed:
        raise _refused(
            f"{tensor.name[:64]}: shape {list(tensor.shape)[:8]} needs {needed} values, {came} came; make them agree"
        )
    if came > _MOST_TYPED:
        raise _refused(
            f"{tensor.name[:64]}: {came} values came one by one, the limit is {_MOST_TYPED}; "
            "send them as raw_input_contents"
        )


def _read(request: Message | _Unreadable) -> Any:
    """The message. Raises RefusedCall when there is none."""
    if isinstance(request, _Unreadable):
        raise _refused("the bytes are not a v2 message; check that text is UTF-8 and that nothing is cut off")
    return request


async def _wrapped(response: pb.ModelInferResponse | LargeResponse) -> Message | bytes:
    """The response as a streaming call has it."""
    if isinstance(response, LargeResponse):
        return await asyncio.to_thread(response.serialized, ModelStreamInferResponse.INFER_RESPONSE_FIELD_NUMBER)
    wrapped: Message = ModelStreamInferResponse(infer_response=response)
    return wrapped


def _told(error: Exception, request: Any) -> Message:
    """The answer of a streaming call to a request that is refused; the call goes on."""
    told = answer(error, "ModelStreamInfer")
    answered = pb.ModelInferResponse()
    if not isinstance(request, _Unreadable):
        answered.id, answered.model_name = request.id, request.model_name
    for name, value in {"code": told.code.name, **told.fields}.items():
        set_parameter(answered.parameters[name], value)
    response: Message = ModelStreamInferResponse(error_message=told.sentence, infer_response=answered)
    return response


def _refused(sentence: str) -> RefusedCall:
    return RefusedCall(InvalidRequest(sentence))


def handlers(servicer: Servicer, reading_seconds: float) -> tuple[grpc.GenericRpcHandler, ...]:
    """Every method of both services. What it raises ends the call with its status; what is no message is refused.

    reading_seconds: in which an answer of a streaming call must be taken.
    """
    service = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    methods = {
        method.name: grpc.unary_unary_rpc_method_handler(
            _answering(getattr(servicer, method.name)),
            request_deserializer=_reader(_parser(method.input_type)),
            response_serializer=_serialized,
        )
        for method in service.methods
    }
    own = {
        name: grpc.unary_unary_rpc_method_handler(
            _answering(getattr(servicer, name)),
            request_deserializer=_reader(request.FromString),
            response_serializer=_serialized,
        )
        for name, request in (("ModelSequences", ModelSequencesRequest), ("RepositoryIndex", RepositoryIndexRequest))
    }
    own["ModelStreamInfer"] = grpc.stream_stream_rpc_method_handler(
        _answering_stream(servicer.ModelStreamInfer, reading_seconds),
        request_deserializer=_reader(large_messages.read),
        response_serializer=_serialized,
    )
    return (
        grpc.method_handlers_generic_handler(SERVICE, {**methods, **own}),
        grpc.method_handlers_generic_handler(OWN_SERVICE, own),
    )


def _parser(kind: Any) -> Callable[[bytes], Any]:
    message: type[Message] = GetMessageClass(kind)
    return large_messages.read if message is pb.ModelInferRequest else message.FromString


def _reader(parse: Callable[[bytes], Any]) -> Any:
    def read(data: bytes) -> Any:
        try:
            return parse(data)
        except DecodeError:
            return _Unreadable()

    return read


def _serialized(response: Message | bytes) -> bytes:
    return response if isinstance(response, bytes) else response.SerializeToString()


def _answering(method: Any) -> Any:
    async def called(request: Message | _Unreadable, context: Any) -> Message | bytes:
        try:
            response: Message | bytes = await method(_read(request), context)
        except Exception as error:
            await _end(error, method, context)
            raise
        return response

    return called


def _answering_stream(method: Any, reading_seconds: float) -> Any:
    async def called(requests: AsyncIterator[Message | _Unreadable], context: Any) -> None:
        try:
            async for response in method(requests, context):
                await _taken(context.write(response), reading_seconds)
        except Exception as error:
            await _end(error, method, context)
            raise

    return called


async def _taken(writing: Any, seconds: float) -> None:
    """Wait until the caller has room for an answer. Raises RefusedCall."""
    try:
        await asyncio.wait_for(writing, seconds)
    except TimeoutError:
        slow = TooSlow(f"an answer was not taken within {seconds:g} s; connect again, and read")
        raise RefusedCall(slow) from None


async def _end(error: Exception, method: Any, context: Any) -> None:
    """End the call with the status of what `method` raised."""
    await end(answer(error, method.__name__), context)
