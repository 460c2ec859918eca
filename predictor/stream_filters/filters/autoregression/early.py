"""What is said of a stream before its autoregression begins: the last value, with a Student-t of what is known.

A constant stream never begins; its next value is expected to be the same again, to a billionth.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy import special

from stream_filters.filters.base import Array, Floats

_DOF = 3.0
_RESOLUTION = 1e-9
_CONSTANT = math.lgamma(2.0) - math.lgamma(1.5) - 0.5 * math.log(math.pi * _DOF)


class Guess(NamedTuple):
    """Location and scale of the next value's Student-t."""

    location: float
    scale: float


def guess(values: Floats, wanted: int) -> Guess | None:
    """What to expect after the values [w], NaN = missing; None where too few came and they differ."""
    finite = values[np.isfinite(values)]
    if finite.size < 2:
        return None
    location = float(finite[-1])
    least = _RESOLUTION * (abs(location) or 1.0)
    changes = np.abs(np.diff(0.5 * finite))
    largest = float(changes.max())
    if largest == 0.0:
        return Guess(location, least)
    if finite.size < wanted:
        return None
    return Guess(location, max(2.0 * largest * math.sqrt(float(np.mean((changes / largest) ** 2))), least))


def report(after: Guess, values: Floats, noise: Floats, interval: float, out: Mapping[str, Array]) -> None:
    """Fill the outputs of rows with these values and scales of their noise, [T] each, expected `after` earlier ones.

    Parameters stay NaN: nothing is known of them.
    """
    scales = np.clip(after.scale * noise, 1e-300, 1e300)
    known = np.isfinite(values)
    with np.errstate(over="ignore"):
        z = np.where(known, np.clip((values - after.location) / scales, -1e150, 1e150), np.nan)
    reach = special.stdtrit(_DOF, 0.5 + 0.5 * interval) * scales
    filled = {
        "predictive_mean": np.full(values.size, after.location),
        "predictive_std": math.sqrt(_DOF) * scales,
        "predictive_interval": np.stack([after.location - reach, after.location + reach], axis=1),
        "log_evidence": _CONSTANT - np.log(scales) - 2.0 * np.log1p(z * z / _DOF),
        "pit": special.stdtr(_DOF, z),
        "outlier_probability": np.where(known, 0.0, np.nan),
    }
    for name, column in filled.items():
        if name in out:
            out[name][:] = column


def forecast(after: Guess, horizon: int, interval: float) -> Floats:
    """Mean, standard deviation and interval's ends [h, 4] of a random walk whose steps have the guess's scale."""
    scales = after.scale * np.sqrt(np.arange(1.0, horizon + 1.0))
    reach = special.stdtrit(_DOF, 0.5 + 0.5 * interval) * scales
    mean = np.full(horizon, after.location)
    return np.stack([mean, math.sqrt(_DOF) * scales, mean - reach, mean + reach], axis=1)
