"""What each filter refuses by itself: time steps, dimensions and settings that it cannot have."""

from typing import Any

import numpy as np
import pytest

from tests.predictor.models import MODELS, bound, rows
from tests.predictor.v2 import Caller, message, set_parameter

INF = float("inf")
INVALID = "INVALID_ARGUMENT"
BY_ROW = [
    *((name, "time_deltas") for name in MODELS if bound(name).takes_time_deltas),
    *((name, "observation_scale") for name in MODELS if bound(name).takes_observation_scales),
]
VALUES: dict[str, tuple[Any, list[str]]] = {
    "zero": ([1.0, 0.0, 1.0], ["0", "[1]", "> 0"]),
    "negative": ([1.0, 1.0, -0.5], ["-0.5", "[2]", "> 0"]),
    "nan": ([float("nan"), 1.0, 1.0], ["nan", "[0]", "finite"]),
    "inf": ([1.0, 1.0, INF], ["inf", "[2]", "finite"]),
    "too few": ([1.0, 1.0], ["[2]", "[3]"]),
    "too many axes": ([[1.0], [1.0], [1.0]], ["[3, 1]", "[3]"]),
    "integers": (np.array([1, 1, 1]), ["INT64", "FP64"]),
}


@pytest.mark.parametrize(("name", "tensor"), BY_ROW)
@pytest.mark.parametrize("case", VALUES)
def test_wrong_values_for_rows_are_refused_by_place(
    caller: Caller, sequence: str, name: str, tensor: str, case: str
) -> None:
    values, words = VALUES[case]
    first = caller.infer(name, rows(name, 5), sequence_id=sequence, sequence_start=True, outputs=["state"])
    inputs = {"observations": rows(name, 3), tensor: values}
    refused = caller.refused(message(name, inputs, sequence_id=sequence))
    assert refused.code == INVALID
    assert refused.sentence.startswith(f"{tensor}: ")
    assert [word for word in words if word not in refused.sentence] == [], refused.sentence
    assert caller.infer(name, rows(name, 0), sequence_id=sequence, outputs=["state"]).state == first.state


@pytest.mark.parametrize("name", [name for name, tensor in BY_ROW if tensor == "observation_scale"])
@pytest.mark.parametrize("scale", [1e-60, 1e60])
def test_scales_whose_squares_are_no_numbers_are_refused(caller: Caller, name: str, scale: float) -> None:
    scales = np.array([1.0, scale, 1.0])
    refused = caller.refused(message(name, {"observations": rows(name, 3), "observation_scale": scales}))
    assert refused.code == INVALID
    assert f"observation_scale: {scale:g} came at index [1]" in refused.sentence


@pytest.mark.parametrize("name", MODELS)
def test_rows_of_another_dimension_are_refused(caller: Caller, name: str) -> None:
    wrong = bound(name).dimension + 1
    refused = caller.refused(message(name, {"observations": np.ones((4, wrong))}))
    assert refused.code == INVALID
    assert f"rows of {wrong} values came" in refused.sentence


@pytest.mark.parametrize("name", MODELS)
def test_every_setting_of_a_filter_is_refused_by_name_when_it_is_nonsense(
    caller: Caller, sequence: str, name: str
) -> None:
    for key in bound(name).config.model_fields_set | set(type(bound(name).config).model_fields):
        request = message(name, {"observations": rows(name, 1)}, sequence_id=sequence, sequence_start=True)
        set_parameter(request.parameters["config"], f'{{"{key}": {{"nonsense": []}}}}')
        refused = caller.refused(request)
        assert (refused.code, key in refused.sentence) == (INVALID, True), refused
