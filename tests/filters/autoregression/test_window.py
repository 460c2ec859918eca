"""The window mode of online_ar_learning against dense conjugate algebra on the last rows, solved anew at every row."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from stream_filters import checks
from stream_filters.filters.autoregression.config import Config
from stream_filters.filters.autoregression.filter import OnlineArLearning
from stream_filters.filters.autoregression.records import UNIT
from stream_filters.filters.base import Batch, Step

from benchmarks.accuracy.online_ar_learning_exact import LastRows

Floats = NDArray[np.float64]


def autoregression(length: int, seed: int, coefficient: float = 0.7) -> Floats:
    y = np.zeros(length)
    for t, error in enumerate(np.random.default_rng(seed).standard_normal(length)):
        y[t] = coefficient * y[t - 1] + error
    return y


def run(config: Config, y: Floats, state: Any = None) -> Step:
    kernel = OnlineArLearning(config)
    names = frozenset(output.name for output in kernel.outputs if not output.on_horizon)
    return kernel.run(kernel.initial_state() if state is None else state, Batch(y[:, None], np.ones(y.size)), names)


@pytest.mark.parametrize(
    "settings",
    [
        {"window": 20},
        {"window": 50, "order": 3, "prior_mean": 0.8, "prior_std": 0.2},
        {"window": 8, "order": 2, "prior_std": 10.0},
    ],
)
@pytest.mark.parametrize("gaps", [False, True])
def test_it_is_the_exact_regression_on_the_last_rows(settings: dict[str, Any], gaps: bool) -> None:
    config = Config.model_validate(settings)
    p, first = config.order, 2 * config.order + 60
    y = 3.0 + autoregression(260, seed=1)
    y[150:] += np.linspace(0.0, 40.0, 110)
    if gaps:
        y[first:][np.random.default_rng(2).random(y.size - first) < 0.05] = np.nan
    info = run(config, y).info
    scored = [t for t in range(first, y.size) if np.isfinite(y[t - p : t + 1]).all()]
    assert len(scored) > 100
    for t in scored:
        expected = LastRows(y[:t], config).predictive(y[t - p : t][::-1])
        assert info["log_evidence"][t] == pytest.approx(expected.logpdf(y[t]), abs=1e-9)
        assert info["predictive_mean"][t] == pytest.approx(expected.mean(), rel=1e-9)
        assert info["predictive_std"][t] == pytest.approx(expected.std(), rel=1e-9)
        assert info["pit"][t] == pytest.approx(expected.cdf(y[t]), abs=1e-8)


def test_its_bands_are_those_of_the_posterior() -> None:
    config = Config(window=40, order=2)
    y = 100.0 + autoregression(300, seed=3)
    info, exact = run(config, y).info, LastRows(y, config)
    for k in (1, 2):
        marginal = stats.t(2 * exact.a, exact.mean[k], np.sqrt(exact.b / exact.a * exact.cov[k, k]))
        np.testing.assert_allclose(
            info["coefficients"][-1, k - 1], marginal.ppf([0.5, 0.05, 0.95]), atol=2e-3 * marginal.std()
        )
    sigma = np.sqrt(stats.invgamma(exact.a, scale=exact.b).ppf([0.5, 0.05, 0.95]))
    np.testing.assert_allclose(info["noise_std"][-1], sigma, rtol=1e-3)
    contrast = np.r_[1.0, np.full(2, -exact.centre)]
    scale = np.sqrt(exact.b / exact.a * contrast @ exact.cov @ contrast)
    alpha = stats.t(2 * exact.a, exact.centre + contrast @ exact.mean, scale)
    np.testing.assert_allclose(info["intercept"][-1], alpha.ppf([0.5, 0.05, 0.95]), atol=2e-3 * alpha.std())
    assert info["effective_memory"][-1] == 40.0
    assert info["drift_rate"][-1] == 0.0


def test_nothing_is_left_of_what_came_before_the_window() -> None:
    tail = autoregression(33, seed=4)
    calm = run(Config(window=30), np.concatenate([autoregression(400, seed=5), tail]))
    wild = run(Config(window=30), np.concatenate([1e6 + 1e3 * autoregression(400, seed=6), tail]))
    for name, array in calm.info.items():
        np.testing.assert_allclose(wild.info[name][-1], array[-1], rtol=1e-9, atol=1e-12, err_msg=name)


def test_gaps_keep_the_rows_and_widen_the_predictive() -> None:
    y = autoregression(200, seed=7)
    before = run(Config(window=30), y)
    gap = run(Config(window=30), np.full(40, np.nan), before.state)
    assert (np.diff(gap.info["predictive_std"][:10]) > 0).all()
    np.testing.assert_array_equal(gap.info["coefficients"], np.repeat(before.info["coefficients"][-1:], 40, axis=0))


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("settings", [{"window": 25}, {"window": 60, "order": 4}])
def test_it_keeps_the_contract_of_every_filter(settings: dict[str, Any], check: Any) -> None:
    check(OnlineArLearning(Config.model_validate(settings)))


def test_it_is_as_exact_after_a_million_rows() -> None:
    config = Config(window=20)
    kernel = OnlineArLearning(config)
    y = 1e4 + np.random.default_rng(8).standard_normal(1_000_000)
    state = kernel.run(kernel.initial_state(), Batch(y[:, None], np.ones(y.size)), frozenset()).state
    assert state.nbytes == kernel.initial_state().nbytes
    exact = LastRows(y[-30:], config)
    unit = state["scales"][UNIT]
    np.testing.assert_allclose(state["mean"][0] * [unit, 1.0], exact.mean, rtol=1e-9, atol=1e-12)
    assert state["b"][0] * unit**2 == pytest.approx(exact.b, rel=1e-9)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"window": 4}, "greater than or equal to 5"),
        ({"window": 1001}, "less than or equal to 1000"),
        ({"window": 9, "order": 6}, "at least order . 4, 10"),
        ({"window": 50, "models": ["robust"], "weight_memory": 50.0}, "leave out models, weight_memory"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Config.model_validate(settings)
