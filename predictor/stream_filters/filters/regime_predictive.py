"""The predictive of the next rows: a Student-t mixture over hypotheses, regimes and their variants."""

import math
from typing import NamedTuple

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
from stream_filters.filters.student_t_mixtures import mixture_quantiles

# Quantiles leave out components lighter than this; before alike ones are united, only much lighter ones.
_NEGLIGIBLE = 1e-4
_NEGLIGIBLE_ALONE = 1e-6
# Error of quantiles, in standard deviations of the mixture.
_TOLERANCE = 1e-3
# Components whose locations and scales differ by less than this share of a scale count as one for quantiles.
_ALIKE = 0.1


class Components(NamedTuple):
    """A Student-t mixture with room for n components."""

    weight: Floats  # [n]
    location: Floats  # [n]
    scale: Floats  # [n]
    dof: Floats  # [n]


def components_for(hypotheses: int, regimes: int) -> Components:
    """Room for every variant of every regime of every hypothesis, and the base measure."""
    return Components(*(np.zeros(2 * hypotheses * regimes + 1) for _ in Components._fields))


@njit(nogil=True, cache=True, error_model="numpy")
def _put(mixture: Components, i: int, weight: float, location: float, scale2: float, dof: float) -> int:
    """Write component i; returns the index of the next."""
    mixture.weight[i] = weight
    mixture.location[i] = location
    mixture.scale[i] = math.sqrt(scale2)
    mixture.dof[i] = dof
    return i + 1


@njit(nogil=True, cache=True, error_model="numpy")
def predictive(belief: Belief, settings: Settings, masses: Masses, ahead: float, mixture: Components) -> int:
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
def mean_and_std(mixture: Components, n: int) -> tuple[float, float]:
    """Moments of the first n components."""
    mass = mean = variance = 0.0
    for i in range(n):
        mass += mixture.weight[i]
        mean += mixture.weight[i] * mixture.location[i]
    mean /= mass
    for i in range(n):
        own = mixture.scale[i] ** 2 * mixture.dof[i] / (mixture.dof[i] - 2.0)
        variance += mixture.weight[i] * (own + (mixture.location[i] - mean) ** 2)
    return mean, math.sqrt(variance / mass)


@njit(nogil=True, cache=True, error_model="numpy")
def distribution(mixture: Components, n: int, y: float) -> float:
    """P(next <= y) under the first n components."""
    mass = below = 0.0
    for i in range(n):
        mass += mixture.weight[i]
        below += mixture.weight[i] * cdf((y - mixture.location[i]) / mixture.scale[i], mixture.dof[i])
    return min(below / mass, 1.0)


@njit(nogil=True, cache=True, error_model="numpy")
def _alike(mixture: Components, i: int, j: int) -> bool:
    """Whether quantiles can treat components i and j as one."""
    close = _ALIKE * mixture.scale[j]
    return (
        abs(mixture.location[i] - mixture.location[j]) < close
        and abs(mixture.scale[i] - mixture.scale[j]) < close
        and abs(1.0 / mixture.dof[i] - 1.0 / mixture.dof[j]) < 0.2 * _ALIKE
    )


@njit(nogil=True, cache=True, error_model="numpy")
def _condense(mixture: Components, n: int) -> int:
    """Drop negligible components and unite those alike, in place; returns how many are left."""
    kept = 0
    for i in range(n):
        weight = mixture.weight[i]
        if weight < _NEGLIGIBLE_ALONE:
            continue
        j = 0
        while j < kept and not _alike(mixture, i, j):
            j += 1
        if j == kept:
            kept += 1
            mixture.weight[j] = 0.0
            mixture.location[j] = mixture.location[i]
            mixture.scale[j] = mixture.scale[i]
            mixture.dof[j] = mixture.dof[i]
        mixture.weight[j] += weight
        step = weight / mixture.weight[j]
        mixture.location[j] += step * (mixture.location[i] - mixture.location[j])
        mixture.scale[j] += step * (mixture.scale[i] - mixture.scale[j])
        mixture.dof[j] += step * (mixture.dof[i] - mixture.dof[j])
    united = kept
    kept = 0
    mass = 0.0
    for j in range(united):
        if mixture.weight[j] >= _NEGLIGIBLE:
            _put(mixture, kept, mixture.weight[j], mixture.location[j], mixture.scale[j] ** 2, mixture.dof[j])
            mass += mixture.weight[j]
            kept += 1
    for j in range(kept):
        mixture.weight[j] /= mass
    return kept


@njit(nogil=True, cache=True, error_model="numpy")
def central_interval(mixture: Components, n: int, tail: float, out: Floats) -> None:
    """Quantiles `tail` and 1 - `tail` of the first n components into out [2]; the components are condensed in place."""
    n = _condense(mixture, n)
    ends = np.array([tail, 1.0 - tail])
    weight, location = mixture.weight[:n], mixture.location[:n]
    mixture_quantiles(ends, weight, location, mixture.scale[:n], mixture.dof[:n], out, _TOLERANCE)
