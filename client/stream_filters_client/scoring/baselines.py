"""What one would use without a filter, scored as filters are: the log density of each row, told before it is seen.

Each is a Student t whose scale is learnt from its own past errors, with the conjugate prior that says nothing.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# rows of a window, its lags, and the gains that are averaged
WINDOW_ROWS = 100
ORDER = 2
_GAINS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.0)
# errors that are seen before a scale is more than a guess
_LEAST_ERRORS = 2
# a window fitted anew for each row takes its time
_MOST_ROWS = 20_000


def log_scores(observations: Array) -> dict[str, Array]:
    """Log densities [T] of the last rows of observations [T] or [T, D], by baseline; NaN before there are any.

    Of several axes each is scored alone, and their densities multiply. Rows before the last 20,000 are NaN.
    """
    values = observations.reshape(len(observations), -1)[-_MOST_ROWS:].astype(np.float64)
    before = np.full(len(observations) - len(values), np.nan)
    methods: dict[str, Callable[[Array], Array]] = {
        "last value": _last_value,
        "smoothing": _smoothing,
        "window AR": _window_ar,
    }
    return {
        name: np.concatenate([before, np.sum([method(axis) for axis in values.T], axis=0)])
        for name, method in methods.items()
    }


def _last_value(y: Array) -> Array:
    """y_t ~ y_{t-1} + noise."""
    return _recursive(y, np.ones(1))


def _smoothing(y: Array) -> Array:
    """l_t = l_{t-1} + g (y_t - l_{t-1}), averaged over gains g by how well each did (Brown 1956)."""
    return _recursive(y, np.array(_GAINS))


def _recursive(y: Array, gains: Array) -> Array:
    found = np.full(len(y), np.nan)
    levels = np.full(len(gains), np.nan)
    squares, count = np.zeros(len(gains)), 0
    weights = np.zeros(len(gains))
    for t in np.flatnonzero(np.isfinite(y)):
        errors = y[t] - levels
        if count >= _LEAST_ERRORS:
            densities = _student(errors, np.sqrt(squares / count), count)
            together = np.logaddexp.reduce(weights + densities)
            found[t] = together - np.logaddexp.reduce(weights)
            weights = weights + densities - together
        if np.isfinite(errors).all():
            squares += errors**2
            count += 1
            levels = levels + gains * errors
        else:
            levels = np.full(len(gains), y[t])
    return found


def _window_ar(y: Array) -> Array:
    """Least squares of y_t on its lags over the last rows, with the predictive of a flat prior."""
    found = np.full(len(y), np.nan)
    lags = np.column_stack([np.roll(y, lag) for lag in range(1, ORDER + 1)] + [np.ones(len(y))])
    lags[:ORDER] = np.nan
    known = np.isfinite(lags).all(axis=1)
    whole = known & np.isfinite(y)
    for t in np.flatnonzero(whole):
        begin = max(int(t) - WINDOW_ROWS, 0)
        rows = begin + np.flatnonzero(whole[begin:t])
        freedom = len(rows) - ORDER - 1
        if freedom < _LEAST_ERRORS:
            continue
        shift = y[rows].mean()
        x, z = lags[rows] - shift, y[rows] - shift
        x[:, -1] = 1.0
        inverse = np.linalg.pinv(x.T @ x)
        coefficients = inverse @ x.T @ z
        now = np.append(lags[t, :-1] - shift, 1.0)
        variance = float(np.sum((z - x @ coefficients) ** 2)) / freedom * (1.0 + now @ inverse @ now)
        error = np.array([y[t] - shift - now @ coefficients])
        found[t] = _student(error, np.sqrt(np.array([variance])), freedom)[0]
    return found


def _student(errors: Array, scales: Array, freedom: int) -> Array:
    """Log density of a Student t; a scale of nothing is that of the last digit."""
    scales = np.maximum(scales, 1e-12 * np.maximum(np.abs(errors), 1e-300))
    constant = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - 0.5 * math.log(math.pi * freedom)
    densities: Array = constant - np.log(scales) - (freedom + 1) / 2 * np.log1p((errors / scales) ** 2 / freedom)
    return densities
