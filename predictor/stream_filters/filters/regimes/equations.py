"""What one regime says of an observation, and what it learns from it.

A regime emits y ~ N(level, V), V ~ IG(shape, rate). The level is constant, or moves along a slope; a regime holds both
variants, weighted by their evidence. Each is a Kalman filter in units of V, conjugate in V, so that every predictive is
a Student-t with 2 shape degrees of freedom (West & Harrison, Bayesian Forecasting and Dynamic Models, ch. 4 and 7).
"""

import math
from typing import NamedTuple

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import exp, log, log1p
from stream_filters.filters.regimes.records import (
    BASE_VAR,
    CONSTANT,
    DRIFTING,
    DRIFTS,
    LEVEL,
    LEVEL_VAR,
    PACE,
    PRIOR_RATE,
    RATE,
    SHAPE,
    SLOPE,
    SLOPE_COV,
    SLOPE_VAR,
    Belief,
    Settings,
    Work,
)


class Reading(NamedTuple):
    """An observation as a regime sees it: y = lever * level + noise.

    noise: its variance in units of V. responsibility: probability that it is no outlier.
    """

    y: float
    noise: float
    lever: float
    responsibility: float


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
        spread = rate[i] * (work.noise[i] + work.lever[i] * level_var[i])
        out[i] = log_student(work.normaliser[i], shape[i], y - work.shift[i] - level[i], spread)


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
def reading_of(work: Work, i: int, y: float, responsibility: float) -> Reading:
    """What y says of place i of [M K]."""
    return Reading(y - work.shift[i], work.noise[i], math.sqrt(work.lever[i]), responsibility)


@inlined
def _absorb_level(
    regimes: Floats, m: int, k: int, variant: int, reading: Reading, keep: float
) -> tuple[float, float, float, float]:
    """Kalman update of one variant's level and rate; keep: what is left of earlier observations' weight.

    Returns the residual, the precision 1 / (noise + lever² level_var), the gain, and what the doubt about y adds per
    squared gain.
    """
    rate, lever, responsibility = regimes[RATE + variant, m, k], reading.lever, reading.responsibility
    level_var = regimes[LEVEL_VAR + variant, m, k]
    residual = reading.y - regimes[LEVEL + variant, m, k]
    precision = 1.0 / (reading.noise + lever * lever * level_var)
    gain = lever * level_var * precision
    squared = responsibility * residual * residual
    # The part of the covariance that lies between the branches: y belongs to the regime, or is an outlier.
    between = (1.0 - responsibility) * squared * regimes[SHAPE, m, k] / rate if responsibility < 1.0 else 0.0
    regimes[LEVEL + variant, m, k] += responsibility * gain * residual
    remaining = level_var - responsibility * gain * lever * level_var + between * gain * gain
    regimes[LEVEL_VAR + variant, m, k] = remaining / keep
    regimes[RATE + variant, m, k] = (rate + 0.5 * squared * precision) * keep
    return residual, precision, gain, between


@inlined
def _absorb_slope(regimes: Floats, m: int, k: int, reading: Reading, keep: float) -> None:
    """Kalman update of the drifting variant: level, slope and rate."""
    residual, precision, gain, between = _absorb_level(regimes, m, k, DRIFTING, reading, keep)
    cov, lever, responsibility = regimes[SLOPE_COV, m, k], reading.lever, reading.responsibility
    slope_gain = lever * cov * precision
    remaining = max(regimes[SLOPE_VAR, m, k] - responsibility * slope_gain * lever * cov, 0.0)
    regimes[SLOPE, m, k] += responsibility * slope_gain * residual
    regimes[SLOPE_VAR, m, k] = (remaining + between * slope_gain * slope_gain) / keep
    regimes[SLOPE_COV, m, k] = (cov - responsibility * gain * lever * cov + between * gain * slope_gain) / keep


@inlined
def absorb(belief: Belief, settings: Settings, m: int, k: int, reading: Reading, drifting: float) -> None:
    """Regime k of hypothesis m learns a reading, which belongs to it by its responsibility and else is an outlier.

    drifting: posterior probability of the drifting variant, given that the reading belongs to the regime.
    The two branches are collapsed into one Gaussian by matching their moments. The active regime forgets once it rests
    on `memory` observations; the others keep what they know. The first observation of a regime says where it is, and
    nothing of its spread.
    """
    regimes, responsibility = belief.regimes, reading.responsibility
    if regimes[PRIOR_RATE, m, k] < 0.0:
        if responsibility > 0.5:
            regimes[PRIOR_RATE, m, k] = -regimes[PRIOR_RATE, m, k]
            for variant in range(2):
                regimes[LEVEL + variant, m, k] = reading.y
                regimes[LEVEL_VAR + variant, m, k] = reading.noise
        return
    prior = regimes[DRIFTS, m, k]
    shape = regimes[SHAPE, m, k] + 0.5 * responsibility
    memory = settings.memory if settings.fixed else belief.course[PACE]
    keep = 0.5 * memory / shape if shape > 0.5 * memory else 1.0
    least_rate = _LEAST_VARIANCE * belief.units[BASE_VAR] * shape * keep
    if prior < 1.0:
        _absorb_level(regimes, m, k, CONSTANT, reading, keep)
        regimes[RATE + CONSTANT, m, k] = max(regimes[RATE + CONSTANT, m, k], least_rate)
    if prior > 0.0:
        _absorb_slope(regimes, m, k, reading, keep)
        regimes[RATE + DRIFTING, m, k] = max(regimes[RATE + DRIFTING, m, k], least_rate)
    regimes[SHAPE, m, k] = shape * keep
    regimes[PRIOR_RATE, m, k] *= keep
    if 0.0 < prior < 1.0:
        posterior = responsibility * drifting + (1.0 - responsibility) * prior
        regimes[DRIFTS, m, k] = min(max(posterior, _LEAST_VARIANT), 1.0 - _LEAST_VARIANT)


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
