"""Whatever a client sends is answered or refused by name: the server never fails, and nothing else changes."""

from collections.abc import Iterator
from random import Random
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.predictor import spoilt
from tests.predictor.models import MODELS, rows
from tests.predictor.process import PredictorProcess
from tests.predictor.v2 import Caller, Refused

# a thousand requests, twenty at once
EXAMPLES, TOGETHER = 50, 20
ALLOWED = {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"}
NEIGHBOUR = "next to the spoilt ones"


def state_of(caller: Caller, model: str) -> bytes:
    return caller.infer(model, rows(model, 0), sequence_id=NEIGHBOUR, outputs=["state"]).state


@pytest.fixture(scope="module")
def neighbours(caller: Caller) -> Iterator[dict[str, bytes]]:
    """The state of a stream of each model."""
    for model in MODELS:
        caller.infer(model, rows(model, 20), sequence_id=NEIGHBOUR, sequence_start=True)
    yield {model: state_of(caller, model) for model in MODELS}
    for model in MODELS:
        caller.infer(model, rows(model, 0), sequence_id=NEIGHBOUR, sequence_end=True)


@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.binary(min_size=8, max_size=8))
def test_a_malformed_request_is_refused_by_name(
    served: PredictorProcess, caller: Caller, neighbours: dict[str, bytes], seed: bytes
) -> None:
    random = Random(seed)
    sent = [spoilt.request(random) for _ in range(TOGETHER)]
    for request, outcome in zip(sent, caller.send_all(sent), strict=True):
        if isinstance(outcome, Refused):
            assert outcome.code in ALLOWED, (outcome, request)
            assert outcome.sentence
    assert served.is_alive()
    assert {model: state_of(caller, model) for model in MODELS} == neighbours


def test_bytes_that_are_no_message_fail_alone(served: PredictorProcess, caller: Caller) -> None:
    """gRPC refuses them before there is a request."""
    random = Random(3)
    call: Any = caller.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    for _ in range(20):
        with pytest.raises(grpc.RpcError):
            call(random.randbytes(50), timeout=30.0)
    assert served.is_alive()
    assert caller.ask("ServerReady").ready
