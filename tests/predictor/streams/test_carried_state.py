"""A client may carry the state itself: the belief goes out and comes back, and nothing else is taken for one."""

import struct
import zlib
from typing import Any

import numpy as np
import pytest

from tests.predictor.models import MEAN, MODELS, bound, rows
from tests.predictor.v2 import Caller, message

# where the offset of a belief stands: behind magic, checksum and schema version
OFFSET_AT = 12


def carried(state: bytes, observations: Any, model: str = MEAN, **more: Any) -> Any:
    return message(model, {"observations": observations, "state": [state]}, **more)


def forged(state: bytes, offset: int) -> bytes:
    """The state under another offset, with a checksum that fits."""
    changed = bytearray(state)
    struct.pack_into("<q", changed, OFFSET_AT, offset)
    struct.pack_into("<I", changed, 4, zlib.crc32(changed[8:]))
    return bytes(changed)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
def test_a_stream_cut_by_its_client_gives_the_same_bits(caller: Caller, model: str, raw: bool) -> None:
    observations = rows(model, 40)
    names = [output.name for output in bound(model).outputs if not output.on_horizon]
    whole = caller.infer(model, observations, outputs=[*names, "state"])
    first = caller.infer(model, observations[:17], outputs=[*names, "state"])
    second = caller.send(carried(first.state, observations[17:], model, outputs=[*names, "state"], raw=raw))
    assert second.state == whole.state
    for name in names:
        np.testing.assert_array_equal(np.concatenate([first[name], second[name]]), whole[name], err_msg=name)


def test_the_offset_goes_with_the_state(caller: Caller) -> None:
    state = caller.infer(MEAN, [1.0, 2.0], outputs=["state"]).state
    assert caller.send(carried(state, [3.0])).parameters == {"next_offset": 3, "replayed": False}


def test_the_state_comes_only_when_asked_for(caller: Caller) -> None:
    assert "state" not in caller.infer(MEAN, [1.0]).outputs


def test_a_stream_of_the_server_can_be_carried_on_by_the_client(caller: Caller, sequence: str) -> None:
    state = caller.infer(MEAN, [1.0, 2.0], sequence_id=sequence, sequence_start=True, outputs=["state"]).state
    carried_on = caller.send(carried(state, [3.0], outputs=["state"])).state
    assert carried_on == caller.infer(MEAN, [3.0], sequence_id=sequence, outputs=["state"]).state


@pytest.mark.parametrize("junk", [b"", b"x", b"SFB1", b"\x00" * 200, b"SFB1" + b"\xff" * 60], ids=repr)
def test_bytes_that_are_no_state_are_refused(caller: Caller, junk: bytes) -> None:
    refused = caller.refused(carried(junk, [1.0]))
    assert refused.code == "INVALID_ARGUMENT"
    assert refused.sentence.startswith("state: ")
    assert "send a `state` output unchanged" in refused.sentence


def test_a_changed_state_is_refused_wherever_it_was_changed(caller: Caller) -> None:
    state = caller.infer(MEAN, [1.0], outputs=["state"]).state
    changed = [state[:index] + bytes([state[index] ^ 0x10]) + state[index + 1 :] for index in range(len(state))]
    outcomes = caller.send_all(carried(data, [2.0]) for data in [*changed, state[:-1], state + b"\0"])
    assert {getattr(outcome, "code", "applied") for outcome in outcomes} == {"INVALID_ARGUMENT"}


@pytest.mark.parametrize("offset", [-1, -(2**63), 2**63 - 1], ids=str)
def test_a_state_with_an_impossible_offset_is_refused(caller: Caller, offset: int) -> None:
    state = caller.infer(MEAN, [1.0], outputs=["state"]).state
    refused = caller.refused(carried(forged(state, offset), [2.0]))
    assert refused.code == "INVALID_ARGUMENT"
    assert "state: " in refused.sentence


def test_the_settings_come_with_the_state(caller: Caller, sequence: str) -> None:
    own = message(
        MEAN,
        {"observations": [1.0]},
        outputs=["state"],
        sequence_id=sequence,
        sequence_start=True,
        config='{"prior_std": 3.0}',
    )
    came = caller.send(carried(caller.send(own).state, [5.0], outputs=["mean", "state"]))
    stream = caller.infer(MEAN, [5.0], sequence_id=sequence, outputs=["mean", "state"])
    assert came.state == stream.state
    assert came["mean"] == stream["mean"] == pytest.approx(6.0 / (2.0 + 1.0 / 9.0))


def test_the_rows_have_the_dimension_of_the_state(caller: Caller, sequence: str) -> None:
    model = "streaming_kalman"
    state = caller.infer(
        model,
        rows(model, 3, dimension=2),
        sequence_id=sequence,
        sequence_start=True,
        config='{"dimension": 2}',
        outputs=["state"],
    ).state
    assert caller.send(carried(state, rows(model, 1, dimension=2), model))["position_mean"].shape == (1, 2)
    refused = caller.refused(carried(state, rows(model, 1), model))
    assert (refused.code, "send [T, 2]" in refused.sentence) == ("INVALID_ARGUMENT", True)


@pytest.mark.parametrize("model", [model for model in MODELS if model != MEAN])
def test_a_state_of_another_filter_is_refused_by_name(caller: Caller, model: str) -> None:
    state = caller.infer(model, rows(model, 2), outputs=["state"]).state
    refused = caller.refused(carried(state, [1.0]))
    assert refused.code == "INVALID_ARGUMENT"
    assert model in refused.sentence
    assert MEAN in refused.sentence


def test_a_state_and_a_running_stream_together_are_refused(caller: Caller, sequence: str) -> None:
    state = caller.infer(MEAN, [1.0], sequence_id=sequence, sequence_start=True, outputs=["state"]).state
    refused = caller.refused(carried(state, [1.0], sequence_id=sequence))
    assert (refused.code, refused.sentence.startswith("state: ")) == ("INVALID_ARGUMENT", True)


def test_two_states_are_refused(caller: Caller) -> None:
    state = caller.infer(MEAN, [1.0], outputs=["state"]).state
    refused = caller.refused(message(MEAN, {"observations": [1.0], "state": [state, state]}))
    assert (refused.code, refused.sentence.startswith("state: 2 elements")) == ("INVALID_ARGUMENT", True)
