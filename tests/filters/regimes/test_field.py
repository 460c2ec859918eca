"""`adaptive_mixture` on streams that its model was not written for: far regimes, no memory, faults, equal values."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from stream_filters.filters.base import Array, Batch
from stream_filters.filters.regimes.filter import AdaptiveMixture, AdaptiveMixtureConfig
from stream_filters_client.scenarios.adaptive_mixture import Regimes

Floats = NDArray[np.float64]

ROWS = 1500
SETTLED = slice(300, None)
LOG_2_PI = float(np.log(2.0 * np.pi))


def run(observations: Floats, *names: str, scales: Floats | None = None, **config: object) -> Mapping[str, Array]:
    mixture = AdaptiveMixture(AdaptiveMixtureConfig.model_validate(config))
    rows = len(observations)
    batch = Batch(observations[:, None], np.ones(rows), np.ones(rows) if scales is None else scales)
    return mixture.run(mixture.initial_state(), batch, frozenset(names)).info


def mean_gap(chain: Regimes, **config: Any) -> float:
    """Log evidence minus that of the chain that knows the truth, per row."""
    gaps = []
    for seed in range(3):
        stream = chain.generate(seed, ROWS)
        assert stream.oracle is not None
        evidence = run(stream.observations, "log_evidence", **config)["log_evidence"]
        gaps.append(float((evidence - stream.oracle()["log_evidence"])[SETTLED].mean()))
    return float(np.mean(gaps))


def alarms(observations: Floats) -> float:
    """Announced changes per 1,000 rows, after the first hundred."""
    announced = run(observations, "regime")["regime"][100:]
    return 1000.0 * float(np.mean(np.diff(announced) != 0))


@pytest.mark.parametrize(
    ("means", "std"),
    [((0, 500, 503), 1.0), ((0, 60, 63), 1.0), ((0, -4e4, 3), 1.0), ((2e-3, 0.5, 0.504), 1e-3), ((0, 3e6), 2.0)],
)
def test_regimes_far_apart_for_their_spread_are_told_apart(means: tuple[float, ...], std: float) -> None:
    assert mean_gap(Regimes(means, (std,) * len(means), switch=0.015)) > -0.03


def test_many_regimes_are_learnt() -> None:
    assert mean_gap(Regimes(tuple(5.0 * k for k in range(6)), (1.0,) * 6), regimes=6) > -0.03


@pytest.mark.parametrize("means", [(0.0, 6.0), (0.0, 100.0)])
def test_regimes_without_memory_are_told_apart(means: tuple[float, ...]) -> None:
    assert mean_gap(Regimes(means, (1.0,) * len(means), switch=1.0)) > -0.03


@pytest.mark.parametrize("memory", [0.3, 0.6, -0.5])
def test_noise_with_memory_is_one_regime(memory: float) -> None:
    counts = []
    for seed in range(4):
        noise = np.random.default_rng(seed).standard_normal(ROWS)
        for t in range(1, ROWS):
            noise[t] += memory * noise[t - 1]
        counts.append(alarms(noise))
    assert np.mean(counts) < 5.0


@pytest.mark.parametrize("either_side", [False, True])
def test_frequent_outliers_are_no_regime(either_side: bool) -> None:
    counts = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        noise, outlier = rng.standard_normal(ROWS), rng.random(ROWS) < 0.05
        noise[outlier] += 8.0 * (rng.choice([-1, 1], ROWS) if either_side else rng.standard_normal(ROWS))[outlier]
        counts.append(alarms(noise))
    assert np.mean(counts) < 3.0


@pytest.mark.parametrize("means", [(0.0, 2.0, -2.0), (0.0, 3.0, -3.0), (0.0, 1.5, -1.5)])
def test_what_is_announced_is_excluded_for_two_rows_at_most(means: tuple[float, ...]) -> None:
    for seed in range(4):
        observations = Regimes(means, (1.0,) * 3).generate(seed, ROWS).observations
        info = run(observations, "regime", "regime_probabilities")
        excluded = info["regime_probabilities"][np.arange(ROWS), info["regime"]] < 0.1
        assert not np.any(excluded[2:] & excluded[1:-1] & excluded[:-2])


FAULTS: dict[str, Callable[[Floats], NDArray[np.int64]]] = {
    "one": lambda _: np.array([400]),
    "a burst": lambda _: np.arange(400, 410),
    "every 40 rows": lambda y: np.arange(100, len(y), 40),
    "early": lambda _: np.array([25]),
}


@pytest.mark.parametrize("size", [-888.0, 32767.0])
@pytest.mark.parametrize("fault", FAULTS)
def test_gross_errors_leave_no_trace(fault: str, size: float) -> None:
    clean = Regimes((0.0, 5.0, -5.0), (1.0,) * 3, switch=0.015).generate(1, 1000).observations
    bad = FAULTS[fault](clean)
    observations = clean.copy()
    observations[bad] = size
    names = ("log_evidence", "predictive_interval")
    whole, found = run(clean, *names), run(observations, *names)
    usual = np.median(np.ptp(whole["predictive_interval"][100:], axis=1))
    good = np.setdiff1d(np.arange(bad[0] + 3, 1000), np.concatenate([bad, bad + 1, bad + 2]))
    assert 600.0 * np.mean(np.ptp(found["predictive_interval"][good], axis=1) > 3.0 * usual) < 20.0
    lost = (whole["log_evidence"] - found["log_evidence"])[good]
    assert np.mean(lost[good > bad[0] + 12]) < 0.1


@pytest.mark.parametrize("count", [1, 2, 4, 6, 9, 12])
@pytest.mark.parametrize("mark", [-8888.0, 120.0, 1e6])
def test_marks_before_the_stream_are_left_behind(count: int, mark: float) -> None:
    clean = Regimes((0.0, 5.0, -5.0), (1.0,) * 3, switch=0.015).generate(2, 1000).observations
    alone = run(clean, "log_evidence")["log_evidence"]
    found = run(np.concatenate([np.full(count, mark), clean]), "log_evidence")["log_evidence"][count:]
    assert np.mean((alone - found)[20:]) < 0.1
    assert np.mean((alone - found)[200:]) < 0.03


@pytest.mark.parametrize("value", [7.0, 0.0, -1e9, 1e-12])
def test_equal_values_are_predicted_from_the_third_row_on(value: float) -> None:
    mixture = AdaptiveMixture(AdaptiveMixtureConfig())
    names = frozenset({"predictive_mean", "predictive_std", "predictive_interval", "log_evidence", "pit"})
    for rows in (3, 5, 10, 40):
        step = mixture.run(mixture.initial_state(), Batch(np.full((rows, 1), value), np.ones(rows)), names)
        for name, values in step.info.items():
            assert np.isfinite(values[2:]).all(), name
        np.testing.assert_array_equal(step.info["predictive_mean"][2:], value)
        low, high = step.info["predictive_interval"][2:].T
        assert np.all((low <= value) & (value <= high))
        forecast = mixture.forecast(step.state, 3)
        np.testing.assert_array_equal(forecast["forecast_mean"], value)
        assert np.isfinite(forecast["forecast_interval"]).all()


@pytest.mark.parametrize("head", [3, 9, 12, 200])
def test_a_stream_that_was_constant_comes_alive(head: int) -> None:
    noise = np.random.default_rng(head).standard_normal(600)
    evidence = run(np.concatenate([np.zeros(head), noise]), "log_evidence")["log_evidence"][head:]
    assert np.mean((evidence + 0.5 * (noise**2 + LOG_2_PI))[20:]) > -0.05


def test_known_scales_of_noise_are_used_as_by_who_knows_the_truth() -> None:
    rng = np.random.default_rng(3)
    scales = np.exp(rng.normal(0.0, 0.7, ROWS))
    observations = scales * rng.standard_normal(ROWS)
    evidence = run(observations, "log_evidence", scales=scales)["log_evidence"]
    oracle = -0.5 * (observations / scales) ** 2 - np.log(scales) - 0.5 * LOG_2_PI
    assert np.mean((evidence - oracle)[200:]) > -0.01


def test_one_regime_with_scales_is_weighted_least_squares() -> None:
    """y ~ N(level, V s²), level | V ~ N(m0, V / k0), V ~ IG(a0, b0): the normal-inverse-gamma posterior by its sums."""
    rng = np.random.default_rng(7)
    scales = rng.uniform(0.3, 3.0, 60)
    y = 3.0 + 0.7 * scales * rng.standard_normal(60)
    known = {"base_mean": 0.5, "base_std": 1.2, "level_strength": 0.05, "variance_fraction": 1.0, "outlier_rate": 0.0}
    fixed = {"regimes": 1, "drift": "none", "memory": 1e9, "dwell_strength": 1e15, "dwell_sharing": 1e15}
    info = run(y, "regime_means", "regime_stds", scales=scales, **known, **fixed)
    weights = 1.0 / scales**2
    strength = 0.05 + np.cumsum(weights)
    level = (0.05 * 0.5 + np.cumsum(weights * y)) / strength
    shape = 2.0 + 0.5 * np.arange(1, 61)
    rate = 2.0 * 1.2**2 + 0.5 * (0.05 * 0.5**2 + np.cumsum(weights * y**2) - strength * level**2)
    np.testing.assert_allclose(info["regime_means"][:, 0], level, rtol=1e-9)
    np.testing.assert_allclose(info["regime_stds"][:, 0] ** 2, rate / (shape - 1.0), rtol=1e-9)
