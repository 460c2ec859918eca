"""The services as they are served, for whoever asks by reflection: KServe's definition, and stream_filters.proto."""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from stream_filters.wire import stream_filters_pb2

SERVICE = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
OWN_SERVICE = stream_filters_pb2.DESCRIPTOR.services_by_name["StreamFilters"].full_name


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
    """Both services, with our methods in KServe's too; a method's types must come before it, hence in one file."""
    file, own = descriptor_pb2.FileDescriptorProto(), descriptor_pb2.FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(file)
    stream_filters_pb2.DESCRIPTOR.CopyToProto(own)
    file.message_type.extend(own.message_type)
    file.service[0].method.extend(own.service[0].method)
    file.service.extend(own.service)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    for other in (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR):
        pool.AddSerializedFile(other.serialized_pb)
    return ReflectionPool(pool)
