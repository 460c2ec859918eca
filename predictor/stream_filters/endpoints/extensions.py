"""What KServe's service definition lacks: the streaming method, in Triton's wire shape, and the list of streams."""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

SERVICE = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
_FIELD = descriptor_pb2.FieldDescriptorProto


def _text(message: descriptor_pb2.DescriptorProto, name: str, number: int, *, repeated: bool = False) -> None:
    label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
    message.field.add(name=name, number=number, type=_FIELD.TYPE_STRING, label=label)


def _sequences_request() -> descriptor_pb2.DescriptorProto:
    message = descriptor_pb2.DescriptorProto(name="ModelSequencesRequest")
    _text(message, "model_name", 1)
    _text(message, "after", 2)
    message.field.add(name="limit", number=3, type=_FIELD.TYPE_INT64, label=_FIELD.LABEL_OPTIONAL)
    return message


def _sequences_response() -> descriptor_pb2.DescriptorProto:
    message = descriptor_pb2.DescriptorProto(name="ModelSequencesResponse")
    _text(message, "sequence_ids", 1, repeated=True)
    _text(message, "next", 2)
    return message


def _response() -> descriptor_pb2.DescriptorProto:
    message = descriptor_pb2.DescriptorProto(name="ModelStreamInferResponse")
    _text(message, "error_message", 1)
    message.field.add(
        name="infer_response",
        number=2,
        type=_FIELD.TYPE_MESSAGE,
        label=_FIELD.LABEL_OPTIONAL,
        type_name=f".{pb.ModelInferResponse.DESCRIPTOR.full_name}",
    )
    return message


def _messages() -> list[descriptor_pb2.DescriptorProto]:
    return [_response(), _sequences_request(), _sequences_response()]


def _message_classes() -> list[Any]:
    """In the pool of KServe's messages, so that its responses are taken as they are."""
    file = descriptor_pb2.FileDescriptorProto(
        name="stream_filters/extensions.proto",
        package=pb.DESCRIPTOR.package,
        syntax="proto3",
        dependency=[pb.DESCRIPTOR.name],
        message_type=_messages(),
    )
    added = descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
    return [GetMessageClass(added.message_types_by_name[message.name]) for message in _messages()]


class ReflectionPool:
    """A pool that finds methods too: protobuf's own does not, and `grpcurl describe` asks for them."""

    def __init__(self, pool: descriptor_pool.DescriptorPool) -> None:
        self._pool = pool

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> Any:
        """The file that defines the symbol. Raises KeyError."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._pool.FindMethodByName(symbol).containing_service.file


def reflection_pool() -> ReflectionPool:
    """The service as it is served, for grpcurl and its kind: KServe's definition and the two methods more."""
    file = descriptor_pb2.FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(file)
    file.message_type.extend(_messages())
    file.service[0].method.add(
        name="ModelStreamInfer",
        input_type=f".{pb.ModelInferRequest.DESCRIPTOR.full_name}",
        output_type=f".{file.package}.ModelStreamInferResponse",
        client_streaming=True,
        server_streaming=True,
    )
    file.service[0].method.add(
        name="ModelSequences",
        input_type=f".{file.package}.ModelSequencesRequest",
        output_type=f".{file.package}.ModelSequencesResponse",
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    for other in (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR):
        pool.AddSerializedFile(other.serialized_pb)
    return ReflectionPool(pool)


ModelStreamInferResponse, ModelSequencesRequest, ModelSequencesResponse = _message_classes()
