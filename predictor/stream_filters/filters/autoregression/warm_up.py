"""Where an autoregression begins: a centre, a unit and a scale from the first values of a stream, robustly."""

import math
from typing import NamedTuple

import numpy as np

from stream_filters.filters.base import Floats

# Values further than this many robust standard deviations from the centre do not teach the start.
_FAR = 10.0
_EXACT = 0.01
_NORMAL_CONSISTENCY = 1.4826
# Two groups of values are apart if the gap between them is so many times as wide as either.
_APART = 8.0
# Values that go back and forth between two groups more often belong together.
_SWITCHES = 2
_EXPONENT_LIMIT = 1000
_CONSTANT_RUN = 3


class Start(NamedTuple):
    """centre c; unit, a power of two. In that unit: variance of the values about c; a guess of V; values [w] minus c.

    Values are NaN where they are missing or far off.
    """

    centre: float
    unit: float
    variance: float
    noise_variance: float
    values: Floats


def begin(values: Floats, wanted: int) -> Start | None:
    """A start from the values [w] seen so far, NaN = missing, or None while they cannot give one.

    `wanted` finite values are enough if more than half of them differ from their median; twice as many are enough if
    any two differ. Equal values that come first count as one: a constant stream waits for its first change, and then
    for some more. Of two groups far apart, such as marks and a stream, the one counts that has values enough, unless
    the stream goes back and forth between them.
    """
    if np.isfinite(values).sum() < wanted:
        return None
    total = int(np.isfinite(values).sum())
    values = _one_group(_without_constant_run(values), wanted)
    finite = values[np.isfinite(values)]
    if finite.size < wanted:
        return None
    centre = float(np.median(finite))
    largest = float(np.abs(finite - centre).max())
    if not largest > 0.0:
        return None
    unit = _power_of_two(largest)
    centred = (values - centre) / unit
    spread = _NORMAL_CONSISTENCY * float(np.nanmedian(np.abs(centred)))
    if spread == 0.0 and total < 2 * wanted:
        return None
    if spread > 0.0:
        centred = np.where(np.abs(centred) > _FAR * spread, np.nan, centred)
    variance = float(np.nanvar(centred))
    resolution = float(np.spacing(np.abs(finite).max()) / unit) ** 2
    if not variance > resolution:
        return None
    own = _power_of_two(math.sqrt(variance))
    unit, centred, shrunk = unit * own, centred / own, own * own
    variance, resolution = variance / shrunk, resolution / shrunk
    return Start(centre, unit, variance, max(_noise_variance(centred, variance), resolution), centred)


def _power_of_two(size: float) -> float:
    """The power of two next above a size, within what floats can divide by."""
    return math.ldexp(1.0, min(max(math.frexp(size)[1], -_EXPONENT_LIMIT), _EXPONENT_LIMIT))


def _without_constant_run(values: Floats) -> Floats:
    """The values, but of equal ones at the beginning only the last, if they are more than a chance."""
    finite = np.flatnonzero(np.isfinite(values))
    differ = np.flatnonzero(values[finite] != values[finite[0]])
    run = int(differ[0]) if differ.size else finite.size
    if run < _CONSTANT_RUN:
        return values
    return values[finite[run - 1] :]


def _one_group(values: Floats, wanted: int) -> Floats:
    """The values, NaN outside the group that counts where there are two groups far apart."""
    finite = values[np.isfinite(values)]
    if finite.size < 2:
        return values
    ordered = np.sort(finite)
    gaps = np.diff(ordered)
    at = int(gaps.argmax())
    widest = max(ordered[at] - ordered[0], ordered[-1] - ordered[at + 1])
    if not gaps[at] > _APART * widest:
        return values
    high = finite > ordered[at]
    if np.count_nonzero(high[1:] != high[:-1]) > _SWITCHES:
        return values
    sizes = int(np.count_nonzero(~high)), int(np.count_nonzero(high))
    spreads = ordered[at] - ordered[0], ordered[-1] - ordered[at + 1]
    fit = [side for side in (0, 1) if sizes[side] >= wanted and spreads[side] > 0.0]
    if not fit:
        return np.full_like(values, np.nan)
    side = fit[0] if len(fit) == 1 else int(high[-1])
    inside = values > ordered[at] if side else values <= ordered[at]
    return np.where(inside, values, np.nan)


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


def remember(gathered: Floats, count: int, row: Floats) -> int:
    """Put a value and the scale of its noise [2] into a buffer [2, w] holding `count`, in place; returns the new count.

    A missing value has the scale 0. A full buffer gives up its first missing value, else its oldest. Missing values
    before the first are not kept.
    """
    if count == 0 and np.isnan(row[0]):
        return 0
    if count == gathered.shape[1]:
        missing = np.flatnonzero(np.isnan(gathered[0]))
        gone = missing[0] if missing.size else 0
        gathered[:, gone:-1] = gathered[:, gone + 1 :]
        count -= 1
    gathered[0, count] = row[0]
    gathered[1, count] = 0.0 if np.isnan(row[0]) else row[1]
    return count + 1
