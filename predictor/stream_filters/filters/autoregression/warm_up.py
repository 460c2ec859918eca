"""Where an autoregression begins: a centre and a scale from the first values of a stream, robustly."""

from typing import NamedTuple

import numpy as np

from stream_filters.filters.base import Floats

# Values further than this many robust standard deviations from the centre do not teach the start.
_FAR = 10.0
_EXACT = 0.01
_NORMAL_CONSISTENCY = 1.4826


class Start(NamedTuple):
    """centre c; variance of the values about it; a guess of V; values [w] minus c, NaN where missing or far off."""

    centre: float
    variance: float
    noise_variance: float
    values: Floats


def begin(values: Floats, wanted: int) -> Start | None:
    """A start from the values [w] seen so far, NaN = missing, or None while they cannot give one.

    `wanted` finite values are enough if more than half of them differ from their median; twice as many are enough
    if any two differ. So a constant stream waits for its first change, and equal first values for more.
    """
    finite = values[np.isfinite(values)]
    if finite.size < wanted:
        return None
    centre = float(np.median(finite))
    centred = values - centre
    spread = _NORMAL_CONSISTENCY * float(np.median(np.abs(finite - centre)))
    if spread == 0.0 and finite.size < 2 * wanted:
        return None
    if spread > 0.0:
        centred = np.where(np.abs(centred) > _FAR * spread, np.nan, centred)
    variance = float(np.nanvar(centred))
    resolution = np.spacing(np.abs(finite).max()) ** 2
    if not variance > resolution:
        return None
    return Start(centre, variance, max(_noise_variance(centred, variance), resolution), centred)


def _noise_variance(centred: Floats, variance: float) -> float:
    """Half the variance, as if little could be predicted; where a line through (y_t-1, y_t) is all but exact, its own.

    A first approach from far away would otherwise pass for noise.
    """
    before, after = centred[:-1], centred[1:]
    both = np.isfinite(before) & np.isfinite(after)
    if both.sum() < 4:
        return 0.5 * variance
    design = np.stack([np.ones(both.sum()), before[both]], axis=1)
    residuals = after[both] - design @ np.linalg.lstsq(design, after[both], rcond=None)[0]
    left = float(residuals @ residuals) / (both.sum() - 2)
    return left if left < _EXACT * variance else 0.5 * variance


def remember(values: Floats, count: int, value: float) -> int:
    """Put a value into the buffer values [2 wanted] holding `count`, in place; returns the new count.

    A full buffer gives up its first missing value, else its oldest. Missing values before the first are not kept.
    """
    if count == 0 and np.isnan(value):
        return 0
    if count == values.size:
        missing = np.flatnonzero(np.isnan(values))
        gone = missing[0] if missing.size else 0
        values[gone:-1] = values[gone + 1 :]
        count -= 1
    values[count] = value
    return count + 1
