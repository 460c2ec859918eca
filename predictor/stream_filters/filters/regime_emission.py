"""What one regime says of an observation, and what it learns from it.

A regime emits y ~ N(level, V), V ~ IG(shape, rate). The level is constant, or moves along a slope; a regime holds both
variants, weighted by their evidence. Each is a Kalman filter in units of V, conjugate in V, so that every predictive is
a Student-t with 2 shape degrees of freedom (West & Harrison, Bayesian Forecasting and Dynamic Models, ch. 4 and 7).
"""

import math

from numba import njit

from stream_filters.filters.base import Floats
from stream_filters.filters.regime_belief import (
    BASE_MEAN,
    BASE_VAR,
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
from stream_filters.filters.student_t import log_pdf

# A variant is never ruled out: a regime that was constant for long may begin to drift.
_LEAST_VARIANT = 1e-3
# A variance below this share of the stream's cannot be told from rounding.
_LEAST_VARIANCE = 1e-18


@njit(nogil=True, cache=True, error_model="numpy")
def log_normaliser(shape: float) -> float:
    """log Gamma(a + 1/2) - log Gamma(a) - log(2 pi) / 2: the part of the predictive that depends on the shape a."""
    return log_pdf(0.0, 1.0 / shape, 2.0 * shape)


@njit(nogil=True, cache=True, error_model="numpy")
def base_log_density(belief: Belief, settings: Settings, y: float) -> float:
    """Log density of y under the base measure: a regime of which nothing is known."""
    spread = base_rate(belief, settings) * (1.0 + 1.0 / settings.level_strength)
    normaliser = log_normaliser(settings.variance_shape)
    return log_student(normaliser, settings.variance_shape, y - belief.units[BASE_MEAN], spread)


@njit(nogil=True, cache=True, error_model="numpy")
def log_student(normaliser: float, shape: float, residual: float, spread: float) -> float:
    """Log density of the t with 2a dof at `residual`, scale² = spread / a, where spread = rate (1 + level_var)."""
    return normaliser - 0.5 * math.log(spread) - (shape + 0.5) * math.log1p(0.5 * residual * residual / spread)


@njit(nogil=True, cache=True, error_model="numpy")
def mix_variants(drifting: float, constant_density: float, drift_density: float) -> tuple[float, float]:
    """Log density of a regime that drifts with probability `drifting`, and that probability after the observation."""
    if drift_density > constant_density:
        constant = (1.0 - drifting) * math.exp(constant_density - drift_density)
        return drift_density + math.log(constant + drifting), drifting / (constant + drifting)
    drift = drifting * math.exp(drift_density - constant_density)
    total = 1.0 - drifting + drift
    return constant_density + math.log(total), drift / total


@njit(nogil=True, cache=True, error_model="numpy")
def regime_log_density(regimes: Floats, m: int, k: int, normaliser: float, y: float) -> tuple[float, float]:
    """Log density of y under regime k of hypothesis m, and the regime's probability of drifting given y."""
    drifting = regimes[m, k, DRIFTS]
    constant_density = drift_density = EMPTY
    if drifting < 1.0:
        spread = regimes[m, k, RATE + CONSTANT] * (1.0 + regimes[m, k, LEVEL_VAR + CONSTANT])
        constant_density = log_student(normaliser, regimes[m, k, SHAPE], y - regimes[m, k, LEVEL + CONSTANT], spread)
    if drifting > 0.0:
        spread = regimes[m, k, RATE + DRIFTING] * (1.0 + regimes[m, k, LEVEL_VAR + DRIFTING])
        drift_density = log_student(normaliser, regimes[m, k, SHAPE], y - regimes[m, k, LEVEL + DRIFTING], spread)
    return mix_variants(drifting, constant_density, drift_density)


@njit(nogil=True, cache=True, error_model="numpy")
def drift(regimes: Floats, m: int, k: int) -> None:
    """One row passes for regime k of hypothesis m, active or not: level += slope."""
    regimes[m, k, LEVEL + DRIFTING] += regimes[m, k, SLOPE]
    regimes[m, k, LEVEL_VAR + DRIFTING] += 2.0 * regimes[m, k, SLOPE_COV] + regimes[m, k, SLOPE_VAR]
    regimes[m, k, SLOPE_COV] += regimes[m, k, SLOPE_VAR]


@njit(nogil=True, cache=True, error_model="numpy")
def _absorb_level(
    regimes: Floats, m: int, k: int, variant: int, y: float, responsibility: float, keep: float
) -> tuple[float, float, float]:
    """Kalman update of one variant's level and rate; keep: what is left of earlier observations' weight.

    Returns the residual, the precision 1 / (1 + level_var) before, and what the doubt about y adds per squared gain.
    """
    rate = regimes[m, k, RATE + variant]
    level_var = regimes[m, k, LEVEL_VAR + variant]
    residual = y - regimes[m, k, LEVEL + variant]
    precision = 1.0 / (1.0 + level_var)
    gain = level_var * precision
    squared = responsibility * residual * residual
    # The part of the covariance that lies between the branches: y belongs to the regime, or is an outlier.
    between = (1.0 - responsibility) * squared * regimes[m, k, SHAPE] / rate if responsibility < 1.0 else 0.0
    regimes[m, k, LEVEL + variant] += responsibility * gain * residual
    remaining = level_var - responsibility * gain * level_var + between * gain * gain
    regimes[m, k, LEVEL_VAR + variant] = remaining / keep
    regimes[m, k, RATE + variant] = (rate + 0.5 * squared * precision) * keep
    return residual, precision, between


@njit(nogil=True, cache=True, error_model="numpy")
def _absorb_slope(regimes: Floats, m: int, k: int, y: float, responsibility: float, keep: float) -> None:
    """Kalman update of the drifting variant: level, slope and rate."""
    gain = regimes[m, k, LEVEL_VAR + DRIFTING] / (1.0 + regimes[m, k, LEVEL_VAR + DRIFTING])
    residual, precision, between = _absorb_level(regimes, m, k, DRIFTING, y, responsibility, keep)
    cov = regimes[m, k, SLOPE_COV]
    slope_gain = cov * precision
    remaining = max(regimes[m, k, SLOPE_VAR] - responsibility * slope_gain * cov, 0.0)
    regimes[m, k, SLOPE] += responsibility * slope_gain * residual
    regimes[m, k, SLOPE_VAR] = (remaining + between * slope_gain * slope_gain) / keep
    regimes[m, k, SLOPE_COV] = (cov - responsibility * gain * cov + between * gain * slope_gain) / keep


@njit(nogil=True, cache=True, error_model="numpy")
def absorb(
    regimes: Floats, m: int, k: int, memory: float, least: float, y: float, responsibility: float, drifting: float
) -> None:
    """Regime k of hypothesis m learns y, which belongs to it with probability `responsibility` and else is an outlier.

    drifting: posterior probability of the drifting variant, given that y belongs to the regime.
    least: `least_variance`.
    The two branches are collapsed into one Gaussian by matching their moments. The active regime forgets once it rests
    on `memory` observations; the others keep what they know.
    """
    prior = regimes[m, k, DRIFTS]
    shape = regimes[m, k, SHAPE] + 0.5 * responsibility
    keep = 0.5 * memory / shape if shape > 0.5 * memory else 1.0
    least_rate = least * shape * keep
    if prior < 1.0:
        _absorb_level(regimes, m, k, CONSTANT, y, responsibility, keep)
        regimes[m, k, RATE + CONSTANT] = max(regimes[m, k, RATE + CONSTANT], least_rate)
    if prior > 0.0:
        _absorb_slope(regimes, m, k, y, responsibility, keep)
        regimes[m, k, RATE + DRIFTING] = max(regimes[m, k, RATE + DRIFTING], least_rate)
    regimes[m, k, SHAPE] = shape * keep
    if 0.0 < prior < 1.0:
        posterior = responsibility * drifting + (1.0 - responsibility) * prior
        regimes[m, k, DRIFTS] = min(max(posterior, _LEAST_VARIANT), 1.0 - _LEAST_VARIANT)


@njit(nogil=True, cache=True, error_model="numpy")
def least_variance(belief: Belief) -> float:
    """A regime's variance below which it cannot be told from rounding."""
    return _LEAST_VARIANCE * belief.units[BASE_VAR]


@njit(nogil=True, cache=True, error_model="numpy")
def regime_mean(regimes: Floats, m: int, k: int) -> float:
    """Posterior mean of the level of regime k of hypothesis m, both variants weighted."""
    drifting = regimes[m, k, DRIFTS]
    return (1.0 - drifting) * regimes[m, k, LEVEL + CONSTANT] + drifting * regimes[m, k, LEVEL + DRIFTING]


@njit(nogil=True, cache=True, error_model="numpy")
def regime_variance(regimes: Floats, m: int, k: int) -> float:
    """Posterior mean of the variance of regime k of hypothesis m, both variants weighted."""
    drifting = regimes[m, k, DRIFTS]
    rate = (1.0 - drifting) * regimes[m, k, RATE + CONSTANT] + drifting * regimes[m, k, RATE + DRIFTING]
    return rate / (regimes[m, k, SHAPE] - 1.0)
