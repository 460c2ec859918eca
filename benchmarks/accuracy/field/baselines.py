"""Trivial predictors of the next value: log density and central 90 % interval of each row, given those before it."""

import math

import numpy as np
from scipy import stats
from stream_filters.filters.base import Floats

Scores = tuple[Floats, Floats]
_WINDOW, _ORDER = 60, 2
_GAINS = np.linspace(0.05, 1.0, 20)
# a series that has not changed yet has no scale of its own
_LEAST = 1e-9


def last_value(y: Floats) -> Scores:
    """The last value, with a Student-t of all changes so far."""
    return _with_running_errors(y, np.concatenate([[np.nan], y[:-1]]))


def exponential_smoothing(y: Floats) -> Scores:
    """The level of the gain that had the smallest squared errors so far, with a Student-t of its errors."""
    levels, squares = np.full(_GAINS.size, y[0]), np.zeros(_GAINS.size)
    predicted = np.full(y.size, np.nan)
    for t in range(1, y.size):
        predicted[t] = levels[squares.argmin()]
        errors = y[t] - levels
        squares += errors**2
        levels += _GAINS * errors
    return _with_running_errors(y, predicted)


def window_regression(y: Floats) -> Scores:
    """Least squares of order 2 on the last 60 rows, with the Student-t of its residuals."""
    density, interval = np.full(y.size, np.nan), np.full((y.size, 2), np.nan)
    for t in range(3 * _ORDER + 4, y.size):
        rows = np.lib.stride_tricks.sliding_window_view(y[:t], _ORDER + 1)[-_WINDOW:]
        design = np.column_stack([np.ones(len(rows)), rows[:, :-1] - y[t - 1]])
        target = rows[:, -1] - y[t - 1]
        coefficients, *_ = np.linalg.lstsq(design, target, rcond=None)
        dof = len(rows) - _ORDER - 1
        now = np.r_[1.0, y[t - _ORDER : t] - y[t - 1]]
        spread = 1.0 + now @ np.linalg.pinv(design.T @ design) @ now
        variance = float(np.sum((target - design @ coefficients) ** 2)) / dof * spread
        location, scale = y[t - 1] + now @ coefficients, _at_least(math.sqrt(variance), y[:t])
        density[t] = stats.t.logpdf(y[t], dof, location, scale)
        interval[t] = stats.t.interval(0.9, dof, location, scale)
    return density, interval


def _with_running_errors(y: Floats, predicted: Floats) -> Scores:
    """A Student-t about the predictions, of the errors so far and as many degrees of freedom."""
    density, interval = np.full(y.size, np.nan), np.full((y.size, 2), np.nan)
    squares = 0.0
    for t in range(1, y.size):
        if t > 3:
            scale = _at_least(math.sqrt(squares / (t - 1)), y[:t])
            density[t] = stats.t.logpdf(y[t], t - 1, predicted[t], scale)
            interval[t] = stats.t.interval(0.9, t - 1, predicted[t], scale)
        squares += (y[t] - predicted[t]) ** 2
    return density, interval


def _at_least(scale: float, seen: Floats) -> float:
    return max(scale, _LEAST * (float(np.abs(seen).max()) or 1.0))
