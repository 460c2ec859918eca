from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from tests.predictor.models import MODELS
from tests.predictor.process import PredictorProcess


@pytest.fixture
def channel(served: PredictorProcess) -> grpc.Channel:
    return grpc.insecure_channel(served.grpc_address)


@pytest.mark.parametrize("service", ["", *MODELS])
def test_health_is_told_overall_and_for_each_model(channel: grpc.Channel, service: str) -> None:
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_health_of_an_unknown_service_is_not_found(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="nobody"))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_reflection_describes_the_service_with_its_streaming_method(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    assert set(database.get_services()) == {
        "inference.GRPCInferenceService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    service = DescriptorPool(database).FindServiceByName("inference.GRPCInferenceService")
    method = service.methods_by_name["ModelStreamInfer"]
    assert (method.client_streaming, method.server_streaming) == (True, True)
    assert [field.name for field in method.output_type.fields] == ["error_message", "infer_response"]


@pytest.mark.parametrize("call", ["RepositoryModelLoad", "RepositoryModelUnload"])
def test_no_client_loads_or_unloads_a_model(channel: grpc.Channel, call: str) -> None:
    method: Any = channel.unary_unary(f"/inference.GRPCInferenceService/{call}")
    with pytest.raises(grpc.RpcError) as refused:
        method(b"")
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
