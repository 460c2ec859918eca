"""More calls than the server may have at once, and connections that are silent or old."""

import itertools
import socket
import struct
import threading
import time
from collections.abc import Iterator

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from stream_filters_client import errors
from stream_filters_client.wire import inference_pb2 as wire

from tests.conftest import StartPredictor
from tests.predictor.endpoints.calls import fresh_name, open_stream, request
from tests.predictor.models import MEAN
from tests.predictor.process import PredictorProcess
from tests.predictor.v2 import Caller, Refused, Reply, message

MOST = 2
DEADLINE_SECONDS = 60.0
# HTTP/2: what a client says first, an empty SETTINGS frame, and types of frames
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
PING, GOAWAY, ACK = 6, 7, 1


@pytest.fixture(scope="module")
def narrow(start_predictor: StartPredictor) -> PredictorProcess:
    """Takes two requests, and two streaming calls, at once."""
    return start_predictor("--max-concurrent", str(MOST), "--max-streaming-calls", str(MOST))


def test_requests_beyond_the_limit_are_turned_away_and_the_others_answered(narrow: PredictorProcess) -> None:
    caller, name = Caller(narrow.grpc_address), fresh_name()
    caller.infer(MEAN, [1.0], sequence_id=name, sequence_start=True)
    slow = message(MEAN, {"observations": np.ones(50_000)}, outputs=["mean"], sequence_id=name)
    outcomes = caller.send_all([slow] * 12)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    answered = [outcome for outcome in outcomes if isinstance(outcome, Reply)]
    assert len(answered) >= MOST
    assert {outcome.code for outcome in refused} == {"RESOURCE_EXHAUSTED"}
    assert "2 requests in work, its limit; slow down" in refused[0].sentence
    next_offset = caller.infer(MEAN, [], sequence_id=name).parameters["next_offset"]
    assert next_offset == 1 + 50_000 * len(answered)


def test_streaming_calls_beyond_the_limit_are_turned_away_until_one_ends(narrow: PredictorProcess) -> None:
    channel = grpc.insecure_channel(narrow.grpc_address)
    done = threading.Event()

    def one_then_quiet() -> Iterator[wire.ModelInferRequest]:
        yield request(MEAN, fresh_name(), 0)
        done.wait(DEADLINE_SECONDS)

    calls = [open_stream(channel, one_then_quiet()) for _ in range(MOST)]
    assert [next(call).error_message for call in calls] == ["", ""]
    with pytest.raises(grpc.RpcError) as refused:
        next(open_stream(channel, one_then_quiet()))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "2 streaming calls open" in str(refused.value.details())
    assert isinstance(errors.from_rpc(refused.value, narrow.grpc_address), errors.Overloaded)
    health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert health.status == health_pb2.HealthCheckResponse.SERVING
    calls[0].cancel()
    _until_answered(channel)
    done.set()


def _until_answered(channel: grpc.Channel) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not _is_answered(channel):
        assert time.monotonic() < deadline


def _is_answered(channel: grpc.Channel) -> bool:
    try:
        return len(list(open_stream(channel, [request(MEAN, fresh_name(), 0)]))) == 1
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise
        return False


def test_a_silent_connection_is_pinged(start_predictor: StartPredictor) -> None:
    predictor = start_predictor("--keepalive-seconds", "1")
    assert PING in _frames_until(predictor.grpc_address, PING)


def test_a_client_is_told_to_connect_again_when_its_connection_is_old(start_predictor: StartPredictor) -> None:
    ages = ("--max-connection-age-seconds", "1", "--max-connection-age-grace-seconds", "1")
    predictor = start_predictor(*ages)
    assert GOAWAY in _frames_until(predictor.grpc_address, GOAWAY)
    # callers of single requests do not notice
    caller, until = Caller(predictor.grpc_address), time.monotonic() + 4.0
    while time.monotonic() < until:
        caller.infer(MEAN, [1.0])
    # a streaming call has the time of grace, and is told to begin anew
    with pytest.raises(grpc.RpcError) as told:
        list(open_stream(caller.channel, (request(MEAN, "old", 7) for _ in itertools.count())))
    assert told.value.code() is grpc.StatusCode.UNAVAILABLE


def _frames_until(address: str, kind: int) -> set[int]:
    """Types of the frames that a silent connection is sent, up to the first of a kind, without acknowledgements."""
    host, _, port = address.rpartition(":")
    seen: set[int] = set()
    with socket.create_connection((host, int(port)), timeout=DEADLINE_SECONDS) as connection:
        connection.sendall(PREFACE)
        with connection.makefile("rb") as incoming:
            while kind not in seen and (head := incoming.read(9)):
                high, low, type_, flags, _ = struct.unpack(">BHBBI", head)
                incoming.read((high << 16) + low)
                if not flags & ACK:
                    seen.add(type_)
    return seen
