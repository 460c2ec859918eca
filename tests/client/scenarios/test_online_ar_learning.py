"""The autoregressions that the client makes: what they say is true of what they give."""

import numpy as np
import pytest
from stream_filters_client.scenarios import SCENARIOS
from stream_filters_client.scenarios.online_ar_learning import AR_SCENARIOS, autoregression

NAMES = ["ar-demo", "ar-static", "ar-break", "ar-sine", "ar-variance", "ar-spikes", "ar-missing"]
CLEAN = NAMES[:5]


def test_they_are_registered_for_their_model() -> None:
    assert [scenario.name for scenario in AR_SCENARIOS] == NAMES
    assert all(SCENARIOS[name].model == "online_ar_learning" for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_bytes_and_another_others(name: str) -> None:
    first, again, other = (SCENARIOS[name].generate(seed, 300).observations for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_has_the_shapes_of_what_estimates_it(name: str) -> None:
    stream = SCENARIOS[name].generate(3, 200)
    assert stream.observations.shape == (200,)
    assert stream.truth["intercept"].shape == stream.truth["noise_std"].shape == (200,)
    assert stream.truth["coefficients"].shape == (200, 1)


@pytest.mark.parametrize("name", CLEAN)
def test_residuals_of_the_truth_are_white_noise_of_its_size(name: str) -> None:
    stream = SCENARIOS[name].generate(4, 4000)
    mean = stream.truth["intercept"][1:] + stream.truth["coefficients"][1:, 0] * stream.observations[:-1]
    residuals = (stream.observations[1:] - mean) / stream.truth["noise_std"][1:]
    # Five standard errors over 4000 rows.
    assert abs(residuals.mean()) < 0.08
    assert abs(residuals.std() - 1.0) < 0.06
    assert abs(np.corrcoef(residuals[1:], residuals[:-1])[0, 1]) < 0.08


def test_the_demo_changes_as_often_as_it_says_and_stays_stationary() -> None:
    stream = SCENARIOS["ar-demo"].generate(5, 20_000)
    changes = np.diff(stream.truth["intercept"])
    assert np.mean(changes != 0) == pytest.approx(0.02, abs=0.005)
    assert np.std(changes[changes != 0]) == pytest.approx(0.1, rel=0.15)
    assert np.abs(stream.truth["coefficients"]).max() <= 0.99


def test_breaks_and_noise_change_every_period() -> None:
    coefficients = SCENARIOS["ar-break"].generate(6, 1500).truth["coefficients"][:, 0]
    assert set(coefficients[:500]) == {0.9}
    assert set(coefficients[500:1000]) == {-0.4}
    noise = SCENARIOS["ar-variance"].generate(6, 1500).truth["noise_std"]
    assert (noise[499], noise[500], noise[1000]) == (0.5, 1.5, 0.5)


def test_gaps_and_spikes_are_as_many_as_they_say() -> None:
    assert np.mean(np.isnan(SCENARIOS["ar-missing"].generate(7, 5000).observations)) == pytest.approx(0.2, abs=0.03)
    spikes = SCENARIOS["ar-spikes"].generate(7, 5000)
    assert np.mean(spikes.truth["outlier"]) == pytest.approx(0.02, abs=0.01)


def test_a_stream_begins_at_its_own_level() -> None:
    paths = np.full(50, 300.0), np.full(50, 0.7), np.full(50, 1e-3)
    stream = autoregression(*paths, np.random.default_rng(8))
    np.testing.assert_allclose(stream.observations, 1000.0, atol=0.02)


@pytest.mark.parametrize("name", ["ar-demo", "ar-static"])
def test_the_oracle_is_calibrated(name: str) -> None:
    stream = SCENARIOS[name].generate(9, 3000)
    assert stream.oracle is not None
    told = stream.oracle()
    interval = told["predictive_interval"][1:]
    inside = (interval[:, 0] <= stream.observations[1:]) & (stream.observations[1:] <= interval[:, 1])
    assert inside.mean() == pytest.approx(0.9, abs=0.03)
    best = -0.5 * np.log(2 * np.pi * 0.25) - 0.5
    assert np.mean(told["log_evidence"][1:]) == pytest.approx(best, abs=0.1)


def test_the_oracle_without_drift_is_the_dense_regression() -> None:
    stream = SCENARIOS["ar-static"].generate(10, 60)
    assert stream.oracle is not None
    design = np.stack([np.ones(59), stream.observations[:-1]], axis=1)
    precision = np.eye(2) + design.T @ design / 0.25
    mean = np.linalg.solve(precision, [0.0, 0.8] + design.T @ stream.observations[1:] / 0.25)
    told = stream.oracle()
    assert told["intercept"][-1, 0] == pytest.approx(mean[0], rel=1e-9)
    assert told["coefficients"][-1, 0, 0] == pytest.approx(mean[1], rel=1e-9)
