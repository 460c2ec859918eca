"""What one regime says of an observation, and what it learns from it.

A regime emits y ~ N(level, V), V ~ IG(shape, rate). The level is constant, or moves along a slope; a regime holds both
variants, weighted by their evidence. Each is a Kalman filter in units of V, conjugate in V, so that every predictive is
a Student-t with 2 shape degrees of freedom (West & Harrison, Bayesian Forecasting and Dynamic Models, ch. 4 and 7).
"""

import math

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import exp, log, log1p
from stream_filters.filters.regimes.records import (
    BASE_MEAN,
    BASE_VAR,
    CONSTANT,
    DRIFTING,
    DRIFTS,
    LEVEL,
    LEVEL_VAR,
    RATE,
    SHAPE,
    SLOPE,
    SLOPE_COV,
    SLOPE_VAR,
    Belief,
    Settings,
    Work,
    base_rate,
)

# A variant is never ruled out: a regime that was constant for long may begin to drift.
_LEAST_VARIANT = 1e-3
# A variance below this share of the stream's cannot be told from rounding.
_LEAST_VARIANCE = 1e-18
_HALF_LOG_2_PI = 0.5 * math.log(2.0 * math.pi)


@inlined
def log_normaliser(shape: float) -> float:
    """log Gamma(a + 1/2) - log Gamma(a) - log(2 pi) / 2: the part of the predictive that depends on the shape a."""
    # eight steps up, where the series is exact
    ratio = shape * (shape + 1.0) * (shape + 2.0) * (shape + 3.0) / ((shape + 0.5) * (shape + 1.5) * (shape + 2.5))
    ratio *= (shape + 4.0) * (shape + 5.0) / ((shape + 3.5) * (shape + 4.5) * (shape + 5.5))
    ratio *= (shape + 6.0) * (shape + 7.0) / ((shape + 6.5) * (shape + 7.5))
    x = shape + 8.0
    u = 1.0 / (x * x)
    series = (1 / 8 - u * (1 / 192 - u * (1 / 640 - u * (17 / 14336 - u * 31 / 18432)))) / x
    return log(ratio * math.sqrt(x)) - series - _HALF_LOG_2_PI


@inlined
def base_log_density(belief: Belief, settings: Settings, y: float) -> float:
    """Log density of y under the base measure: a regime of which nothing is known."""
    spread = base_rate(belief, settings) * (1.0 + 1.0 / settings.level_strength)
    normaliser = log_normaliser(settings.variance_shape)
    return log_student(normaliser, settings.variance_shape, y - belief.units[BASE_MEAN], spread)


@inlined
def log_student(normaliser: float, shape: float, residual: float, spread: float) -> float:
    """Log density of the t with 2a dof at `residual`, scale² = spread / a, where spread = rate (1 + level_var)."""
    return normaliser - 0.5 * log(spread) - (shape + 0.5) * log1p(0.5 * residual * residual / spread)


@inlined
def regime_log_densities(settings: Settings, work: Work, y: float) -> None:
    """Fill every regime's log density of y, and its probability of drifting given y."""
    if settings.drifting < 1.0:
        _variant_densities(work, CONSTANT, y, work.density)
    if settings.drifting == 0.0:
        work.flat_share[:] = 0.0
        return
    _variant_densities(work, DRIFTING, y, work.other)
    drifts = work.fields[DRIFTS]
    if settings.drifting == 1.0:
        for i in range(drifts.shape[0]):
            work.density[i], work.flat_share[i] = work.other[i], 1.0
        return
    for i in range(drifts.shape[0]):
        peak = max(work.density[i], work.other[i])
        lighter = exp(-abs(work.other[i] - work.density[i]))
        drifting = drifts[i] * (1.0 if work.other[i] > work.density[i] else lighter)
        constant = (1.0 - drifts[i]) * (lighter if work.other[i] > work.density[i] else 1.0)
        work.density[i] = peak + log(drifting + constant)
        work.flat_share[i] = drifting / (drifting + constant)


@inlined
def _variant_densities(work: Work, variant: int, y: float, out: Floats) -> None:
    """Fill out [M K] with the log density of y under one variant of every regime."""
    level, level_var, rate = work.fields[LEVEL + variant], work.fields[LEVEL_VAR + variant], work.fields[RATE + variant]
    shape = work.fields[SHAPE]
    for i in range(out.shape[0]):
        out[i] = log_student(work.normaliser[i], shape[i], y - level[i], rate[i] * (1.0 + level_var[i]))


@inlined
def find_normalisers(work: Work) -> None:
    """Fill every regime's normaliser: derived from the state, kept beside it while a run lasts."""
    shape = work.fields[SHAPE]
    for i in range(shape.shape[0]):
        work.normaliser[i] = log_normaliser(shape[i])


@inlined
def drift(work: Work) -> None:
    """One row passes for every regime that was met, active or not: level += slope."""
    level, level_var = work.fields[LEVEL + DRIFTING], work.fields[LEVEL_VAR + DRIFTING]
    slope, slope_cov, slope_var = work.fields[SLOPE], work.fields[SLOPE_COV], work.fields[SLOPE_VAR]
    for i in range(level.shape[0]):
        level[i] += work.active[i] * slope[i]
        level_var[i] += work.active[i] * (2.0 * slope_cov[i] + slope_var[i])
    for i in range(level.shape[0]):
        slope_cov[i] += work.active[i] * slope_var[i]


@inlined
def _absorb_level(
    regimes: Floats, m: int, k: int, variant: int, y: float, responsibility: float, keep: float
) -> tuple[float, float, float]:
    """Kalman update of one variant's level and rate; keep: what is left of earlier observations' weight.

    Returns the residual, the precision 1 / (1 + level_var) before, and what the doubt about y adds per squared gain.
    """
    rate = regimes[RATE + variant, m, k]
    level_var = regimes[LEVEL_VAR + variant, m, k]
    residual = y - regimes[LEVEL + variant, m, k]
    precision = 1.0 / (1.0 + level_var)
    gain = level_var * precision
    squared = responsibility * residual * residual
    # The part of the covariance that lies between the branches: y belongs to the regime, or is an outlier.
    between = (1.0 - responsibility) * squared * regimes[SHAPE, m, k] / rate if responsibility < 1.0 else 0.0
    regimes[LEVEL + variant, m, k] += responsibility * gain * residual
    remaining = level_var - responsibility * gain * level_var + between * gain * gain
    regimes[LEVEL_VAR + variant, m, k] = remaining / keep
    regimes[RATE + variant, m, k] = (rate + 0.5 * squared * precision) * keep
    return residual, precision, between


@inlined
def _absorb_slope(regimes: Floats, m: int, k: int, y: float, responsibility: float, keep: float) -> None:
    """Kalman update of the drifting variant: level, slope and rate."""
    gain = regimes[LEVEL_VAR + DRIFTING, m, k] / (1.0 + regimes[LEVEL_VAR + DRIFTING, m, k])
    residual, precision, between = _absorb_level(regimes, m, k, DRIFTING, y, responsibility, keep)
    cov = regimes[SLOPE_COV, m, k]
    slope_gain = cov * precision
    remaining = max(regimes[SLOPE_VAR, m, k] - responsibility * slope_gain * cov, 0.0)
    regimes[SLOPE, m, k] += responsibility * slope_gain * residual
    regimes[SLOPE_VAR, m, k] = (remaining + between * slope_gain * slope_gain) / keep
    regimes[SLOPE_COV, m, k] = (cov - responsibility * gain * cov + between * gain * slope_gain) / keep


@inlined
def absorb(
    regimes: Floats, m: int, k: int, memory: float, least: float, y: float, responsibility: float, drifting: float
) -> None:
    """Regime k of hypothesis m learns y, which belongs to it with probability `responsibility` and else is an outlier.

    drifting: posterior probability of the drifting variant, given that y belongs to the regime.
    least: `least_variance`.
    The two branches are collapsed into one Gaussian by matching their moments. The active regime forgets once it rests
    on `memory` observations; the others keep what they know.
    """
    prior = regimes[DRIFTS, m, k]
    shape = regimes[SHAPE, m, k] + 0.5 * responsibility
    keep = 0.5 * memory / shape if shape > 0.5 * memory else 1.0
    least_rate = least * shape * keep
    if prior < 1.0:
        _absorb_level(regimes, m, k, CONSTANT, y, responsibility, keep)
        regimes[RATE + CONSTANT, m, k] = max(regimes[RATE + CONSTANT, m, k], least_rate)
    if prior > 0.0:
        _absorb_slope(regimes, m, k, y, responsibility, keep)
        regimes[RATE + DRIFTING, m, k] = max(regimes[RATE + DRIFTING, m, k], least_rate)
    regimes[SHAPE, m, k] = shape * keep
    if 0.0 < prior < 1.0:
        posterior = responsibility * drifting + (1.0 - responsibility) * prior
        regimes[DRIFTS, m, k] = min(max(posterior, _LEAST_VARIANT), 1.0 - _LEAST_VARIANT)


@inlined
def least_variance(belief: Belief) -> float:
    """A regime's variance below which it cannot be told from rounding."""
    return _LEAST_VARIANCE * belief.units[BASE_VAR]


@compiled
def regime_mean(regimes: Floats, m: int, k: int) -> float:
    """Posterior mean of the level of regime k of hypothesis m, both variants weighted."""
    drifting = regimes[DRIFTS, m, k]
    return (1.0 - drifting) * regimes[LEVEL + CONSTANT, m, k] + drifting * regimes[LEVEL + DRIFTING, m, k]


@compiled
def regime_variance(regimes: Floats, m: int, k: int) -> float:
    """Posterior mean of the variance of regime k of hypothesis m, both variants weighted."""
    drifting = regimes[DRIFTS, m, k]
    rate = (1.0 - drifting) * regimes[RATE + CONSTANT, m, k] + drifting * regimes[RATE + DRIFTING, m, k]
    return rate / (regimes[SHAPE, m, k] - 1.0)
