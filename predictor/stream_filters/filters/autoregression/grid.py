"""The drift-grid autoregression over the rows of one stream: n = variants x nodes, mixed by their evidence.

Each node is a dynamic regression (ar_nodes); its weight is a marginal likelihood, and fades (ar_switching).
"""

import math

import numpy as np

from stream_filters.filters.autoregression import equations as ar_nodes
from stream_filters.filters.autoregression.records import LEAST_SHAPE, SMALLEST_VARIANCE, Belief, Grid, Work
from stream_filters.filters.autoregression.switching import fade_weights, mix_nodes
from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import dot, exp, largest, log, log1p, total
from stream_filters.filters.numerics.student_t import log_gamma_half_step

# Values further than this many warm-up standard deviations from the centre have squares that floats cannot hold.
_LARGEST = 1e60
# Below this shape V is not known, and a wide branch would explain anything.
_KNOWN = 3.0


@compiled
def predict_row(grid: Grid, belief: Belief, work: Work, value: float) -> None:
    """Move every node and weight one step on; leaves weights, location, spread and moments of the predictive.

    value: what will be observed, NaN = missing; unless it is, only the moments of `clean` variants can be needed.
    """
    fade_weights(grid, belief)
    mix_nodes(grid, belief, work)
    variants, order = belief.lags.shape
    lanes = np.uint64(belief.b.shape[0] // variants)
    for v in range(variants):
        low = np.uint64(v) * lanes
        for k in range(order):
            lag = belief.lags[v, k]
            for j in range(low, low + lanes):
                work.regressors[k + 1, j] = lag
    least = SMALLEST_VARIANCE * belief.scales[1]
    for j in range(belief.b.shape[0]):
        # Faded below one observation, a belief about V would have no mean.
        belief.half_dof[j] = max(belief.half_dof[j] * grid.retain[j], 0.5)
        belief.b[j] = max(belief.b[j] * grid.retain[j], least * belief.half_dof[j])
    for j in range(belief.b.shape[0]):
        work.variance[j] = belief.b[j] / max(belief.half_dof[j], LEAST_SHAPE)
        work.noise[j] = belief.b[j] / belief.half_dof[j]
    ar_nodes.drift(grid, belief, work)
    ar_nodes.locate(belief, work)
    ar_nodes.project(belief, work)
    if ar_nodes.any_indefinite(work):
        ar_nodes.repair(belief.cov, work.spread, order + 1)
        ar_nodes.project(belief, work)
    ar_nodes.add_lag_noise(belief, work)
    for v in range(variants):
        if math.isnan(value) or grid.clean[v] > 0.0:
            _summarise(belief, work, v)


@inlined
def _summarise(belief: Belief, work: Work, v: int) -> None:
    """Fill the moments [2] of variant v's predictive, centred, without the wide branch."""
    lanes = np.uint64(belief.b.shape[0] // work.moments.shape[0])
    low = np.uint64(v) * lanes
    high = low + lanes
    scale = 1.0 / total(belief.weight, low, high)
    mean = dot(belief.weight, work.location, low, high) * scale
    for j in range(low, high):
        offset = work.location[j] - mean
        work.first[j] = belief.b[j] / max(belief.half_dof[j] - 1.0, 0.3) * work.spread[j] + offset * offset
    work.moments[v, 0] = mean
    work.moments[v, 1] = dot(belief.weight, work.first, low, high) * scale


@compiled
def absorb_row(grid: Grid, belief: Belief, work: Work, value: float) -> float:
    """Condition every node and weight on the centred value; returns its log predictive density, nats."""
    gain, shrink = work.first, work.second
    kappa = grid.settings[3]
    for g in range(work.normaliser.shape[0]):
        half = belief.half_dof[g]
        work.normaliser[g] = log_gamma_half_step(half) - 0.5 * (math.log(2.0 * math.pi * half) - work.unit[1])
    for j in range(belief.b.shape[0]):
        work.third[j] = work.normaliser[grid.group[j]]
    _log_density(belief, work, value, 0.0, work.log_likelihood)
    for j in range(belief.b.shape[0]):
        gain[j] = shrink[j] = 1.0 / work.spread[j]
        work.log_likelihood[j] += grid.narrow[j]
    if largest(grid.outlier_share, np.uint64(0), np.uint64(belief.b.shape[0])) > 0.0:
        _log_density(belief, work, value, kappa - 1.0, work.fourth)
        for j in range(belief.b.shape[0]):
            wide, narrow = work.fourth[j] + grid.wide[j], work.log_likelihood[j]
            lighter = exp(-abs(wide - narrow))
            work.log_likelihood[j] = max(wide, narrow) + log1p(lighter)
            share = (1.0 if wide > narrow else lighter) / (1.0 + lighter)
            work.outlier[j] = share if belief.half_dof[j] > _KNOWN and grid.outlier_share[j] > 0.0 else 0.0
        for j in range(belief.b.shape[0]):
            difference = 1.0 / (work.spread[j] + kappa - 1.0) - gain[j]
            squared = (value - work.location[j]) * (value - work.location[j])
            gain[j] += work.outlier[j] * difference
            parted = work.outlier[j] * (1.0 - work.outlier[j])
            shrink[j] = gain[j] - parted * squared / work.noise[j] * difference * difference
    for j in range(belief.b.shape[0]):
        error = value - work.location[j]
        belief.b[j] += 0.5 * error * error * gain[j]
        belief.half_dof[j] += 0.5
        gain[j] *= error
    ar_nodes.update(belief, work, gain, shrink)
    return _reweigh(belief, work)


@inlined
def _log_density(belief: Belief, work: Work, value: float, excess: float, out: Floats) -> None:
    """Fill out [m] with the log density of every node's Student-t, its noise variance 1 + `excess` times as large.

    work.third: the constants of those densities.
    """
    unit = work.unit[0]
    for j in range(belief.b.shape[0]):
        error = value - work.location[j]
        scale = work.noise[j] * (work.spread[j] + excess)
        kernel = (belief.half_dof[j] + 0.5) * log1p(0.5 * error * error / (scale * belief.half_dof[j]))
        out[j] = work.third[j] - 0.5 * log(scale * unit) - kernel


@inlined
def _reweigh(belief: Belief, work: Work) -> float:
    """Multiply the weights by the likelihoods, and normalise them; returns the log of their sum."""
    none, all_of_them = np.uint64(0), np.uint64(belief.b.shape[0])
    peak = largest(work.log_likelihood, none, all_of_them)
    for j in range(belief.b.shape[0]):
        belief.weight[j] *= exp(work.log_likelihood[j] - peak)
    mass = total(belief.weight, none, all_of_them)
    scale = 1.0 / mass
    for j in range(belief.b.shape[0]):
        belief.weight[j] *= scale
    return peak + math.log(mass)


@compiled
def push_lags(grid: Grid, belief: Belief, work: Work, value: float) -> None:
    """Make the centred value, NaN = missing, the newest lag; a missing one is its prediction with that variance.

    In a `clean` variant an observation that is probably an outlier counts as missing here.
    """
    limit = _LARGEST * math.sqrt(belief.scales[1])
    variants, order = belief.lags.shape
    for v in range(variants):
        lag, variance = value, 0.0
        if math.isnan(value) or (grid.clean[v] > 0.0 and _outlier_probability(belief, work, v) > 0.5):
            lag = min(max(work.moments[v, 0], -limit), limit)
            variance = min(work.moments[v, 1], limit * limit)
        for k in range(order - 1, 0, -1):
            belief.lags[v, k] = belief.lags[v, k - 1]
            belief.lag_variances[v, k] = belief.lag_variances[v, k - 1]
        belief.lags[v, 0] = lag
        belief.lag_variances[v, 0] = variance


@inlined
def _outlier_probability(belief: Belief, work: Work, v: int) -> float:
    """Posterior probability, within one variant, that the row's observation was an outlier."""
    lanes = np.uint64(belief.b.shape[0] // work.moments.shape[0])
    low = np.uint64(v) * lanes
    mass = total(belief.weight, low, low + lanes)
    return dot(belief.weight, work.outlier, low, low + lanes) / mass if mass > 0.0 else 0.0


@inlined
def out_of_range(belief: Belief, value: float) -> bool:
    """Whether the centred value is so far from what the belief began with that its square would overflow."""
    return abs(value) > _LARGEST * math.sqrt(belief.scales[1])
