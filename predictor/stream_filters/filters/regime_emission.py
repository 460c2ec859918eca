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
    EMPTY,
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
def regime_densities(belief: Belief, y: float, normaliser: Floats, density: Floats, share: Floats) -> None:
    """Log density of y under each regime met, and the regime's probability of drifting given y; all arrays [M, K]."""
    for m in range(belief.log_weight.shape[0]):
        if belief.log_weight[m] == EMPTY:
            continue
        for k in range(belief.born[m]):
            drifting = belief.drifting[m, k]
            shape = belief.shape[m, k]
            constant_density = drift_density = EMPTY
            if drifting < 1.0:
                spread = belief.rate[CONSTANT, m, k] * (1.0 + belief.level_var[CONSTANT, m, k])
                residual = y - belief.level[CONSTANT, m, k]
                constant_density = log_student(normaliser[m, k], shape, residual, spread)
            if drifting > 0.0:
                spread = belief.rate[DRIFTING, m, k] * (1.0 + belief.level_var[DRIFTING, m, k])
                residual = y - belief.level[DRIFTING, m, k]
                drift_density = log_student(normaliser[m, k], shape, residual, spread)
            density[m, k], share[m, k] = mix_variants(drifting, constant_density, drift_density)


@njit(nogil=True, cache=True, error_model="numpy")
def drift(belief: Belief) -> None:
    """One row passes: level += slope in every regime that was met, whether active or not."""
    for m in range(belief.log_weight.shape[0]):
        if belief.log_weight[m] == EMPTY:
            continue
        for k in range(belief.born[m]):
            if belief.drifting[m, k] > 0.0:
                belief.level[DRIFTING, m, k] += belief.slope[m, k]
                belief.level_var[DRIFTING, m, k] += 2.0 * belief.slope_cov[m, k] + belief.slope_var[m, k]
                belief.slope_cov[m, k] += belief.slope_var[m, k]


@njit(nogil=True, cache=True, error_model="numpy")
def absorb(
    belief: Belief, settings: Settings, m: int, k: int, y: float, responsibility: float, drifting: float
) -> None:
    """Regime k of hypothesis m learns y, which belongs to it with probability `responsibility` and else is an outlier.

    drifting: posterior probability of the drifting variant, given that y belongs to the regime.
    The two branches are collapsed into one Gaussian by matching their moments.
    """
    prior = belief.drifting[m, k]
    shape = belief.shape[m, k]
    new_shape = shape + 0.5 * responsibility
    # The active regime forgets once it rests on `memory` observations; the others keep what they know.
    keep = min(1.0, 0.5 * settings.memory / new_shape)
    least = _LEAST_VARIANCE * belief.units[BASE_VAR] * new_shape * keep
    for variant in range(2):
        if (prior == 0.0 and variant == DRIFTING) or (prior == 1.0 and variant == CONSTANT):
            continue
        level_var = belief.level_var[variant, m, k]
        rate = belief.rate[variant, m, k]
        residual = y - belief.level[variant, m, k]
        spread = 1.0 + level_var
        gain = level_var / spread
        between = responsibility * (1.0 - responsibility) * residual * residual * shape / rate
        belief.level[variant, m, k] += responsibility * gain * residual
        belief.level_var[variant, m, k] = (level_var - responsibility * gain * level_var + between * gain * gain) / keep
        new_rate = (rate + 0.5 * responsibility * residual * residual / spread) * keep
        belief.rate[variant, m, k] = max(new_rate, least)
        if variant == DRIFTING:
            slope_gain = belief.slope_cov[m, k] / spread
            slope_var = belief.slope_var[m, k]
            remaining = max(slope_var - responsibility * slope_gain * belief.slope_cov[m, k], 0.0)
            belief.slope[m, k] += responsibility * slope_gain * residual
            belief.slope_var[m, k] = (remaining + between * slope_gain * slope_gain) / keep
            cov = belief.slope_cov[m, k] - responsibility * gain * belief.slope_cov[m, k]
            belief.slope_cov[m, k] = (cov + between * gain * slope_gain) / keep
    belief.shape[m, k] = new_shape * keep
    if 0.0 < prior < 1.0:
        posterior = responsibility * drifting + (1.0 - responsibility) * prior
        belief.drifting[m, k] = min(max(posterior, _LEAST_VARIANT), 1.0 - _LEAST_VARIANT)


@njit(nogil=True, cache=True, error_model="numpy")
def regime_mean(belief: Belief, m: int, k: int) -> float:
    """Posterior mean of the level, both variants weighted."""
    drifting = belief.drifting[m, k]
    return (1.0 - drifting) * belief.level[CONSTANT, m, k] + drifting * belief.level[DRIFTING, m, k]


@njit(nogil=True, cache=True, error_model="numpy")
def regime_variance(belief: Belief, m: int, k: int) -> float:
    """Posterior mean of the variance, both variants weighted."""
    drifting = belief.drifting[m, k]
    rate = (1.0 - drifting) * belief.rate[CONSTANT, m, k] + drifting * belief.rate[DRIFTING, m, k]
    return rate / (belief.shape[m, k] - 1.0)


@njit(nogil=True, cache=True, error_model="numpy")
def normalisers(belief: Belief, out: Floats) -> None:
    """`log_normaliser` of every regime [M, K]: derived from the state, kept beside it while a run lasts."""
    for m in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[m, k] = log_normaliser(belief.shape[m, k])
