"""One request without a stream: what goes in, what comes out, and how it is encoded."""

from typing import Any

import numpy as np
import pytest

from tests.predictor.models import MEAN, MODELS, PRIOR_PRECISION, bound, posterior_means, rows
from tests.predictor.v2 import Caller, message

NAN = float("nan")
FORECASTS: tuple[dict[str, Any], ...] = ({}, {"horizon": 9})


def test_a_request_without_a_stream_starts_from_the_prior(caller: Caller) -> None:
    observations = [1.0, 4.0, 2.5]
    for _ in range(2):
        assert caller.infer(MEAN, observations)["mean"] == pytest.approx(posterior_means(observations))


def test_a_request_without_a_stream_says_how_many_rows_it_saw(caller: Caller) -> None:
    assert caller.infer(MEAN, [1.0, 2.0]).parameters == {"next_offset": 2, "replayed": False}


def test_the_answer_echoes_who_asked_whom(caller: Caller) -> None:
    answer = caller.infer(MEAN, [1.0], id="request 7", model_version="3").message
    assert (answer.id, answer.model_name, answer.model_version) == ("request 7", MEAN, "3")


def test_an_answer_without_an_id_has_none(caller: Caller) -> None:
    assert caller.infer(MEAN, [1.0]).message.id == ""


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
def test_the_answer_is_encoded_as_the_request_was(caller: Caller, raw: bool) -> None:
    answer = caller.send(message(MEAN, {"observations": [1.0, 2.0]}, raw=raw)).message
    assert len(answer.raw_output_contents) == (len(answer.outputs) if raw else 0)
    assert all(output.HasField("contents") is not raw for output in answer.outputs)


@pytest.mark.parametrize("model", MODELS)
def test_raw_and_typed_contents_carry_the_same_numbers(caller: Caller, model: str) -> None:
    names = [*bound(model).declared, "state"]
    raw, typed = (
        caller.send(message(model, {"observations": rows(model, 9)}, outputs=names, horizon=2, raw=raw))
        for raw in (True, False)
    )
    assert list(raw.outputs) == list(typed.outputs)
    for name in raw.outputs:
        np.testing.assert_array_equal(raw[name], typed[name], err_msg=name)


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
def test_single_precision_is_taken_at_its_value(caller: Caller, raw: bool) -> None:
    single = np.array([0.1, 1.7, -3.3], np.float32)
    reply = caller.send(message(MEAN, {"observations": single}, raw=raw, outputs=["state"]))
    assert reply.state == caller.infer(MEAN, single.astype(np.float64), outputs=["state"]).state


def test_a_row_may_be_written_as_a_vector(caller: Caller) -> None:
    flat, column = (caller.infer(MEAN, np.reshape([1.0, 2.0], shape), outputs=["state"]) for shape in ([2], [2, 1]))
    assert flat.state == column.state


def test_nan_is_a_missing_observation(caller: Caller) -> None:
    reply = caller.infer(MEAN, [1.0, NAN, 3.0])
    assert reply["mean"] == pytest.approx(posterior_means([1.0, NAN, 3.0]))
    assert reply.parameters["next_offset"] == 3


@pytest.mark.parametrize("model", MODELS)
def test_an_undefined_value_is_nan_and_a_missing_row_is_not_scored(caller: Caller, model: str) -> None:
    observations = rows(model, 6)
    observations[3] = NAN
    reply = caller.infer(model, observations, outputs=["log_evidence", "predictive_mean"])
    assert np.isnan(reply["log_evidence"][3])


def test_a_request_of_no_rows_learns_nothing(caller: Caller) -> None:
    reply = caller.infer(MEAN, [], outputs=["mean", "predictive_interval"])
    assert (reply["mean"].shape, reply["predictive_interval"].shape) == ((0,), (0, 2))
    assert reply.parameters["next_offset"] == 0


@pytest.mark.parametrize("model", MODELS)
def test_a_request_of_no_rows_is_taken(caller: Caller, model: str) -> None:
    names = [*bound(model).declared, "state"]
    reply = caller.infer(model, rows(model, 0), outputs=names, horizon=2)
    assert set(reply.outputs) == set(names)


@pytest.mark.parametrize(
    "asked",
    [["mean"], ["predictive_std", "mean"], ["mean", "predictive_std"], ["state", "mean"], ["mean", "state", "pit"]],
    ids=",".join,
)
def test_outputs_come_as_asked_for_and_in_that_order(caller: Caller, asked: list[str]) -> None:
    assert list(caller.infer(MEAN, [1.0], outputs=asked).outputs) == asked


def test_an_output_asked_for_twice_comes_once(caller: Caller) -> None:
    assert list(caller.infer(MEAN, [1.0], outputs=["mean", "mean"]).outputs) == ["mean"]


@pytest.mark.parametrize("model", MODELS)
def test_an_output_does_not_depend_on_what_else_is_asked_for(caller: Caller, model: str) -> None:
    observations = rows(model, 12)
    names = [*bound(model).declared, "state"]
    together = caller.infer(model, observations, outputs=names, horizon=2)
    for name in names:
        alone = caller.infer(model, observations, outputs=[name], horizon=2)
        np.testing.assert_array_equal(alone[name], together[name], err_msg=name)


def test_a_forecast_follows_the_last_row(caller: Caller) -> None:
    reply = caller.infer(MEAN, [1.0, 2.0, 3.0], horizon=4)
    precision = PRIOR_PRECISION + 3.0
    assert reply["forecast_mean"] == pytest.approx([6.0 / precision] * 4)
    assert reply["forecast_std"] == pytest.approx([np.sqrt(1.0 + 1.0 / precision)] * 4)
    assert reply["forecast_interval"].shape == (4, 2)


def test_a_forecast_may_be_all_that_is_asked_for(caller: Caller) -> None:
    assert list(caller.infer(MEAN, [1.0], horizon=1, outputs=["forecast_mean"]).outputs) == ["forecast_mean"]


@pytest.mark.parametrize("model", MODELS)
def test_a_forecast_changes_nothing(caller: Caller, model: str) -> None:
    observations = rows(model, 5)
    states: Any = [caller.infer(model, observations, outputs=["state"], **more).state for more in FORECASTS]
    assert states[0] == states[1]
