"""The streaming method that KServe's service definition lacks, in Triton's wire shape."""

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

SERVICE = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
_FIELD = descriptor_pb2.FieldDescriptorProto


def _response() -> descriptor_pb2.DescriptorProto:
    message = descriptor_pb2.DescriptorProto(name="ModelStreamInferResponse")
    message.field.add(name="error_message", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    message.field.add(
        name="infer_response",
        number=2,
        type=_FIELD.TYPE_MESSAGE,
        label=_FIELD.LABEL_OPTIONAL,
        type_name=f".{pb.ModelInferResponse.DESCRIPTOR.full_name}",
    )
    return message


def _message_class() -> type:
    """In the pool of KServe's messages, so that its responses are taken as they are."""
    file = descriptor_pb2.FileDescriptorProto(
        name="stream_filters/model_stream_infer.proto",
        package=pb.DESCRIPTOR.package,
        syntax="proto3",
        dependency=[pb.DESCRIPTOR.name],
        message_type=[_response()],
    )
    added = descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
    return GetMessageClass(added.message_types_by_name["ModelStreamInferResponse"])


def reflection_pool() -> descriptor_pool.DescriptorPool:
    """The service as it is served, for grpcurl and its kind: KServe's definition and the streaming method."""
    file = descriptor_pb2.FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(file)
    file.message_type.append(_response())
    file.service[0].method.add(
        name="ModelStreamInfer",
        input_type=f".{pb.ModelInferRequest.DESCRIPTOR.full_name}",
        output_type=f".{file.package}.ModelStreamInferResponse",
        client_streaming=True,
        server_streaming=True,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    for other in (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR):
        pool.AddSerializedFile(other.serialized_pb)
    return pool


ModelStreamInferResponse = _message_class()
