"""A stream that the server keeps: cut anywhere it gives the same bits, under settings of its own, apart from others."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.predictor.models import MEAN, MODELS, bound, rows
from tests.predictor.v2 import Caller, message

CUTS = [0, 1, 2, 3, 40, 40, 41, 119, 120]


def turn(sequence: str | int, observations: Any, model: str = MEAN, **more: Any) -> Any:
    return message(model, {"observations": observations}, sequence_id=sequence, **more)


def cut_up(caller: Caller, sequence: str, model: str, observations: Any, names: list[str], **start: Any) -> Any:
    """The outputs of a stream sent in pieces, joined; and its last state."""
    caller.send(turn(sequence, observations[:0], model, sequence_start=True, **start))
    replies = [
        caller.send(turn(sequence, observations[first:last], model, offset=first, outputs=[*names, "state"]))
        for first, last in pairwise(CUTS)
    ]
    return {name: np.concatenate([reply[name] for reply in replies]) for name in names}, replies[-1].state


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_cut_anywhere_gives_the_same_bits(caller: Caller, sequence: str, model: str) -> None:
    observations = rows(model, CUTS[-1])
    observations[[5, 40, 41]] = np.nan
    names = [output.name for output in bound(model).outputs if not output.on_horizon]
    outputs, state = cut_up(caller, sequence, model, observations, names)
    whole = caller.infer(model, observations, outputs=[*names, "state"])
    assert state == whole.state
    for name in names:
        np.testing.assert_array_equal(outputs[name], whole[name], err_msg=name)


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_has_settings_of_its_own_until_its_end(caller: Caller, sequence: str, model: str) -> None:
    observations = rows(model, CUTS[-1])
    _, state = cut_up(caller, sequence, model, observations, [], config='{"interval": 0.5}')
    assert b'"interval":0.5' in state
    other = caller.send(turn(f"{sequence} other", observations, model, sequence_start=True, outputs=["state"]))
    assert b'"interval":0.5' not in other.state


def test_the_settings_of_a_stream_are_those_of_the_filter(caller: Caller, sequence: str) -> None:
    reply = caller.send(turn(sequence, [3.0], sequence_start=True, config='{"prior_std": 0.5}'))
    # precision 1 / 0.25 of the prior and 1 of the row
    assert reply["mean"] == pytest.approx([3.0 / 5.0])
    assert caller.send(turn(sequence, [3.0]))["mean"] == pytest.approx([6.0 / 6.0])


def test_beginning_again_takes_new_settings(caller: Caller, sequence: str) -> None:
    caller.send(turn(sequence, [3.0], sequence_start=True, config='{"prior_std": 0.5}'))
    again = caller.send(turn(sequence, [3.0], sequence_start=True, config='{"prior_std": 1.0}'))
    assert again["mean"] == pytest.approx([1.5])


def test_beginning_again_without_settings_takes_the_models(caller: Caller, sequence: str) -> None:
    caller.send(turn(sequence, [3.0], sequence_start=True, config='{"prior_std": 0.5}'))
    assert caller.send(turn(sequence, [3.0], sequence_start=True))["mean"] == pytest.approx([3.0 / 1.01])


def test_a_stream_may_have_a_number_for_a_name(caller: Caller) -> None:
    caller.send(turn(987_654_321, [1.0], sequence_start=True))
    assert caller.send(turn("987654321", [1.0])).parameters["next_offset"] == 2


def test_the_number_zero_names_no_stream(caller: Caller) -> None:
    """Triton's clients send it with every request that is part of none."""
    assert "sequence_id" not in caller.send(turn(0, [1.0])).parameters


@pytest.mark.parametrize("name", ["ünï/ço dé 🦉", "a/b", "line\nbreak", "nul\0", "x" * 256, " "], ids=ascii)
def test_a_stream_may_have_any_name(caller: Caller, name: str) -> None:
    assert caller.send(turn(name, [1.0], sequence_start=True)).parameters["sequence_id"] == name
    assert caller.send(turn(name, [1.0])).parameters["next_offset"] == 2


def test_streams_of_one_name_and_different_models_are_different(small: Caller, sequence: str) -> None:
    small.send(turn(sequence, [1.0], "sizes", sequence_start=True))
    assert small.refused(turn(sequence, [1.0], "waiting")).code == "NOT_FOUND"


def test_streams_do_not_touch_each_other(caller: Caller, sequence: str) -> None:
    names = [f"{sequence} {index}" for index in range(10)]
    for name in names:
        caller.send(turn(name, [], sequence_start=True))
    requests = [turn(name, [float(index)]) for _ in range(5) for index, name in enumerate(names)]
    caller.send_all(requests)
    for index, name in enumerate(names):
        alone = caller.infer(MEAN, [float(index)] * 5, outputs=["state"])
        assert caller.send(turn(name, [], outputs=["state"])).state == alone.state


def test_a_stream_may_change_its_pace(caller: Caller, sequence: str) -> None:
    """Long pieces are computed elsewhere than short ones; the numbers are the same."""
    observations = rows(MEAN, 2_000)
    caller.send(turn(sequence, observations[:1], sequence_start=True))
    caller.send(turn(sequence, observations[1:1_500]))
    state = caller.send(turn(sequence, observations[1_500:], outputs=["state"])).state
    assert state == caller.infer(MEAN, observations, outputs=["state"]).state


@pytest.mark.parametrize("model", [model for model in MODELS if bound(model).takes_time_deltas])
def test_the_nominal_time_step_is_what_an_absent_one_means(caller: Caller, model: str) -> None:
    observations = rows(model, 20)
    deltas = {"time_deltas": np.full(20, bound(model).nominal_time_delta)}
    given = caller.infer(model, observations, inputs=deltas, outputs=["state"])
    assert given.state == caller.infer(model, observations, outputs=["state"]).state


@pytest.mark.parametrize("model", [model for model in MODELS if bound(model).takes_time_deltas])
def test_another_time_step_gives_another_belief(caller: Caller, model: str) -> None:
    observations = rows(model, 20)
    given = caller.infer(model, observations, inputs={"time_deltas": np.full(20, 0.37)}, outputs=["state"])
    assert given.state != caller.infer(model, observations, outputs=["state"]).state


BY_ROW = [
    *((name, "time_deltas") for name in MODELS if bound(name).takes_time_deltas),
    *((name, "observation_scale") for name in MODELS if bound(name).takes_observation_scales),
]


@pytest.mark.parametrize(("model", "tensor"), BY_ROW)
def test_a_retry_with_other_values_for_its_rows_is_another_request(
    caller: Caller, sequence: str, model: str, tensor: str
) -> None:
    """The same rows at other times, or as good as other readings, do not get the first request's answer."""
    caller.infer(model, rows(model, 5), sequence_id=sequence, sequence_start=True, offset=0)
    values = np.array([1.0, 2.0, 0.5])
    inputs = {"observations": rows(model, 3), tensor: values}
    first = caller.send(message(model, inputs, sequence_id=sequence, offset=5, outputs=["state"]))
    again = caller.send(message(model, inputs, sequence_id=sequence, offset=5, outputs=["state"]))
    assert again.state == first.state
    for other in ({tensor: values[::-1].copy()}, {}, {tensor: np.ones(3)}):
        sent = {"observations": inputs["observations"], **other}
        refused = caller.refused(message(model, sent, sequence_id=sequence, offset=5))
        assert refused.code == "FAILED_PRECONDITION"
        assert "offset 8" in refused.sentence
    kept = caller.infer(model, rows(model, 0), sequence_id=sequence, outputs=["state"])
    assert kept.state == first.state
