"""online_ar_learning on what others bring: gross errors, marks, levels that move, near unit roots, far forecasts."""

import numpy as np
import pytest
from numpy.typing import NDArray
from stream_filters.filters.autoregression.config import Config
from stream_filters.filters.autoregression.filter import OnlineArLearning
from stream_filters.filters.base import Array, Batch

Floats = NDArray[np.float64]
KERNEL = OnlineArLearning(Config())
ROWS = 600


def autoregression(seed: int, slope: float = 0.7, rows: int = ROWS) -> Floats:
    """Noise of standard deviation 1, from the mean 0."""
    noise = np.random.default_rng(seed).standard_normal(rows)
    y = np.zeros(rows)
    for t in range(1, rows):
        y[t] = slope * y[t - 1] + noise[t]
    return y


def run(y: Floats, scales: Floats | None = None) -> dict[str, Array]:
    names = frozenset({"log_evidence", "predictive_interval", "coefficients", "intercept", "predictive_mean"})
    batch = Batch(y[:, None], np.ones(y.size), np.ones(y.size) if scales is None else scales)
    step = KERNEL.run(KERNEL.initial_state(), batch, names)
    return {**step.info, "state": step.state}


FAULTS = {
    "one of 32767": {300: 32767.0},
    "one of 1e12": {300: 1e12},
    "one of 1e300": {300: -1e300},
    "early": {25: 32767.0},
    "in the warm-up": {3: 1e9},
    "ten of 500": dict.fromkeys(range(300, 310), 500.0),
    "ten that differ": {300 + i: 1e4 * (-3.0) ** i for i in range(10)},
    "every fortieth": dict.fromkeys(range(100, ROWS, 40), -888.0),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("slope", [0.7, 0.98])
def test_gross_errors_teach_nothing(fault: str, slope: float) -> None:
    clean = autoregression(1, slope)
    y, bad = clean.copy(), np.array(sorted(FAULTS[fault]))
    y[bad] = list(FAULTS[fault].values())
    whole, found = run(clean), run(y)
    near = np.unique(np.concatenate([bad + k for k in range(3)]))
    rows = np.setdiff1d(np.arange(max(int(bad[0]), 20), ROWS), near)
    usual = np.median(np.ptp(whole["predictive_interval"][100:], axis=1))
    assert np.mean(np.ptp(found["predictive_interval"][rows], axis=1) > 3.0 * usual) < 20 / 600
    assert np.mean((whole["log_evidence"] - found["log_evidence"])[rows]) < 0.02


@pytest.mark.parametrize("mark", [-8888.0, 1e300, 70.0])
@pytest.mark.parametrize("count", [1, 4, 7, 12])
def test_marks_before_the_stream_are_forgotten(mark: float, count: int) -> None:
    y = 20.0 + 0.5 * autoregression(2)
    lost = run(y)["log_evidence"] - run(np.concatenate([np.full(count, mark), y]))["log_evidence"][count:]
    assert np.mean(lost[15:50]) < 0.1
    assert np.mean(lost[200:]) < 0.005


@pytest.mark.parametrize("move", [3.0, 50.0, 2e4, -1e9])
def test_a_level_that_moves_for_good_leaves_what_was_learnt(move: float) -> None:
    y = autoregression(3)
    whole, moved = run(y), run(y + move * (np.arange(ROWS) >= 200))
    np.testing.assert_allclose(moved["coefficients"][-1], whole["coefficients"][-1], atol=0.05)
    assert np.mean((whole["log_evidence"] - moved["log_evidence"])[250:]) < 0.03
    expected = whole["intercept"][-1, 0] + move * (1.0 - whole["coefficients"][-1, 0, 0])
    assert abs(moved["intercept"][-1, 0] - expected) < 0.2 + 0.05 * abs(move)


def test_another_scale_for_good_is_learnt_anew() -> None:
    y = autoregression(4)
    y[200:] *= 1e4
    alone = run(y[200:])["log_evidence"]
    assert np.mean(alone[50:] - run(y)["log_evidence"][250:]) < 0.02


@pytest.mark.parametrize(
    ("factor", "offset"), [(1e-6, 0.0), (-3.7, 12.0), (1e150, 0.0), (-1e200, 0.0), (1e-100, 1e-99), (1.0, 1e6)]
)
@pytest.mark.parametrize("slope", [0.7, 1.0])
def test_neither_unit_nor_offset_matters(factor: float, offset: float, slope: float) -> None:
    y = autoregression(5, slope, 300)
    y[100:105], y[150] = np.nan, 40.0
    plain, other = run(y), run(factor * y + offset)
    change = other["log_evidence"] + np.log(abs(factor)) - plain["log_evidence"]
    np.testing.assert_allclose(change[5:][np.isfinite(y[5:])], 0.0, atol=1e-6)
    np.testing.assert_allclose(
        (other["predictive_mean"][5:] - offset) / factor, plain["predictive_mean"][5:], atol=1e-6
    )
    np.testing.assert_allclose(other["coefficients"][5:], plain["coefficients"][5:], atol=1e-6)
    ahead, moved = KERNEL.forecast(plain["state"], 20), KERNEL.forecast(other["state"], 20)
    np.testing.assert_allclose((moved["forecast_mean"] - offset) / factor, ahead["forecast_mean"], atol=1e-5)
    np.testing.assert_allclose(moved["forecast_std"] / abs(factor), ahead["forecast_std"], rtol=1e-5)


@pytest.mark.parametrize("slope", [0.7, -0.6, 0.95, 1.0])
@pytest.mark.parametrize("first", [30, 100])
def test_far_forecasts_of_what_does_not_explode_do_not(slope: float, first: int) -> None:
    for seed in range(10):
        forecast = KERNEL.forecast(run(autoregression(seed, slope, first))["state"], 50)
        assert (forecast["forecast_std"] < 60.0).all()
        assert (forecast["forecast_interval"][:, 0] < forecast["forecast_interval"][:, 1]).all()


def test_what_explodes_is_forecast_to() -> None:
    y = 1.05 ** np.arange(200.0) + 0.1 * autoregression(6, 0.0, 200)
    mean = KERNEL.forecast(run(y)["state"], 20)["forecast_mean"]
    np.testing.assert_allclose(mean, 1.05 ** np.arange(200.0, 220.0), rtol=0.1)


@pytest.mark.parametrize("kind", ["explosive", "meter", "quantised", "tiny steps on a huge offset"])
def test_ends_are_in_order(kind: str) -> None:
    noise = np.random.default_rng(7).standard_normal(ROWS)
    y = {
        "explosive": 1.02 ** np.arange(ROWS) + noise,
        "meter": np.cumsum(np.abs(noise)) * 1e3,
        "quantised": np.round(noise),
        "tiny steps on a huge offset": 1e12 + 1e-3 * np.round(noise, 1),
    }[kind]
    found = run(y)
    for name in ("predictive_interval", "coefficients", "intercept"):
        band = found[name].reshape(ROWS, -1)[20:, -2:]
        assert (band[:, 0] <= band[:, 1]).all(), name


def test_a_near_unit_root_is_held_by_its_band() -> None:
    held = []
    for seed in range(8):
        band = run(50.0 + autoregression(seed, 1.0, 500))["coefficients"][200:, 0]
        held.append(np.mean((band[:, 1] <= 1.0) & (band[:, 2] >= 1.0)))
    assert np.mean(held) > 0.75


def test_known_scales_of_the_noise_are_worth_what_they_say() -> None:
    rng = np.random.default_rng(8)
    scales = rng.choice([0.3, 1.0, 4.0], 1500)
    y, errors = np.zeros(1500), scales * rng.standard_normal(1500)
    for t in range(1, 1500):
        y[t] = 0.7 * y[t - 1] + errors[t]
    best = -0.5 * np.log(2.0 * np.pi) - np.log(scales) - 0.5 * (errors / scales) ** 2
    gap = np.mean((run(y, scales)["log_evidence"] - best)[300:])
    assert gap > -0.012


FORGERIES = {
    "a weight": ("weight", -0.5),
    "an infinite mean": ("mean", np.inf),
    "a variance": ("cov", -1.0),
    "no noise": ("b", 0.0),
    "a shape": ("a", 0.1),
    "a count": ("absorbed", -1),
    "a start": ("started", 2),
    "a lag": ("lags", np.nan),
    "a lag's doubt": ("lag_variances", -1.0),
    "a scale": ("scales", -1.0),
    "a reading": ("latest", np.inf),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_states_that_no_run_leaves_are_refused(forgery: str) -> None:
    state = run(autoregression(9, rows=100))["state"]
    KERNEL.verify(state)
    name, value = FORGERIES[forgery]
    forged = state.copy()
    forged[name] = value
    with pytest.raises(ValueError, match=r"^(its|a) "):
        KERNEL.verify(forged)
