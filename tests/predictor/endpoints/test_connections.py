"""Connections, calls and bodies that do not go on: so many, and so long; other callers are served meanwhile."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from stream_filters.endpoints.grpc_service import _taken
from stream_filters.errors import RefusedCall

from tests.conftest import StartPredictor
from tests.predictor.models import MEAN
from tests.predictor.process import PredictorProcess
from tests.predictor.v2 import Caller, Refused, message
from tests.store.servers import wait_until

INFER = f"/v2/models/{MEAN}/infer"
HEAD = f"POST {INFER} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{{"
BODY = {"inputs": [{"name": "observations", "datatype": "FP64", "shape": [1], "data": [1.0]}]}
HALF_OPEN, WATCHES, CONNECTIONS = 20, 3, 40


@pytest.fixture(scope="module")
def served(start_predictor: StartPredictor) -> PredictorProcess:
    models = json.dumps([{"name": MEAN, "filter": MEAN}])
    flags = {"half-open-calls": HALF_OPEN, "watches": WATCHES, "connections": CONNECTIONS, "concurrent": 4}
    limits = [word for name, limit in flags.items() for word in (f"--max-{name}", str(limit))]
    return start_predictor("--models", models, "--arrival-seconds", "3", *limits)


def connected(served: PredictorProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(served.http_url.rpartition(":")[2])), timeout=60)


def is_served(served: PredictorProcess) -> bool:
    try:
        return httpx.post(f"{served.http_url}{INFER}", json=BODY, timeout=60).status_code == 200
    except httpx.TransportError:
        return False


def test_calls_whose_message_does_not_come_are_bounded_and_end(served: PredictorProcess) -> None:
    over = threading.Event()
    ask = message(MEAN, {"observations": [1.0]})

    def nothing() -> Iterator[bytes]:
        over.wait(120)
        yield from ()

    with grpc.insecure_channel(served.grpc_address) as channel:
        call: Any = channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")
        calls = [call.future(nothing(), timeout=100) for _ in range(HALF_OPEN + 10)]
        # while they all wait, who sends a message is answered, if not at once
        wait_until(lambda: not isinstance(Caller(served.grpc_address).outcome(ask), Refused))
        codes = [one.exception(100).code().name for one in calls]
        over.set()
    # some were turned away at once, or ended to make room for others, the rest when their time was over
    assert set(codes) <= {"RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"}
    assert codes.count("DEADLINE_EXCEEDED") >= HALF_OPEN
    assert Caller(served.grpc_address).infer(MEAN, [1.0])


def test_health_watches_are_bounded(served: PredictorProcess) -> None:
    with grpc.insecure_channel(served.grpc_address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        watches = [health.Watch(health_pb2.HealthCheckRequest()) for _ in range(WATCHES)]
        assert [next(watch).status for watch in watches] == [health_pb2.HealthCheckResponse.SERVING] * WATCHES
        with pytest.raises(grpc.RpcError) as refused:
            next(health.Watch(health_pb2.HealthCheckRequest()))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "3 health watches open" in str(refused.value.details())
        # a single question is never turned away
        assert health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING
        for watch in watches:
            watch.cancel()


def test_bodies_that_do_not_come_turn_nobody_away_and_are_told(served: PredictorProcess) -> None:
    slow = [connected(served) for _ in range(10)]
    for connection in slow:
        connection.sendall(HEAD.encode())
    assert is_served(served)
    for connection in slow:
        told = b"".join(iter(lambda connection=connection: connection.recv(1000), b""))  # type: ignore[misc]
        assert told.startswith(b"HTTP/1.1 408"), told
        assert b"the body did not come within 3 s" in told
        connection.close()


@pytest.mark.parametrize("sent", [b"", b"GET /v2/hea", b"GET /v2/health/live HTTP/1.1\r\nhost: a\r\n\r\nGET /v2"])
def test_heads_that_do_not_come_end_their_connection(served: PredictorProcess, sent: bytes) -> None:
    with connected(served) as connection:
        connection.sendall(sent)
        while connection.recv(1000):
            pass
    assert is_served(served)


def test_connections_are_bounded_and_come_free(served: PredictorProcess) -> None:
    wait_until(lambda: is_served(served))
    held = [connected(served) for _ in range(CONNECTIONS + 5)]
    closed = 0
    for connection in held[CONNECTIONS:]:
        try:
            closed += connection.recv(1) == b""
        except ConnectionResetError:
            closed += 1
    assert closed == 5
    for connection in held:
        connection.close()
    wait_until(lambda: is_served(served))


async def test_an_answer_that_is_not_taken_ends_the_call() -> None:
    with pytest.raises(RefusedCall, match="an answer was not taken"):
        await _taken(asyncio.Event().wait(), 0.01)


def test_metadata_limits_are_settings(start_predictor: StartPredictor) -> None:
    models = json.dumps([{"name": MEAN, "filter": MEAN}])
    metadata = ("--max-metadata-bytes", "40000", "--max-metadata-bytes-absolute", "50000")
    served = start_predictor("--models", models, *metadata)
    options = [("grpc.max_metadata_size", 100_000), ("grpc.absolute_max_metadata_size", 100_000)]
    with grpc.insecure_channel(served.grpc_address, options) as channel:
        check: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
        check(b"", metadata=(("x", "a" * 30_000),), timeout=60)
        with pytest.raises(grpc.RpcError) as refused:
            check(b"", metadata=(("x", "a" * 60_000),), timeout=60)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
