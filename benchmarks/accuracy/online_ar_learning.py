"""Accuracy of `online_ar_learning` beside a Kalman filter that is told the drift, and on published series.

Gaps are mean log predictive densities minus those of the true parameters, nats per observation, rows 500 to 2000,
with the default configuration. Everything is the mean over streams.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import statsmodels.api as sm
from scipy import stats
from stream_filters.filters.autoregression.config import Config
from stream_filters.filters.autoregression.filter import OnlineArLearning
from stream_filters.filters.base import Array, Batch, Floats
from stream_filters_client.scenarios.base import Stream
from stream_filters_client.scenarios.online_ar_learning import AR_SCENARIOS, autoregression

from benchmarks.accuracy.online_ar_learning_exact import exactness_targets
from benchmarks.accuracy.online_ar_learning_field import field_targets
from benchmarks.accuracy.targets import Target

_LENGTH = 2000
_WINDOW = slice(500, _LENGTH)
_SEED = 21_000
_SCENARIOS = {scenario.name: scenario.generate for scenario in AR_SCENARIOS}
Generate = Callable[[int, int], Stream]
Measures = dict[str, float]


def targets(*, quick: bool) -> Iterator[Target]:
    """Every target. quick: few streams, and limits widened by the standard errors that few streams leave."""
    streams, slack = (6, 2.0) if quick else (200, 1.0)
    yield from exactness_targets()
    demo = _measure(_SCENARIOS["ar-demo"], streams, oracle=True)
    yield Target("ar-demo: gap minus the oracle's", demo["gap"] - demo["oracle gap"], low=-0.003 * slack)
    yield Target(
        "ar-demo: RMSE of the coefficient / oracle", demo["rmse"] / demo["oracle rmse"], high=1.25 + _more(quick)
    )
    yield Target("ar-demo: MAE of the intercept / oracle", demo["mae"] / demo["oracle mae"], high=1.4 + _more(quick))
    width = 0.08 if quick else 0.0
    yield Target("ar-demo: coverage of the coefficient", demo["coverage"], 0.87 - width, 0.93 + width)
    yield Target("ar-demo: coverage of the observation", demo["coverage y"], 0.89 - width / 4, 0.91 + width / 4)
    static = _measure(_SCENARIOS["ar-static"], streams)
    yield Target("ar-static: gap", static["gap"], low=-0.0035 * slack)
    for name, limit in (("ar-break", -0.065), ("ar-sine", -0.075), ("ar-variance", -0.070)):
        yield Target(f"{name}: gap", _measure(_SCENARIOS[name], streams)["gap"], low=limit * (1.2 if quick else 1.0))
    near, far = (_measure(partial(_constant, level), streams)["gap"] for level in (0.0, 300.0))
    yield Target("offset of 1e6 noise sd: gap minus that without", far - near, low=-0.001, high=0.001)
    for name, label in (("ar-spikes", "2 % spikes"), ("ar-missing", "20 % missing")):
        ratio = _measure(_SCENARIOS[name], streams)["rmse"] / demo["rmse"]
        yield Target(f"{label}: RMSE of the coefficient / ar-demo", ratio, high=1.1 + _more(quick))
    yield from _published()
    yield from field_targets(quick=quick)


def _more(quick: bool) -> float:
    return 0.15 if quick else 0.0


def _constant(level: float, seed: int, length: int) -> Stream:
    """y = level + 0.7 y' + noise of sd 0.001."""
    intercept, coefficient, noise_std = (np.full(length, value) for value in (level, 0.7, 1e-3))
    return autoregression(intercept, coefficient, noise_std, np.random.default_rng(seed))


def _measure(generate: Generate, streams: int, oracle: bool = False) -> Measures:
    """Means over streams; RMSE and MAE are pooled."""
    rows = [_scores(generate(_SEED + i, _LENGTH), oracle) for i in range(streams)]
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    return {name: value**0.5 if name.endswith("rmse") else value for name, value in means.items()}


def _scores(stream: Stream, oracle: bool) -> Measures:
    kernel = OnlineArLearning(Config())
    names = frozenset({"log_evidence", "predictive_interval", "intercept", "coefficients"})
    info = kernel.run(
        kernel.initial_state(), Batch(stream.observations[:, None], np.ones(stream.observations.size)), names
    ).info
    truth = {name: path[_WINDOW] for name, path in stream.truth.items()}
    coefficient, intercept = info["coefficients"][_WINDOW, 0], info["intercept"][_WINDOW]
    best = _true_density(stream)
    seen = stream.observations[_WINDOW]
    interval = info["predictive_interval"][_WINDOW][np.isfinite(seen)]
    scores = {
        "gap": float(np.nanmean((info["log_evidence"] - best)[_WINDOW])),
        "rmse": float(np.mean((coefficient[:, 0] - truth["coefficients"][:, 0]) ** 2)),
        "mae": float(np.mean(np.abs(intercept[:, 0] - truth["intercept"]))),
        "coverage": _covered(coefficient[:, 1:], truth["coefficients"][:, 0]),
        "coverage y": _covered(interval, seen[np.isfinite(seen)]),
    }
    if oracle and stream.oracle is not None:
        told = stream.oracle()
        scores["oracle gap"] = float(np.nanmean((told["log_evidence"] - best)[_WINDOW]))
        scores["oracle rmse"] = float(np.mean((told["coefficients"][_WINDOW, 0, 0] - truth["coefficients"][:, 0]) ** 2))
        scores["oracle mae"] = float(np.mean(np.abs(told["intercept"][_WINDOW, 0] - truth["intercept"])))
    return scores


def _true_density(stream: Stream) -> Floats:
    """Log density of each observation given the one before and the true parameters, [T]; NaN where it has none."""
    before = np.r_[np.nan, stream.observations[:-1]]
    mean = stream.truth["intercept"] + stream.truth["coefficients"][:, 0] * before
    density: Floats = stats.norm.logpdf(stream.observations, mean, stream.truth["noise_std"])
    return density


def _covered(interval: Array, truth: Array) -> float:
    return float(np.mean((interval[:, 0] <= truth) & (truth <= interval[:, 1])))


def _published() -> Iterator[Target]:
    """Total log score of AR(1) on US inflation from 1969 on, minus that of an expanding regression."""
    series = np.asarray(sm.datasets.macrodata.load_pandas().data["infl"], dtype=float)
    kernel = OnlineArLearning(Config())
    batch = Batch(series[:, None], np.ones(series.size))
    ours = kernel.run(kernel.initial_state(), batch, frozenset({"log_evidence"})).info["log_evidence"]
    expanding = sum(_expanding(series[: t + 1]) for t in range(40, series.size))
    yield Target("US inflation: nats ahead of expanding OLS", float(ours[40:].sum()) - expanding, low=20.0)


def _expanding(series: Floats) -> float:
    """Log density of the last value under least squares on all before it, as a Student-t with the residuals' dof."""
    design = np.stack([np.ones(series.size - 1), series[:-1]], axis=1)
    x, y = design[:-1], series[1:-1]
    coefficients, residual, *_ = np.linalg.lstsq(x, y, rcond=None)
    dof = y.size - 2
    variance = float(residual[0]) / dof * (1.0 + design[-1] @ np.linalg.solve(x.T @ x, design[-1]))
    return float(stats.t.logpdf(series[-1], dof, design[-1] @ coefficients, np.sqrt(variance)))
