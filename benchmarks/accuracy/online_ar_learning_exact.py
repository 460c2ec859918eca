"""`online_ar_learning` against conjugate regressions solved densely at every row, where its answer is exact."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import stats
from statsmodels.regression.recursive_ls import RecursiveLS
from stream_filters.filters.autoregression.config import Config
from stream_filters.filters.autoregression.filter import OnlineArLearning
from stream_filters.filters.base import Array, Batch, Floats

from benchmarks.accuracy.targets import Target

ONE_NODE: dict[str, Any] = {
    "models": ("plain",),
    "level_drift": (0.0,),
    "coefficient_drift": (0.0,),
    "noise_memory": (None,),
    "centre_drift": (),
    "jump_rate": 0.0,
    "gross_share": 0.0,
    "origin_weight": 0.0,
}


class Regression:
    """Conjugate regression on 1 and the p lags, the prior being that of a stream's first p + 4 values."""

    def __init__(self, y: Floats, order: int) -> None:
        self.centre = float(np.median(y[: order + 4]))
        centred = y - self.centre
        self.x = np.stack([np.r_[1.0, centred[t - order : t][::-1]] for t in range(order, y.size)])
        self.y = centred[order:]
        variance = 0.5 * float(np.var(centred[: order + 4]))
        self.prior_cov = np.diag([4.0] + [1.0 / variance] * order)
        self.a0, self.b0 = 0.5, 0.5 * variance

    def posterior(self, rows: int) -> tuple[Floats, Floats, float, float]:
        """Mean, cov in units of V, a and b after so many rows."""
        x, y = self.x[:rows], self.y[:rows]
        cov = np.linalg.inv(np.linalg.inv(self.prior_cov) + x.T @ x)
        mean = cov @ x.T @ y
        return mean, cov, self.a0 + rows / 2, self.b0 + 0.5 * float(y @ y - y @ x @ mean)

    def predictive(self, row: int) -> Any:
        """Density of the regression's row, given those before it."""
        mean, cov, a, b = self.posterior(row)
        scale = np.sqrt(b / a * (1 + self.x[row] @ cov @ self.x[row]))
        return stats.t(2 * a, self.centre + self.x[row] @ mean, scale)


class LastRows:
    """Conjugate regression on the last complete rows alone, as `window` asks for."""

    def __init__(self, past: Floats, config: Config) -> None:
        order, window = config.order, config.window or 0
        rows = np.lib.stride_tricks.sliding_window_view(past, order + 1)[:, ::-1]
        rows = rows[np.isfinite(rows).all(1)][-window:]
        self.centre = rows[:, 0].mean()
        guess = 0.5 * rows[:, 0].var()
        x = np.column_stack([np.ones(len(rows)), rows[:, 1:] - self.centre])
        y = rows[:, 0] - self.centre
        prior_mean = np.r_[0.0, config.prior_mean, np.zeros(order - 1)]
        prior_precision = np.diag(np.r_[0.25, np.full(order, guess / config.prior_std**2)])
        precision = prior_precision + x.T @ x
        self.cov = np.linalg.inv(precision)
        self.mean = np.linalg.solve(precision, prior_precision @ prior_mean + x.T @ y)
        self.a = 0.5 + 0.5 * len(rows)
        squares = y @ y + prior_mean @ prior_precision @ prior_mean - self.mean @ precision @ self.mean
        self.b = 0.5 * guess + 0.5 * squares

    def predictive(self, lags: Floats) -> Any:
        """Density of the next value after these lags, newest first."""
        x = np.r_[1.0, lags - self.centre]
        scale = np.sqrt(self.b / self.a * (1.0 + x @ self.cov @ x))
        return stats.t(2 * self.a, self.centre + x @ self.mean, scale)


def autoregression(coefficients: list[float], length: int, seed: int, offset: float = 0.0) -> Floats:
    """A stationary stream around `offset`, noise 0.5."""
    rng = np.random.default_rng(seed)
    order = len(coefficients)
    y = np.zeros(length + 50 + order)
    for t in range(order, y.size):
        y[t] = y[t - order : t][::-1] @ np.array(coefficients) + 0.5 * rng.standard_normal()
    return np.asarray(y[-length:] + offset)


def exactness_targets() -> Iterator[Target]:
    """Differences that only rounding may leave."""
    for coefficients in ([0.7], [0.5, 0.3, -0.2]):
        order = len(coefficients)
        y = autoregression(coefficients, 120, seed=4, offset=3.0)
        ours, _ = _run(Config(order=order, **ONE_NODE), y)
        exact = Regression(y, order)
        theirs = [exact.predictive(t - order).logpdf(y[t]) for t in range(order + 4, y.size)]
        worst = float(np.abs(ours[order + 4 :] - theirs).max())
        yield Target(f"no drift, p = {order}: log evidence minus exact regression's", worst, high=1e-9)
    y = autoregression([0.6, 0.2], 300, seed=5)
    _, state = _run(Config(order=2, **ONE_NODE), y)
    difference = float(np.abs(state["mean"][0, 1:] - recursive_least_squares(y, 2)[1:]).max())
    yield Target("no drift, p = 2: coefficients minus statsmodels RecursiveLS's", difference, high=1e-9)
    config = Config(window=50, order=2)
    y = autoregression([0.6, 0.2], 300, seed=6) + np.linspace(0.0, 20.0, 300)
    ours, _ = _run(config, y)
    theirs = [LastRows(y[:t], config).predictive(y[[t - 1, t - 2]]).logpdf(y[t]) for t in range(60, y.size)]
    worst = float(np.abs(ours[60:] - theirs).max())
    yield Target("window = 50: log evidence minus that of the last 50 rows", worst, high=1e-9)


def recursive_least_squares(y: Floats, order: int) -> Floats:
    """statsmodels' coefficients [p + 1] after the last row, the prior entered as rows of data."""
    exact = Regression(y, order)
    design = np.vstack([np.diag(1.0 / np.sqrt(np.diag(exact.prior_cov))), exact.x])
    fit = RecursiveLS(np.r_[np.zeros(order + 1), exact.y], design).fit()
    return np.asarray(fit.recursive_coefficients.filtered[:, -1])


def _run(config: Config, y: Floats) -> tuple[Floats, Array]:
    """Log evidence of each row, and the last state."""
    kernel = OnlineArLearning(config)
    batch = Batch(y[:, None], np.ones(y.size))
    step = kernel.run(kernel.initial_state(), batch, frozenset({"log_evidence"}))
    return step.info["log_evidence"], step.state
