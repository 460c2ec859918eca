"""online_ar_learning on streams that are odd, and its outputs beyond the predictive."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_filters.filters.autoregression.config import Config
from stream_filters.filters.autoregression.filter import OnlineArLearning
from stream_filters.filters.autoregression.stationarity import is_stationary
from stream_filters.filters.base import Array, Batch

Info = dict[str, Array]


def autoregression(length: int, seed: int, coefficient: float = 0.8) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y = np.zeros(length)
    for t in range(1, length):
        y[t] = coefficient * y[t - 1] + 0.5 * rng.standard_normal()
    return y


def run(y: np.ndarray, config: Config | None = None) -> tuple[Info, Array]:
    kernel = OnlineArLearning(config or Config())
    names = frozenset(output.name for output in kernel.outputs if not output.on_horizon)
    step = kernel.run(kernel.initial_state(), Batch(y[:, None], np.ones(y.size)), names)
    return dict(step.info), step.state


def test_one_spike_teaches_no_wild_coefficient() -> None:
    y = autoregression(600, seed=1)
    clean, _ = run(y)
    y[400] += 30.0
    info, _ = run(y)
    assert info["outlier_probability"][400] > 0.99
    np.testing.assert_allclose(info["coefficients"][402:, 0, 0], clean["coefficients"][402:, 0, 0], atol=0.05)
    assert np.nanmean(info["outlier_probability"][10:399]) < 0.05


def test_a_constant_stream_is_predicted_and_learns_as_soon_as_it_changes() -> None:
    y = 7.0 + autoregression(400, seed=2)
    info, state = run(np.concatenate([np.full(200, 7.0), y]))
    assert (info["predictive_mean"][2:200] == 7.0).all()
    assert np.isfinite(info["log_evidence"][2:]).all()
    assert np.isnan(info["coefficients"][:200]).all()
    alone, expected = run(y)
    np.testing.assert_allclose(info["log_evidence"][220:], alone["log_evidence"][20:], atol=0.05)
    assert info["coefficients"][-1, 0, 1] < 0.8 < info["coefficients"][-1, 0, 2]
    assert state["absorbed"] == pytest.approx(expected["absorbed"], abs=2)


@pytest.mark.parametrize("value", [7.0, 0.0, -1e9, 1e300])
def test_a_constant_stream_is_forecast(value: float) -> None:
    kernel = OnlineArLearning(Config())
    _, state = run(np.full(60, value))
    forecast = kernel.forecast(state, 3)
    np.testing.assert_array_equal(forecast["forecast_mean"], value)
    assert (forecast["forecast_interval"][:, 0] <= value).all()
    assert (forecast["forecast_interval"][:, 1] >= value).all()


def test_a_sensor_that_gets_stuck_and_recovers_stays_finite() -> None:
    info, _ = run(np.concatenate([autoregression(300, seed=3), np.full(60_000, 1.0), autoregression(500, seed=4)]))
    for name, array in info.items():
        assert np.isfinite(array[10:]).all(), name
    assert np.mean(info["log_evidence"][-200:]) > -1.2


def test_quantised_values_with_equal_first_ones() -> None:
    rng = np.random.default_rng(5)
    info, _ = run(np.concatenate([np.full(12, 2.0), rng.integers(1, 5, 300).astype(float)]))
    assert np.isfinite(info["log_evidence"][40:]).all()
    assert info["noise_std"][-1, 0] == pytest.approx(np.sqrt(1.25), rel=0.15)


def test_a_first_value_far_off_is_forgotten() -> None:
    y = autoregression(400, seed=6)
    y[0] = 1e9
    info, _ = run(y)
    clean, _ = run(y[1:])
    np.testing.assert_allclose(info["coefficients"][100:, 0, 0], clean["coefficients"][99:, 0, 0], atol=0.08)
    assert np.mean(info["log_evidence"][100:] - clean["log_evidence"][99:]) == pytest.approx(0.0, abs=0.02)


def test_an_approach_from_far_away_is_no_noise() -> None:
    rng = np.random.default_rng(7)
    y = np.zeros(300)
    for t in range(1, 300):
        y[t] = 300.0 + 0.7 * y[t - 1] + 1e-3 * rng.standard_normal()
    info, _ = run(y)
    assert info["coefficients"][-1, 0, 0] == pytest.approx(0.7, abs=1e-3)
    assert info["noise_std"][-1, 0] < 0.01


def test_leading_missing_values_change_nothing() -> None:
    y = autoregression(100, seed=8)
    late, state = run(np.r_[np.full(30, np.nan), y])
    early, expected = run(y)
    assert state.tobytes() == expected.tobytes()
    np.testing.assert_array_equal(late["predictive_mean"][30:], early["predictive_mean"])


def test_nothing_but_missing_values_keeps_the_prior() -> None:
    info, state = run(np.full(50, np.nan))
    assert state.tobytes() == OnlineArLearning(Config()).initial_state().tobytes()
    assert all(np.isnan(array).all() for array in info.values())


def test_missing_values_widen_the_predictive_up_to_the_stationary_one() -> None:
    y = np.concatenate([autoregression(1000, seed=9), np.full(30, np.nan)])
    info, _ = run(y)
    std = info["predictive_std"][-30:]
    assert (np.diff(std) > 0).all()
    assert std[-1] == pytest.approx(0.5 / np.sqrt(1 - 0.8**2), rel=0.2)


@pytest.mark.parametrize("coefficient", [1.0, 1.01])
def test_unit_roots_and_explosions_stay_finite(coefficient: float) -> None:
    info, _ = run(autoregression(5000, seed=10, coefficient=coefficient))
    for name, array in info.items():
        assert np.isfinite(array[10:]).all(), name
    assert info["coefficients"][-1, 0, 0] == pytest.approx(coefficient, abs=0.03)


def test_units_change_nothing_but_units() -> None:
    y = autoregression(200, seed=11)
    plain, _ = run(y)
    moved, _ = run(1e-3 * y + 1e3)
    np.testing.assert_allclose(moved["coefficients"], plain["coefficients"], rtol=1e-6)
    np.testing.assert_allclose(moved["noise_std"], 1e-3 * plain["noise_std"], rtol=1e-6)
    np.testing.assert_allclose(moved["log_evidence"], plain["log_evidence"] + np.log(1e3), atol=1e-5)
    middle = 1e-3 * plain["intercept"][:, 0] + 1e3 * (1 - plain["coefficients"][:, 0, 0])
    np.testing.assert_allclose(moved["intercept"][50:, 0], middle[50:], rtol=0.02)


def test_million_rows_later_the_belief_is_as_good() -> None:
    kernel = OnlineArLearning(Config(models=("plain",), level_drift=(0.0, 1e-3), coefficient_drift=(0.0, 1e-4)))
    rng = np.random.default_rng(12)
    noise = 0.5 * rng.standard_normal(1_000_000)
    y = np.empty(noise.size)
    latest = 0.0
    for t, error in enumerate(noise):
        y[t] = latest = 0.8 * latest + error
    step = kernel.run(kernel.initial_state(), Batch(y[:, None], np.ones(y.size)), frozenset({"log_evidence"}))
    exact = -0.5 * np.log(2 * np.pi * 0.25) - 0.5
    assert np.mean(step.info["log_evidence"][-100_000:]) == pytest.approx(exact, abs=0.01)
    assert (step.state["cov"][:, 2] > 0).all()


@pytest.mark.parametrize("order", [1, 3])
def test_the_first_forecast_is_the_next_predictive(order: int) -> None:
    y = autoregression(200, seed=13)
    kernel = OnlineArLearning(Config(order=order))
    info, _ = run(y, Config(order=order))
    _, state = run(y[:-1], Config(order=order))
    forecast = kernel.forecast(state, 3)
    assert forecast["forecast_mean"][0] == info["predictive_mean"][-1]
    assert forecast["forecast_std"][0] == info["predictive_std"][-1]
    np.testing.assert_array_equal(forecast["forecast_interval"][0], info["predictive_interval"][-1])


def test_forecasts_with_settled_parameters_are_those_of_the_autoregression() -> None:
    y = autoregression(20_000, seed=14)
    config = Config(models=("plain",), level_drift=(0.0,), coefficient_drift=(0.0,), noise_memory=(None,))
    _, state = run(y, config)
    forecast = OnlineArLearning(config).forecast(state, 10)
    steps = np.arange(1, 11)
    std = 0.5 * np.sqrt((1 - 0.64**steps) / (1 - 0.64))
    np.testing.assert_allclose(forecast["forecast_mean"], y[-1] * 0.8**steps, atol=0.05)
    np.testing.assert_allclose(forecast["forecast_std"], std, rtol=0.03)
    np.testing.assert_allclose(forecast["forecast_interval"][:, 1] - forecast["forecast_mean"], 1.645 * std, rtol=0.04)


def test_forecasts_cover_what_comes() -> None:
    config = Config(order=2)
    kernel = OnlineArLearning(config)
    hits = []
    for seed in range(60):
        y = autoregression(90, seed=100 + seed)
        _, state = run(y[:80], config)
        interval = kernel.forecast(state, 10)["forecast_interval"]
        hits.append(np.mean((interval[:, 0] <= y[80:]) & (y[80:] <= interval[:, 1])))
    # Standard error of a mean over 60 streams of 10 correlated rows: about 0.02.
    assert 0.84 <= np.mean(hits) <= 0.97


def test_longer_horizons_only_append_and_before_the_start_there_is_none() -> None:
    kernel = OnlineArLearning(Config())
    _, state = run(autoregression(100, seed=15))
    short, long = kernel.forecast(state, 4), kernel.forecast(state, 9)
    for name, array in short.items():
        np.testing.assert_array_equal(long[name][:4], array)
    assert np.isnan(kernel.forecast(kernel.initial_state(), 2)["forecast_mean"]).all()


@settings(deadline=None)
@given(roots=st.lists(st.floats(-1.3, 1.3), min_size=1, max_size=6))
def test_stationarity_is_that_of_the_roots(roots: list[float]) -> None:
    if min(abs(abs(root) - 1) for root in roots) < 1e-3:
        return
    coefficients = -np.poly(roots)[1:]
    assert is_stationary(coefficients, np.empty(len(roots))) == (max(abs(root) for root in roots) < 1)


def test_stationary_probability_tells_a_random_walk_from_noise() -> None:
    for order in (1, 2):
        config = Config(order=order)
        noise, _ = run(np.random.default_rng(16).standard_normal(300), config)
        walk, _ = run(np.cumsum(np.random.default_rng(17).standard_normal(300)) * 1.02 ** np.arange(300), config)
        assert np.median(noise["stationary_probability"][-20:]) > 0.99
        assert np.median(walk["stationary_probability"][-20:]) < 0.25


def test_memory_is_long_without_drift_and_short_with_it() -> None:
    rng = np.random.default_rng(18)
    still, _ = run(autoregression(1000, seed=19))
    y = np.zeros(1000)
    for t in range(1, 1000):
        y[t] = 0.9 * np.sin(t / 40) * y[t - 1] + rng.standard_normal()
    moving, _ = run(y)
    assert np.median(moving["drift_rate"][200:]) > 3 * np.median(still["drift_rate"][200:])
    assert np.median(moving["effective_memory"][200:]) < 100 < np.median(still["effective_memory"][200:])


def test_model_weights_are_probabilities_and_find_the_variant_that_fits() -> None:
    rng = np.random.default_rng(20)
    y = autoregression(800, seed=20)
    clean, _ = run(y)
    spiky, _ = run(y + 10.0 * (rng.random(800) < 0.03) * rng.standard_normal(800))
    np.testing.assert_allclose(spiky["model_weights"][10:].sum(axis=1), 1.0, rtol=1e-12)
    assert clean["model_weights"][-1, 0] > 0.5
    assert spiky["model_weights"][-1, 2] > 0.9


@pytest.mark.parametrize(
    "settings",
    [
        {"order": 0},
        {"order": 13},
        {"models": []},
        {"models": ["plain", "plain"]},
        {"coefficient_drift": [-1.0]},
        {"noise_memory": [1.0]},
        {"level_drift": [0.0] * 8, "coefficient_drift": [0.0] * 8, "noise_memory": [None, 9, 8, 7]},
        {"windows": 5},
    ],
)
def test_settings_out_of_bounds_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Config.model_validate(settings)
