"""How good answers were: accuracy, calibration, regimes, latency. Pure functions over whole arrays; NaN is left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def rmse(estimate: Array, truth: Array) -> float:
    """Root mean squared error."""
    error = np.asarray(estimate, dtype=np.float64) - truth
    error = error[np.isfinite(error)]
    return float(np.sqrt(np.mean(error**2))) if error.size else np.nan


def coverage(lower: Array, upper: Array, truth: Array) -> float:
    """Share of true values in [lower, upper]."""
    known = np.isfinite(lower) & np.isfinite(upper) & np.isfinite(truth)
    inside = (lower <= truth) & (truth <= upper)
    return float(np.mean(inside[known])) if known.any() else np.nan


def normal_band(mean: Array, std: Array, level: float) -> tuple[Array, Array]:
    """The central interval of N(mean, std^2) that holds `level`."""
    width = NormalDist().inv_cdf(0.5 + level / 2) * std
    return mean - width, mean + width


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether the probability integral transforms are uniform.

    distance: Kolmogorov-Smirnov distance to the uniform distribution. limit: its 5 % critical value at this count.
    histogram: shares in ten equal bins.
    """

    distance: float
    limit: float
    histogram: tuple[float, ...]

    @property
    def uniform(self) -> bool:
        """Nothing speaks against calibration."""
        return self.distance <= self.limit


def calibration(pit: Array) -> Calibration | None:
    """Calibration of predictive CDFs at their observations, [T] or [T, D]; None if there are none."""
    values = np.sort(pit[np.isfinite(pit)])
    if not values.size:
        return None
    steps = np.arange(values.size + 1) / values.size
    distance = max(float(np.max(steps[1:] - values)), float(np.max(values - steps[:-1])))
    counts, _ = np.histogram(values, bins=10, range=(0.0, 1.0))
    return Calibration(distance, 1.358 / np.sqrt(values.size), tuple(counts / values.size))


def match_labels(found: Array, truth: Array) -> dict[int, int]:
    """Which true label each found label stands for: the one-to-one map with the most agreement.

    Exact, by dynamic programming over sets of true labels: O(K^2 2^K). Negative labels are left out.
    """
    known = (found >= 0) & (truth >= 0)
    names, targets = np.unique(found[known]), np.unique(truth[known])
    agreement = np.array([[np.sum((found == name) & (truth == target)) for target in targets] for name in names])
    size = max(len(names), len(targets))
    square = np.zeros((size, size), dtype=np.int64)
    square[: len(names), : len(targets)] = agreement.reshape(len(names), len(targets))
    best: dict[int, tuple[int, tuple[int, ...]]] = {0: (0, ())}
    for row in range(size):
        reached: dict[int, tuple[int, tuple[int, ...]]] = {}
        for taken, (total, choice) in best.items():
            for column in range(size):
                if taken >> column & 1:
                    continue
                candidate = (total + int(square[row, column]), (*choice, column))
                key = taken | 1 << column
                if key not in reached or candidate[0] > reached[key][0]:
                    reached[key] = candidate
        best = reached
    choice = best[(1 << size) - 1][1] if size else ()
    return {
        int(name): int(targets[column]) for name, column in zip(names, choice, strict=False) if column < len(targets)
    }


def regime_accuracy(found: Array, truth: Array) -> float:
    """Share of observations in the right regime, under the best one-to-one naming of regimes."""
    known = (found >= 0) & (truth >= 0)
    if not known.any():
        return np.nan
    mapping = match_labels(found, truth)
    right = sum(int(np.sum((found == name) & (truth == target))) for name, target in mapping.items())
    return right / int(np.sum(known))


@dataclass(frozen=True, slots=True)
class Detection:
    """How changes of regime were announced.

    detected: share of true changes that were announced. delay: mean observations until then.
    false_alarms_per_1000: announced changes without a true one, for 1000 observations.
    """

    detected: float
    delay: float
    false_alarms_per_1000: float


def detection(found: Array, truth: Array, window: int = 25) -> Detection:
    """Match each true change with the first announced one within `window` and before the next true change."""
    announced = np.flatnonzero(np.diff(found)) + 1
    true_changes = np.flatnonzero(np.diff(truth)) + 1
    ends = np.append(true_changes, len(truth))[1:]
    delays, used = [], 0
    for change, end in zip(true_changes, ends, strict=True):
        inside = announced[(announced >= change) & (announced < min(end, change + window + 1))]
        if inside.size:
            delays.append(int(inside[0] - change))
            used += 1
    return Detection(
        detected=len(delays) / len(true_changes) if len(true_changes) else np.nan,
        delay=float(np.mean(delays)) if delays else np.nan,
        false_alarms_per_1000=1000.0 * (len(announced) - used) / max(len(found), 1),
    )


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from sending a request to having its answer, tries included."""

    p50_seconds: float
    p90_seconds: float
    p99_seconds: float
    max_seconds: float


def latency(seconds: Sequence[float]) -> Latency | None:
    """Percentiles of request times; None if there were no requests."""
    if not seconds:
        return None
    p50, p90, p99 = np.percentile(seconds, [50, 90, 99])
    return Latency(float(p50), float(p90), float(p99), max(seconds))
