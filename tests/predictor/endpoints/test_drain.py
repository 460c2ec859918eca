import itertools
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from stream_filters_client.wire import inference_pb2 as wire

from tests.predictor.endpoints.calls import fresh_name, open_stream, request
from tests.predictor.models import MEAN
from tests.predictor.process import PredictorProcess
from tests.predictor.v2 import Caller, message

CALLERS = 4
DEADLINE_SECONDS = 60.0


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


def test_a_request_in_work_is_answered_before_the_server_goes(tmp_path: Path) -> None:
    own, name = PredictorProcess(tmp_path), fresh_name()
    caller = Caller(own.grpc_address)
    caller.infer(MEAN, [1.0], sequence_id=name, sequence_start=True)
    request = message(MEAN, {"observations": np.ones(90_000)}, outputs=["mean"], sequence_id=name)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(caller.send, request)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not _is_busy(own):
            assert time.monotonic() < deadline
        assert own.stop() == 0
        assert answer.result().parameters["next_offset"] == 90_001


def test_under_load_every_caller_is_answered_or_told_and_no_answer_is_forgotten(tmp_path: Path) -> None:
    store = ("--store", f"sqlite://{tmp_path}/streams.db")
    own = PredictorProcess(tmp_path, *store)
    names = [fresh_name() for _ in range(2 * CALLERS)]
    all_serve = threading.Barrier(2 * CALLERS + 1)
    with ThreadPoolExecutor(2 * CALLERS) as pool:
        calls = [_unary, _stream] * CALLERS
        told = [pool.submit(call, own.grpc_address, name, all_serve) for call, name in zip(calls, names, strict=True)]
        all_serve.wait(DEADLINE_SECONDS)
        assert own.stop() == 0
        outcomes = [future.result() for future in told]
    ends = {(call.__name__, code.name) for call, (_, code) in zip(calls, outcomes, strict=True)}
    assert ends == {("_unary", "UNAVAILABLE"), ("_stream", "UNAVAILABLE")}
    again = PredictorProcess(tmp_path, *store)
    try:
        caller = Caller(again.grpc_address)
        for name, (answered, _) in zip(names, outcomes, strict=True):
            # the last one may have been applied, and its answer lost
            assert caller.infer(MEAN, [], sequence_id=name).parameters["next_offset"] in (answered, answered + 1)
    finally:
        again.stop()


def _unary(address: str, name: str, all_serve: threading.Barrier) -> tuple[int, grpc.StatusCode]:
    """One request after the other until one fails: how many were answered, and how it failed."""
    infer: Any = grpc.insecure_channel(address).unary_unary("/inference.GRPCInferenceService/ModelInfer")
    for offset in itertools.count():
        try:
            infer(request(MEAN, name, offset).SerializeToString(), timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            return offset, error.code()
        if offset == 10:
            all_serve.wait(DEADLINE_SECONDS)
    raise AssertionError("it ends by an error")


def _stream(address: str, name: str, all_serve: threading.Barrier) -> tuple[int, grpc.StatusCode]:
    """The same with a streaming call."""
    requests = (request(MEAN, name, offset) for offset in itertools.count())
    answered = 0
    try:
        for response in open_stream(grpc.insecure_channel(address), requests, timeout=DEADLINE_SECONDS):
            assert not response.error_message
            answered += 1
            if answered == 10:
                all_serve.wait(DEADLINE_SECONDS)
    except grpc.RpcError as error:
        return answered, error.code()
    raise AssertionError("it ends by an error")


def _is_busy(own: PredictorProcess) -> bool:
    with urllib.request.urlopen(f"{own.http_url}/metrics") as response:
        return f'stream_filters_busy_streams{{model_name="{MEAN}"}} 1.0' in response.read().decode()
