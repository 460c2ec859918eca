"""The drift-grid autoregression over the rows of one stream: n = variants x nodes, mixed by their evidence.

Each node is a dynamic regression (ar_nodes); its weight is a marginal likelihood, and fades (ar_switching).
"""

import math

import numpy as np

from stream_filters.filters.autoregression import equations as ar_nodes
from stream_filters.filters.autoregression.records import LEAST_SHAPE, SMALLEST_VARIANCE, VARIANCE, Belief, Grid, Work
from stream_filters.filters.autoregression.switching import fade_weights, mix_nodes
from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import dot, exp, largest, log, log1p, total
from stream_filters.filters.numerics.student_t import log_gamma_half_step

# Values further than this many units from the centre have squares that floats cannot hold.
LARGEST = 1e60
# Scale of a gross error's Cauchy in standard deviations of the noise.
_GROSS_SCALE = 30.0
# Below this shape V is not known, and a wide branch would explain anything.
_KNOWN = 3.0


@compiled
def predict_row(grid: Grid, belief: Belief, work: Work, value: float, scale: float) -> None:
    """Move every node and weight one step on; leaves weights, location, spread and moments of the predictive.

    value: what will be observed, NaN = missing; unless it is, only the moments of `clean` variants can be needed.
    scale: its noise's standard deviation in units of the usual one.
    """
    work.reading[0] = scale * scale
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
    least = SMALLEST_VARIANCE * belief.scales[VARIANCE]
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
    ar_nodes.add_noise(work, work.reading[0])
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
    """Condition every node and weight on the centred value; returns its log predictive density, nats.

    What is more probably a gross error than not teaches nothing; `work.reading[1]` is the probability that it is one.
    """
    gain, shrink = work.first, work.second
    excess = work.reading[0] * (grid.settings[3] - 1.0)
    for g in range(work.normaliser.shape[0]):
        half = belief.half_dof[g]
        work.normaliser[g] = log_gamma_half_step(half) - 0.5 * math.log(2.0 * math.pi * half)
    for j in range(belief.b.shape[0]):
        work.third[j] = work.normaliser[grid.group[j]]
    _log_density(belief, work, value, 0.0, work.log_likelihood)
    for j in range(belief.b.shape[0]):
        gain[j] = shrink[j] = 1.0 / work.spread[j]
        work.log_likelihood[j] += grid.narrow[j]
    if largest(grid.outlier_share, np.uint64(0), np.uint64(belief.b.shape[0])) > 0.0:
        _log_density(belief, work, value, excess, work.fourth)
        for j in range(belief.b.shape[0]):
            wide, narrow = work.fourth[j] + grid.wide[j], work.log_likelihood[j]
            lighter = exp(-abs(wide - narrow))
            work.log_likelihood[j] = max(wide, narrow) + log1p(lighter)
            share = (1.0 if wide > narrow else lighter) / (1.0 + lighter)
            work.outlier[j] = share if belief.half_dof[j] > _KNOWN and grid.outlier_share[j] > 0.0 else 0.0
        for j in range(belief.b.shape[0]):
            difference = 1.0 / (work.spread[j] + excess) - gain[j]
            squared = (value - work.location[j]) * (value - work.location[j])
            gain[j] += work.outlier[j] * difference
            parted = work.outlier[j] * (1.0 - work.outlier[j])
            shrink[j] = gain[j] - parted * squared / work.noise[j] * difference * difference
    log_density = _mixed(belief, work)
    work.reading[1] = 0.0
    if grid.settings[6] > 0.0:
        narrow = log_density + math.log1p(-grid.settings[6])
        gross = math.log(grid.settings[6]) + _gross_density(belief, work, value)
        lighter = math.exp(-abs(narrow - gross))
        log_density = max(narrow, gross) + math.log1p(lighter)
        work.reading[1] = (1.0 if gross > narrow else lighter) / (1.0 + lighter)
        if gross > narrow:
            return log_density
    for j in range(belief.b.shape[0]):
        error = value - work.location[j]
        belief.b[j] += 0.5 * error * error * gain[j]
        belief.half_dof[j] += 0.5
        gain[j] *= error
    ar_nodes.update(belief, work, gain, shrink)
    _reweigh(belief, work)
    return log_density


@inlined
def _gross_density(belief: Belief, work: Work, value: float) -> float:
    """Log density of a gross error at `value`: a Cauchy about the predictive, for which no size is impossible."""
    none, all_of_them = np.uint64(0), np.uint64(belief.b.shape[0])
    std = _GROSS_SCALE * math.sqrt(work.reading[0] * dot(belief.weight, work.noise, none, all_of_them))
    error = abs(value - dot(belief.weight, work.location, none, all_of_them)) / std
    return -math.log(math.pi * std) - log_square(error)


@inlined
def log_square(x: float) -> float:
    """log(1 + x²), also where x² overflows."""
    return math.log1p(x * x) if x < 1e150 else 2.0 * math.log(x)


@inlined
def _mixed(belief: Belief, work: Work) -> float:
    """Log of the nodes' mixed likelihood."""
    none, all_of_them = np.uint64(0), np.uint64(belief.b.shape[0])
    peak = largest(work.log_likelihood, none, all_of_them)
    for j in range(belief.b.shape[0]):
        work.third[j] = belief.weight[j] * exp(work.log_likelihood[j] - peak)
    return peak + math.log(total(work.third, none, all_of_them))


@inlined
def _log_density(belief: Belief, work: Work, value: float, excess: float, out: Floats) -> None:
    """Fill out [m] with the log density of every node's Student-t, its noise variance 1 + `excess` times as large.

    work.third: the constants of those densities.
    """
    for j in range(belief.b.shape[0]):
        error = value - work.location[j]
        scale = work.noise[j] * (work.spread[j] + excess)
        kernel = (belief.half_dof[j] + 0.5) * log1p(0.5 * error * error / (scale * belief.half_dof[j]))
        out[j] = work.third[j] - 0.5 * log(scale) - kernel


@inlined
def _reweigh(belief: Belief, work: Work) -> None:
    """Take the weights times their likelihoods, which `_mixed` left, normalised."""
    scale = 1.0 / total(work.third, np.uint64(0), np.uint64(belief.b.shape[0]))
    for j in range(belief.b.shape[0]):
        belief.weight[j] = work.third[j] * scale


@compiled
def push_lags(grid: Grid, belief: Belief, work: Work, value: float) -> None:
    """Make the centred value, NaN = missing, the newest lag; a missing one is its prediction with that variance.

    A gross error counts as missing.

    In a `clean` variant an observation that is probably an outlier counts as missing here.
    """
    variants, order = belief.lags.shape
    gross = not math.isnan(value) and work.reading[1] > 0.5
    for v in range(variants):
        if gross and grid.clean[v] == 0.0:
            _summarise(belief, work, v)
    for v in range(variants):
        lag, variance = value, 0.0
        if math.isnan(value) or gross or (grid.clean[v] > 0.0 and _outlier_probability(belief, work, v) > 0.5):
            lag = min(max(work.moments[v, 0], -LARGEST), LARGEST)
            variance = min(work.moments[v, 1], LARGEST * LARGEST)
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
