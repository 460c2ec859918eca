"""A stream may begin from a belief instead of the prior: it goes on at the belief's offset, under its settings."""

import struct
import zlib
from typing import Any

import numpy as np
import pytest

from tests.predictor.models import MEAN, MODELS, rows
from tests.predictor.v2 import Caller, message

VERSION_AT = 8
OWN = '{"prior_std": 3.0}'


def begin(sequence: str, state: bytes, observations: Any, model: str = MEAN, **more: Any) -> Any:
    inputs = {"observations": observations, "state": [state]}
    return message(model, inputs, sequence_id=sequence, sequence_start=True, **more)


def look(caller: Caller, sequence: str, model: str = MEAN) -> bytes:
    return caller.infer(model, np.empty(0), sequence_id=sequence, outputs=["state"]).state


def of_schema(state: bytes, version: int) -> bytes:
    """The same state as another release would have laid it out."""
    changed = bytearray(state)
    struct.pack_into("<I", changed, VERSION_AT, version)
    struct.pack_into("<I", changed, 4, zlib.crc32(changed[8:]))
    return bytes(changed)


@pytest.fixture
def state(caller: Caller) -> bytes:
    """The belief after [1, 2]."""
    return caller.infer(MEAN, [1.0, 2.0], outputs=["state"]).state


@pytest.mark.parametrize("model", MODELS)
def test_it_goes_on_as_the_stream_that_the_belief_is_from(caller: Caller, sequence: str, model: str) -> None:
    observations = rows(model, 40)
    source = caller.infer(
        model, observations[:25], sequence_id=f"{sequence}-source", sequence_start=True, outputs=["state"]
    )
    begun = caller.send(begin(sequence, source.state, rows(model, 0), model, offset=25, outputs=["state"]))
    assert (begun.state, begun.parameters["next_offset"]) == (source.state, 25)
    for name in (sequence, f"{sequence}-source"):
        caller.infer(model, observations[25:], sequence_id=name, offset=25)
    assert look(caller, sequence, model) == look(caller, f"{sequence}-source", model)


def test_the_first_rows_may_come_with_it(caller: Caller, sequence: str, state: bytes) -> None:
    reply = caller.send(begin(sequence, state, [3.0], offset=2))
    whole = caller.infer(MEAN, [1.0, 2.0, 3.0])
    assert reply["mean"] == whole["mean"][-1:]
    assert reply.parameters == {"sequence_id": sequence, "next_offset": 3, "replayed": False}


@pytest.mark.parametrize("observations", [[], [3.0]], ids=["without rows", "with rows"])
def test_a_retry_is_answered_again(caller: Caller, sequence: str, state: bytes, observations: list[float]) -> None:
    request = begin(sequence, state, np.array(observations), offset=2, outputs=["state", "mean"])
    first, again = caller.send(request), caller.send(request)
    assert list(again.message.raw_output_contents) == list(first.message.raw_output_contents)
    assert again.parameters["replayed"] is True
    assert look(caller, sequence) == first.state


def test_a_late_duplicate_does_not_begin_a_stream_that_went_on_again(
    caller: Caller, sequence: str, state: bytes
) -> None:
    request = begin(sequence, state, [3.0], offset=2)
    caller.send(request)
    caller.infer(MEAN, [4.0], sequence_id=sequence, offset=3)
    refused = caller.refused(request)
    assert (refused.code, "go on from offset 4" in refused.sentence) == ("FAILED_PRECONDITION", True)


def test_another_belief_at_the_same_offset_is_no_retry(caller: Caller, sequence: str, state: bytes) -> None:
    caller.send(begin(sequence, state, np.empty(0), offset=2))
    other = caller.infer(MEAN, [1.0, 2.5], outputs=["state"]).state
    reply = caller.send(begin(sequence, other, np.empty(0), offset=2, outputs=["state"]))
    assert (reply.state, reply.parameters["replayed"]) == (other, False)


def test_an_offset_other_than_the_beliefs_is_refused(caller: Caller, sequence: str, state: bytes) -> None:
    refused = caller.refused(begin(sequence, state, [3.0], offset=0))
    assert refused.code == "INVALID_ARGUMENT"
    assert "the state that came is at offset 2" in refused.sentence


def test_the_settings_come_with_the_belief(caller: Caller, sequence: str) -> None:
    first = caller.infer(
        MEAN, [1.0], sequence_id=f"{sequence}-own", sequence_start=True, config=OWN, outputs=["state", "mean"]
    )
    caller.send(begin(sequence, first.state, np.empty(0), offset=1))
    came = caller.infer(MEAN, [5.0], sequence_id=sequence, offset=1)
    expected = caller.infer(MEAN, [5.0], sequence_id=f"{sequence}-own", offset=1)
    assert came["mean"] == expected["mean"] == pytest.approx(6.0 / (2.0 + 1.0 / 9.0))


def test_settings_beside_a_belief_are_refused(caller: Caller, sequence: str, state: bytes) -> None:
    refused = caller.refused(begin(sequence, state, [3.0], config=OWN))
    assert (refused.code, refused.sentence.startswith("config: ")) == ("INVALID_ARGUMENT", True)


@pytest.mark.parametrize("model", [model for model in MODELS if model != MEAN])
def test_the_belief_of_another_filter_is_refused_by_name(caller: Caller, sequence: str, model: str) -> None:
    foreign = caller.infer(model, rows(model, 2), outputs=["state"]).state
    refused = caller.refused(begin(sequence, foreign, [3.0]))
    assert refused.code == "INVALID_ARGUMENT"
    assert model in refused.sentence
    assert MEAN in refused.sentence


def test_a_newer_schema_is_refused_by_name(caller: Caller, sequence: str, state: bytes) -> None:
    refused = caller.refused(begin(sequence, of_schema(state, 7), [3.0]))
    assert refused.code == "INVALID_ARGUMENT"
    assert "schema version 7 of running_mean" in refused.sentence
    assert "upgrade the server" in refused.sentence


def test_a_refused_belief_begins_nothing(caller: Caller, sequence: str, state: bytes) -> None:
    caller.refused(begin(sequence, state[:-1], [3.0]))
    assert caller.refused(message(MEAN, {"observations": [1.0]}, sequence_id=sequence)).code == "NOT_FOUND"
