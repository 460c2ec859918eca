"""What outputs say is told from their names and shapes alone."""

from typing import Any

import numpy as np
import pytest
from stream_filters.filters import REGISTRY
from stream_filters_client.estimates import Described, Meaning, read, read_arrays


def outputs_of(filter_name: str, **config: Any) -> dict[str, Described]:
    kind = REGISTRY[filter_name]
    bound = kind(kind.config_type(**config))
    return {
        output.name: Described(output.wire_shape[1:], output.datatype == "INT64")
        for output in bound.outputs
        if not output.on_horizon
    }


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_a_trackers_position_is_what_observations_read(dimension: int) -> None:
    outputs = outputs_of("streaming_kalman", dimension=dimension)
    known = read(outputs)
    meanings = {one.name: one.meaning for one in known.quantities}

    assert (meanings["position"], meanings["velocity"]) == (Meaning.ESTIMATE, Meaning.ESTIMATE)
    assert meanings["observation_noise_std"] is Meaning.BAND
    assert not {"innovation", "nis", "state_cov", "predictive", "model_weights"} & set(meanings)
    assert known.followed is not None
    assert known.followed.name == "position"


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_coefficients_are_bands_of_whatever_order(order: int) -> None:
    outputs = outputs_of("online_ar_learning", order=order)
    known = read(outputs)
    meanings = {one.name: one.meaning for one in known.quantities}

    bands = ("intercept", "coefficients", "noise_std")
    assert [meanings[name] for name in bands] == [Meaning.BAND] * 3
    assert meanings["stationary_probability"] is Meaning.PROBABILITY
    assert meanings["effective_memory"] is Meaning.NUMBER
    assert (known.followed, known.label) == (None, None)


@pytest.mark.parametrize("regimes", [2, 3, 6])
def test_three_regimes_are_no_median_with_two_ends(regimes: int) -> None:
    known = read(outputs_of("adaptive_mixture", regimes=regimes))
    meanings = {one.name: one.meaning for one in known.quantities}

    assert meanings["regime"] is Meaning.LABEL
    by_label = ("regime_probabilities", "regime_means", "regime_stds", "regime_weights")
    assert [meanings[name] for name in by_label] == [Meaning.BY_LABEL] * 4
    assert "transition_matrix" not in meanings


def test_a_model_that_nobody_knew_is_understood_too() -> None:
    rows = {
        "predictive_mean": np.zeros(5),
        "level_mean": np.zeros(5),
        "level_std": np.ones(5),
        "gain": np.zeros((5, 3)),
        "mode": np.zeros(5, dtype=np.int64),
        "mode_speeds": np.zeros((5, 3)),
        "alarm_probability": np.zeros(5),
        "age": np.zeros(5),
        "state": np.array([b"x"], dtype=object),
    }
    known = read_arrays(rows)

    assert {one.name: one.meaning for one in known.quantities} == {
        "level": Meaning.ESTIMATE,
        "gain": Meaning.BAND,
        "mode": Meaning.LABEL,
        "mode_speeds": Meaning.BY_LABEL,
        "alarm_probability": Meaning.PROBABILITY,
        "age": Meaning.NUMBER,
    }
    assert known.followed is not None
    assert known.followed.outputs == ("level_mean", "level_std")
