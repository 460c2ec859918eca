"""The predictive of the next rows: a Student-t mixture over hypotheses, regimes and their variants."""

import math

import numpy as np
from numba import njit

from stream_filters.filters.base import Floats
from stream_filters.filters.regime_belief import (
    BASE_MEAN,
    BORN,
    CONSTANT,
    DRIFTING,
    DRIFTS,
    EMPTY,
    LEVEL,
    LEVEL_VAR,
    RATE,
    SHAPE,
    SLOPE,
    SLOPE_COV,
    SLOPE_VAR,
    Belief,
    Settings,
    base_rate,
)
from stream_filters.filters.regime_hypotheses import Masses
from stream_filters.filters.student_t import cdf
from stream_filters.filters.student_t_mixtures import Mixture, first_components, mixture_quantiles

# Quantiles leave out components lighter than this; before alike ones are united, only much lighter ones.
_NEGLIGIBLE = 1e-4
_NEGLIGIBLE_ALONE = 1e-6
# Error of quantiles, in standard deviations of the mixture.
_TOLERANCE = 1e-3
# Mixture whose locations and scales differ by less than this share of a scale count as one for quantiles.
_ALIKE = 0.1


@njit(nogil=True, cache=True, error_model="numpy")
def _put(mixture: Mixture, i: int, weight: float, location: float, scale2: float, dof: float) -> int:
    """Write component i; returns the index of the next."""
    mixture.weights[i] = weight
    mixture.locations[i] = location
    mixture.scales[i] = math.sqrt(scale2)
    mixture.dofs[i] = dof
    return i + 1


@njit(nogil=True, cache=True, error_model="numpy")
def predictive(belief: Belief, settings: Settings, masses: Masses, ahead: float, mixture: Mixture) -> int:
    """Fill `mixture`; returns how many components it has.

    masses: where the row in question is expected to come from.
    ahead: how many rows drifting levels have yet to move to get there.
    """
    regimes = belief.regimes
    n = 0
    base = 0.0
    for m in range(belief.log_weight.shape[0]):
        if belief.log_weight[m] == EMPTY:
            continue
        weight = math.exp(belief.log_weight[m])
        base += weight * (masses.fresh[m] + masses.outlier[m])
        for k in range(belief.status[m, BORN]):
            mass = weight * masses.known[m, k]
            if mass <= 0.0:
                continue
            drifting = regimes[m, k, DRIFTS]
            dof = 2.0 * regimes[m, k, SHAPE]
            if drifting < 1.0:
                scale2 = 2.0 * regimes[m, k, RATE + CONSTANT] / dof * (1.0 + regimes[m, k, LEVEL_VAR + CONSTANT])
                n = _put(mixture, n, mass * (1.0 - drifting), regimes[m, k, LEVEL + CONSTANT], scale2, dof)
            if drifting > 0.0:
                moved = ahead * (2.0 * regimes[m, k, SLOPE_COV] + ahead * regimes[m, k, SLOPE_VAR])
                scale2 = (
                    2.0 * regimes[m, k, RATE + DRIFTING] / dof * (1.0 + regimes[m, k, LEVEL_VAR + DRIFTING] + moved)
                )
                n = _put(
                    mixture,
                    n,
                    mass * drifting,
                    regimes[m, k, LEVEL + DRIFTING] + ahead * regimes[m, k, SLOPE],
                    scale2,
                    dof,
                )
    shape = settings.variance_shape
    scale2 = base_rate(belief, settings) / shape * (1.0 + 1.0 / settings.level_strength)
    return _put(mixture, n, base, belief.units[BASE_MEAN], scale2, 2.0 * shape)


@njit(nogil=True, cache=True, error_model="numpy")
def mean_and_std(mixture: Mixture, n: int) -> tuple[float, float]:
    """Moments of the first n components."""
    mass = mean = variance = 0.0
    for i in range(n):
        mass += mixture.weights[i]
        mean += mixture.weights[i] * mixture.locations[i]
    mean /= mass
    for i in range(n):
        own = mixture.scales[i] ** 2 * mixture.dofs[i] / (mixture.dofs[i] - 2.0)
        variance += mixture.weights[i] * (own + (mixture.locations[i] - mean) ** 2)
    return mean, math.sqrt(variance / mass)


@njit(nogil=True, cache=True, error_model="numpy")
def distribution(mixture: Mixture, n: int, y: float) -> float:
    """P(next <= y) under the first n components."""
    mass = below = 0.0
    for i in range(n):
        mass += mixture.weights[i]
        below += mixture.weights[i] * cdf((y - mixture.locations[i]) / mixture.scales[i], mixture.dofs[i])
    return min(below / mass, 1.0)


@njit(nogil=True, cache=True, error_model="numpy")
def _alike(mixture: Mixture, i: int, j: int) -> bool:
    """Whether quantiles can treat components i and j as one."""
    close = _ALIKE * mixture.scales[j]
    return (
        abs(mixture.locations[i] - mixture.locations[j]) < close
        and abs(mixture.scales[i] - mixture.scales[j]) < close
        and abs(1.0 / mixture.dofs[i] - 1.0 / mixture.dofs[j]) < 0.2 * _ALIKE
    )


@njit(nogil=True, cache=True, error_model="numpy")
def _condense(mixture: Mixture, n: int) -> int:
    """Drop negligible components and unite those alike, in place; returns how many are left."""
    kept = 0
    for i in range(n):
        weight = mixture.weights[i]
        if weight < _NEGLIGIBLE_ALONE:
            continue
        j = 0
        while j < kept and not _alike(mixture, i, j):
            j += 1
        if j == kept:
            kept += 1
            mixture.weights[j] = 0.0
            mixture.locations[j] = mixture.locations[i]
            mixture.scales[j] = mixture.scales[i]
            mixture.dofs[j] = mixture.dofs[i]
        mixture.weights[j] += weight
        step = weight / mixture.weights[j]
        mixture.locations[j] += step * (mixture.locations[i] - mixture.locations[j])
        mixture.scales[j] += step * (mixture.scales[i] - mixture.scales[j])
        mixture.dofs[j] += step * (mixture.dofs[i] - mixture.dofs[j])
    united = kept
    kept = 0
    mass = 0.0
    for j in range(united):
        if mixture.weights[j] >= _NEGLIGIBLE:
            _put(mixture, kept, mixture.weights[j], mixture.locations[j], mixture.scales[j] ** 2, mixture.dofs[j])
            mass += mixture.weights[j]
            kept += 1
    for j in range(kept):
        mixture.weights[j] /= mass
    return kept


@njit(nogil=True, cache=True, error_model="numpy")
def central_interval(mixture: Mixture, n: int, tail: float, out: Floats) -> None:
    """Quantiles `tail` and 1 - `tail` of the first n components into out [2]; the components are condensed in place."""
    n = _condense(mixture, n)
    ends = np.array([tail, 1.0 - tail])
    mixture_quantiles(ends, first_components(mixture, n), out, _TOLERANCE)
