import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from stream_filters_client.wire import inference_pb2 as wire

from tests.predictor.models import MEAN
from tests.predictor.process import PredictorProcess
from tests.server.calls import fresh_name, open_stream, request


@pytest.fixture
def own(tmp_path: Path) -> PredictorProcess:
    return PredictorProcess(tmp_path, "--drain-seconds", "2")


def test_a_server_told_to_stop_is_not_ready_but_answers_and_then_exits_with_0(own: PredictorProcess) -> None:
    channel = grpc.insecure_channel(own.grpc_address)
    health = health_pb2_grpc.HealthStub(channel)
    watch = health.Watch(health_pb2.HealthCheckRequest())
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    own.process.send_signal(signal.SIGTERM)
    assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    with pytest.raises(urllib.error.HTTPError) as not_ready:
        urllib.request.urlopen(f"{own.http_url}/v2/health/ready")
    not_ready.value.close()
    assert not_ready.value.code == 503
    infer: Any = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    assert infer(request(MEAN, fresh_name(), 0).SerializeToString())
    watch.cancel()
    assert own.stop() == 0


def test_an_idle_streaming_call_is_told_when_the_server_goes_down(own: PredictorProcess) -> None:
    channel = grpc.insecure_channel(own.grpc_address)
    name, done = fresh_name(), threading.Event()

    def one_then_quiet() -> Iterator[wire.ModelInferRequest]:
        yield request(MEAN, name, 0)
        done.wait(60)

    call = open_stream(channel, one_then_quiet())
    assert next(call).error_message == ""
    own.process.send_signal(signal.SIGTERM)
    with pytest.raises(grpc.RpcError) as told:
        next(call)
    done.set()
    assert told.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "connect again" in str(told.value.details())
    assert own.stop() == 0
