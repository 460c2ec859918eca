"""All filters one step ahead on real series, beside trivial baselines: log score and coverage in one table.

Scores are means over the rows from 20 on, nats, with the default settings; the autoregression has that of the orders 1,
2 and 4 which scores best, and the table names it.
"""

from collections.abc import Iterator

import numpy as np
from stream_filters.filters import REGISTRY
from stream_filters.filters.base import Array, Batch, Floats

from benchmarks.accuracy.field.baselines import exponential_smoothing, last_value, window_regression
from benchmarks.accuracy.field.series import series
from benchmarks.accuracy.targets import Target

_FROM = 20
_LONG = 100
_ORDERS = (1, 2, 4)
_BASELINES = {"last": last_value, "smoothed": exponential_smoothing, "window": window_regression}
_HEADS = [*_BASELINES, "Kalman", "AR", "order", "mixture", "cover: K", "AR", "mix"]


def targets(*, quick: bool) -> Iterator[Target]:
    """Print the table, and yield what is wanted of it. quick: every fourth series."""
    print(f"{'series':<38} {'rows':>5} " + " ".join(f"{head:>8}" for head in _HEADS), flush=True)
    ahead, count = [], 0
    for name, y in list(series())[:: 4 if quick else 1]:
        best, gain, held = _row(name, y)
        count += 1
        if y.size >= _LONG:
            ahead.append(gain)
            yield Target(f"{name}: {best} less the best baseline, nats a row", gain, low=-0.02)
            yield Target(f"{name}: coverage of {best}", held, 0.85, 0.95)
    yield Target("long series: mean of the better filter less the best baseline", float(np.mean(ahead)), low=0.0)
    yield Target("series", float(count), low=6 if quick else 24)


def _row(name: str, y: Floats) -> tuple[str, float, float]:
    """Print a series' row; returns the better of Kalman and AR, its lead over the best baseline, its coverage."""
    baselines = {title: float(np.mean(of(y)[0][_FROM:])) for title, of in _BASELINES.items()}
    kalman, mixture = _scored("streaming_kalman", y), _scored("adaptive_mixture", y)
    regressions = {order: _scored("online_ar_learning", y, order=order) for order in _ORDERS}
    order = max(regressions, key=lambda order: regressions[order][0])
    regression = regressions[order]
    scores = [*baselines.values(), kalman[0], regression[0]]
    figures = " ".join(f"{score:8.3f}" for score in scores) + f" {order:8d} {mixture[0]:8.3f}"
    covers = " ".join(f"{held:8.2f}" for _, held in (kalman, regression, mixture))
    print(f"{name:<38} {y.size:5d} {figures} {covers}", flush=True)
    best, (score, held) = max((("Kalman", kalman), (f"AR({order})", regression)), key=lambda of: of[1][0])
    return best, score - max(baselines.values()), held


def _scored(name: str, y: Floats, **settings: int) -> tuple[float, float]:
    """Mean log score and coverage of a filter."""
    kind = REGISTRY[name]
    bound = kind(kind.config_type(**settings))
    batch = Batch(y[:, None], np.full(y.size, bound.nominal_time_delta))
    info = bound.run(bound.initial_state(), batch, frozenset({"log_evidence", "predictive_interval"})).info
    return float(np.mean(info["log_evidence"][_FROM:])), _covered(info["predictive_interval"], y)


def _covered(interval: Array, y: Floats) -> float:
    low, high = interval.reshape(-1, 2)[_FROM:].T
    return float(np.mean((low <= y[_FROM:]) & (y[_FROM:] <= high)))
