"""What calibrated predictions would show, beside what these did."""

from dataclasses import dataclass

import numpy as np

from stream_filters_client.protocol.codec import Array

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class CoverageByLevel:
    """Shares of observations inside central intervals, [L] each.

    levels: the probability inside each. shares: what was inside. lower, upper: where the share of a calibrated stream
    of this length lies in 95 of 100 cases, each level for itself.
    """

    levels: Array
    shares: Array
    lower: Array
    upper: Array


def coverage_by_level(pit: Array) -> CoverageByLevel | None:
    """From the predictive CDFs at the observations, any shape; None if there are none.

    y lies in the central interval of probability p just where |2 CDF(y) - 1| <= p.
    """
    values = np.abs(2.0 * pit[np.isfinite(pit)] - 1.0)
    if not values.size:
        return None
    levels = np.array(LEVELS)
    shares = np.searchsorted(np.sort(values), levels, side="right") / values.size
    lower, upper = np.array([binomial_region(values.size, level) for level in LEVELS]).T
    return CoverageByLevel(levels, shares, lower, upper)


def binomial_region(count: int, probability: float, level: float = 0.95) -> tuple[float, float]:
    """Quantiles of the share of successes in `count` trials, that leave (1 - level) / 2 below and above."""
    successes = np.arange(count + 1)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    log_mass = log_factorial[-1] - log_factorial - log_factorial[::-1]
    log_mass += successes * np.log(probability) + (count - successes) * np.log1p(-probability)
    below = np.cumsum(np.exp(log_mass))
    lower, upper = np.searchsorted(below, [(1 - level) / 2, (1 + level) / 2])
    return float(lower / count), float(upper / count)
