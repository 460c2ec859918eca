"""online_ar_learning against exact regressions that share no code with it, and its contract as a filter."""

import math

import numpy as np
import pytest
from scipy import stats
from stream_filters.filters.autoregression.config import Config
from stream_filters.filters.autoregression.filter import OnlineArLearning
from stream_filters.filters.base import Batch, Step

from benchmarks.accuracy.online_ar_learning_exact import ONE_NODE, Regression, autoregression


def run(kernel: OnlineArLearning, y: np.ndarray, state: np.ndarray | None = None) -> Step:
    names = frozenset(output.name for output in kernel.outputs if not output.on_horizon)
    return kernel.run(kernel.initial_state() if state is None else state, Batch(y[:, None], np.ones(y.size)), names)


@pytest.mark.parametrize(("coefficients", "offset"), [([0.7], 0.0), ([0.5, 0.3, -0.2], 3.0)])
def test_without_drift_it_is_the_exact_conjugate_regression(coefficients: list[float], offset: float) -> None:
    p = len(coefficients)
    y = autoregression(coefficients, 120, seed=4, offset=offset)
    exact = Regression(y, p)
    step = run(OnlineArLearning(Config(order=p, **ONE_NODE)), y)
    info = step.info
    assert np.isnan(info["log_evidence"][: p + 4]).all()
    for t in range(p + 4, y.size):
        predictive = exact.predictive(t - p)
        assert info["predictive_mean"][t] == pytest.approx(predictive.mean(), rel=1e-9)
        assert info["predictive_std"][t] == pytest.approx(predictive.std(), rel=1e-9)
        assert info["log_evidence"][t] == pytest.approx(predictive.logpdf(y[t]), abs=1e-9)
        assert info["pit"][t] == pytest.approx(predictive.cdf(y[t]), abs=1e-8)
        np.testing.assert_allclose(
            info["predictive_interval"][t], predictive.ppf([0.05, 0.95]), atol=2e-3 * predictive.std()
        )
    mean, cov, a, b = exact.posterior(y.size - p)
    for k in range(p):
        marginal = stats.t(2 * a, mean[k + 1], math.sqrt(b / a * cov[k + 1, k + 1]))
        np.testing.assert_allclose(
            info["coefficients"][-1, k], marginal.ppf([0.5, 0.05, 0.95]), atol=2e-3 * marginal.std()
        )
    contrast = np.r_[1.0, np.full(p, -exact.centre)]
    alpha = stats.t(2 * a, exact.centre + contrast @ mean, math.sqrt(b / a * contrast @ cov @ contrast))
    np.testing.assert_allclose(info["intercept"][-1], alpha.ppf([0.5, 0.05, 0.95]), atol=2e-3 * alpha.std())
    sigma = np.sqrt(stats.invgamma(a, scale=b).ppf([0.5, 0.05, 0.95]))
    np.testing.assert_allclose(info["noise_std"][-1], sigma, rtol=1e-3)


def test_any_split_gives_bit_equal_states_and_outputs() -> None:
    y = autoregression([0.8], 80, seed=6)
    y[[3, 4, 30, 31]] = np.nan
    y[50] += 20.0
    kernel = OnlineArLearning(Config())
    whole = run(kernel, y)
    rng = np.random.default_rng(0)
    for _ in range(5):
        cuts = np.unique(rng.integers(1, y.size, 6))
        state = kernel.initial_state()
        pieces = []
        for piece in np.split(y, cuts):
            step = run(kernel, piece, state)
            state = step.state
            pieces.append(step.info)
        assert state.tobytes() == whole.state.tobytes()
        for name, expected in whole.info.items():
            np.testing.assert_array_equal(np.concatenate([piece[name] for piece in pieces]), expected, err_msg=name)


def test_outputs_do_not_depend_on_which_are_asked_for_and_arguments_are_kept() -> None:
    y = autoregression([0.8], 60, seed=7)
    kernel = OnlineArLearning(Config())
    state = run(kernel, y[:20]).state
    before = state.tobytes()
    batch = Batch(y[20:, None].copy(), np.ones(40))
    whole = run(kernel, y[20:], state)
    for name, expected in whole.info.items():
        alone = kernel.run(state, batch, frozenset([name]))
        np.testing.assert_array_equal(alone.info[name], expected)
        assert alone.state.tobytes() == whole.state.tobytes()
    assert state.tobytes() == before
    np.testing.assert_array_equal(batch.observations[:, 0], y[20:])


def test_every_output_has_its_declared_shape() -> None:
    kernel = OnlineArLearning(Config(order=3, models=("robust", "plain")))
    y = autoregression([0.5, 0.2, 0.1], 40, seed=8)
    step = run(kernel, y)
    given = {**step.info, **kernel.forecast(step.state, 5)}
    for output in kernel.outputs:
        sizes = {"T": 40, "h": 5}
        assert given[output.name].shape == tuple(sizes.get(str(s), s) for s in output.shape), output.name
    assert {output.name for output in kernel.outputs} == set(given)


def test_the_default_state_is_small() -> None:
    assert OnlineArLearning(Config()).state_dtype.itemsize <= 8192
