import threading
import time
import urllib.request
from typing import Any

import grpc
import pytest

from tests.predictor.models import MEAN, MODELS
from tests.predictor.process import PredictorProcess
from tests.predictor.v2 import Caller
from tests.server.calls import fresh_name, open_stream, request, requests

DEADLINE_SECONDS = 30.0


@pytest.fixture
def channel(served: PredictorProcess) -> grpc.Channel:
    return grpc.insecure_channel(served.grpc_address)


def test_responses_come_in_the_order_of_the_requests(channel: grpc.Channel) -> None:
    name = fresh_name()
    responses = open_stream(channel, requests(MEAN, name, 200))
    assert [response.infer_response.id for response in responses] == [f"{name}@{offset}" for offset in range(200)]


@pytest.mark.parametrize("model", MODELS)
def test_a_streaming_call_answers_as_unary_calls_do(channel: grpc.Channel, model: str) -> None:
    streamed, single = fresh_name(), fresh_name()
    infer: Any = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    responses = list(open_stream(channel, requests(model, streamed, 5, rows=7)))
    for offset, response in zip(range(0, 35, 7), responses, strict=True):
        unary = type(response.infer_response).FromString(
            infer(request(model, single, offset, rows=7).SerializeToString())
        )
        assert list(unary.raw_output_contents) == list(response.infer_response.raw_output_contents)


def test_one_call_carries_several_streams(channel: grpc.Channel) -> None:
    first, second = fresh_name(), fresh_name()
    mixed = [request(MEAN, name, offset) for offset in range(3) for name in (first, second)]
    ends = {
        response.infer_response.parameters["sequence_id"].string_param: response.infer_response.parameters[
            "next_offset"
        ].int64_param
        for response in open_stream(channel, mixed)
    }
    assert ends == {first: 3, second: 3}


def test_a_refused_message_is_told_and_the_call_goes_on(channel: grpc.Channel) -> None:
    name = fresh_name()
    sent = [request(MEAN, name, 0), request(MEAN, name, 7), request(MEAN, name, 1)]
    applied, refused, after = open_stream(channel, sent)
    assert refused.error_message.startswith("offset: 7 came")
    assert refused.infer_response.id == f"{name}@7"
    assert refused.infer_response.parameters["code"].string_param == "FAILED_PRECONDITION"
    assert [applied.error_message, after.error_message] == ["", ""]


def test_a_reader_that_does_not_read_stops_the_work_on_its_requests(
    channel: grpc.Channel, served: PredictorProcess
) -> None:
    # 20,000 answers of 100 rows are more than any buffer between here and there
    call = open_stream(channel, requests(MEAN, fresh_name(), 20_000, rows=100))
    before, deadline = -1.0, time.monotonic() + DEADLINE_SECONDS
    pause = threading.Event()
    while (now := _observations(served)) != before and time.monotonic() < deadline:
        before = now
        pause.wait(0.5)
    call.cancel()
    assert 0 < before < 20_000 * 100


def test_a_cancelled_call_leaves_its_stream_usable(channel: grpc.Channel, served: PredictorProcess) -> None:
    name, caller = fresh_name(), Caller(served.grpc_address)
    call = open_stream(channel, requests(MEAN, name, 5_000))
    next(call)
    call.cancel()
    deadline = time.monotonic() + DEADLINE_SECONDS
    before = -1
    while before != (before := int(caller.infer(MEAN, [], sequence_id=name).parameters["next_offset"])):
        assert time.monotonic() < deadline
    assert caller.infer(MEAN, [1.0], sequence_id=name, offset=before).parameters["next_offset"] == before + 1


def test_a_deadline_ends_the_call(channel: grpc.Channel) -> None:
    forever = (request(MEAN, "never", 9) for _ in iter(int, 1))
    with pytest.raises(grpc.RpcError) as ended:
        list(open_stream(channel, forever, timeout=0.5))
    assert ended.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def _observations(served: PredictorProcess) -> float:
    with urllib.request.urlopen(f"{served.http_url}/metrics") as response:
        text = response.read().decode()
    lines = [line for line in text.splitlines() if line.startswith("stream_filters_observations_total")]
    return sum(float(line.rpartition(" ")[2]) for line in lines if MEAN in line)
