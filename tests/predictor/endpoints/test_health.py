from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from tests.conftest import StartPredictor
from tests.predictor.models import MEAN, MODELS
from tests.predictor.process import PredictorProcess
from tests.store.servers import Server

SERVING = health_pb2.HealthCheckResponse.SERVING


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


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


def test_a_server_without_its_store_is_not_serving_until_it_is_back(
    store: Server, start_predictor: StartPredictor
) -> None:
    flags = ("--store", f"valkey://127.0.0.1:{store.port}", "--store-check-seconds", "0.2")
    health = health_pb2_grpc.HealthStub(grpc.insecure_channel(start_predictor(*flags).grpc_address))
    watches = [health.Watch(health_pb2.HealthCheckRequest(service=name), timeout=60) for name in ("", MEAN)]

    def told() -> set[str]:
        return {health_pb2.HealthCheckResponse.ServingStatus.Name(next(watch).status) for watch in watches}

    assert told() == {"SERVING"}
    store.kill()
    assert told() == {"NOT_SERVING"}
    # the loop goes on, and says so
    assert health.Check(health_pb2.HealthCheckRequest(service="liveness")).status == SERVING
    store.start()
    assert told() == {"SERVING"}
    for watch in watches:
        watch.cancel()


def test_reflection_describes_the_service_with_its_streaming_method(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    assert set(database.get_services()) == {
        "inference.GRPCInferenceService",
        "inference.StreamFilters",
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
