import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from stream_filters_client.wire import inference_pb2 as wire

from tests.predictor.endpoints.calls import METHOD, fresh_name, open_stream, request, requests
from tests.predictor.models import MEAN, MODELS
from tests.predictor.process import PredictorProcess
from tests.predictor.v2 import Caller

DEADLINE_SECONDS = 60.0
ROWS = 100
RESIDENT = "process_resident_memory_bytes"


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


def test_bytes_that_are_no_message_are_told_and_the_call_goes_on(channel: grpc.Channel) -> None:
    name = fresh_name()
    cut = request(MEAN, name, 1).SerializeToString()[:-3]
    wrong_text = b"\x0a\x02\xff\xfe"
    sent = [request(MEAN, name, 0).SerializeToString(), cut, wrong_text, request(MEAN, name, 1).SerializeToString()]
    call: Any = channel.stream_stream(METHOD, response_deserializer=wire.ModelStreamInferResponse.FromString)
    applied, *refused, after = call(iter(sent))
    assert [applied.error_message, after.error_message] == ["", ""]
    for told in refused:
        assert told.error_message.startswith("the bytes are not a v2 message")
        assert told.infer_response.parameters["code"].string_param == "INVALID_ARGUMENT"


def test_a_reader_that_does_not_read_bounds_what_the_server_takes_and_keeps(
    channel: grpc.Channel, served: PredictorProcess
) -> None:
    asked = _Counted(requests(MEAN, fresh_name(), 20_000, rows=ROWS))
    resident, before = _metric(served, RESIDENT), _applied(served)
    call = open_stream(channel, asked)
    applied, grown = _until_still(served, before), _metric(served, RESIDENT) - resident
    taken = asked.count
    call.cancel()
    # what lies between here and there are a few megabytes of buffers, of 50 that would have come
    assert 0 < applied <= taken * ROWS < 20_000 * ROWS / 2
    assert grown < 30e6


def test_a_reader_that_begins_to_read_gets_everything(channel: grpc.Channel, served: PredictorProcess) -> None:
    name, before = fresh_name(), _applied(served)
    call = open_stream(channel, requests(MEAN, name, 3_000, rows=ROWS))
    _until_still(served, before)
    ids = [response.infer_response.id for response in call]
    assert ids == [f"{name}@{offset}" for offset in range(0, 3_000 * ROWS, ROWS)]


def test_a_cancelled_call_does_no_more_work(channel: grpc.Channel, served: PredictorProcess) -> None:
    name, caller = fresh_name(), Caller(served.grpc_address)
    call = open_stream(channel, requests(MEAN, name, 20_000, rows=ROWS))
    next(call)
    call.cancel()
    _assert_left_alone(caller, served, name, most=20_000 * ROWS)


def test_a_deadline_ends_the_call_and_its_work(channel: grpc.Channel, served: PredictorProcess) -> None:
    name, caller = fresh_name(), Caller(served.grpc_address)
    with pytest.raises(grpc.RpcError) as ended:
        list(open_stream(channel, requests(MEAN, name, 1_000_000, rows=ROWS), timeout=1.0))
    assert ended.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    _assert_left_alone(caller, served, name, most=1_000_000 * ROWS)


def _assert_left_alone(caller: Caller, served: PredictorProcess, name: str, most: int) -> None:
    """Nobody goes on with the stream any more, far from the end of its requests; it can be gone on with."""
    _until(lambda: _metric(served, "stream_filters_busy_streams") == 0.0)
    reached = int(caller.infer(MEAN, [], sequence_id=name).parameters["next_offset"])
    assert 0 < reached < most / 2
    assert caller.infer(MEAN, [1.0], sequence_id=name, offset=reached).parameters["next_offset"] == reached + 1


class _Counted:
    """Counts what was taken from an iterator."""

    def __init__(self, items: Iterator[wire.ModelInferRequest]) -> None:
        self._items = items
        self.count = 0

    def __iter__(self) -> Iterator[wire.ModelInferRequest]:
        for item in self._items:
            self.count += 1
            yield item


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline


def _until_still(served: PredictorProcess, before: float) -> float:
    """What has been applied since it was `before`, when it rises no more."""
    seen, pause = [before], threading.Event()
    deadline = time.monotonic() + DEADLINE_SECONDS
    while seen[-1] == before or len(set(seen[-3:])) > 1:
        pause.wait(0.3)
        seen.append(_applied(served))
        assert time.monotonic() < deadline
    return seen[-1] - before


def _applied(served: PredictorProcess) -> float:
    return _metric(served, "stream_filters_observations_total")


def _metric(served: PredictorProcess, name: str) -> float:
    """A metric of the process, or of this filter."""
    with urllib.request.urlopen(f"{served.http_url}/metrics") as response:
        lines = response.read().decode().splitlines()
    found = [line for line in lines if line.startswith((f"{name} ", f'{name}{{model_name="{MEAN}"'))]
    assert len(found) == 1, found
    return float(found[0].rpartition(" ")[2])
