"""The drift-grid autoregression over the rows of one stream: n = variants x nodes, mixed by their evidence.

Each node is a dynamic regression (ar_nodes). Weights are marginal likelihoods that fade to their prior with a memory
(dynamic model averaging: Raftery, Kárný & Ettler 2010, Technometrics 52).
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from stream_filters.filters import ar_nodes, student_t
from stream_filters.filters.base import Array, Floats

# Values further than this many warm-up standard deviations from the centre have squares that floats cannot hold.
_LARGEST = 1e60
# A posterior noise variance stays above this part of the warm-up variance, so that a stuck sensor has a log evidence.
SMALLEST_VARIANCE = 1e-12
_TINY = 1e-300


class Grid(NamedTuple):
    """What the configuration fixes: nodes [n], variants [v], groups of one noise memory [g].

    level_drift (in units of V), coefficient_drift (absolute), prior: [n]. variant, group: index of a node's variant and
    noise memory, [n]. robust, clean: bool [v]. retain: share of a, b that a step keeps, [g].
    settings: weight retain, floor, eps, kappa.
    """

    level_drift: Floats
    coefficient_drift: Floats
    prior: Floats
    variant: Array
    group: Array
    robust: Array
    clean: Array
    retain: Floats
    settings: Floats


class Belief(NamedTuple):
    """Views of a state's fields: mean [n, d], cov [n, packed], b [n], weight [n], a [g], lags and lag_variances [v, p].

    scales [2]: the centre c, and the warm-up variance.
    """

    mean: Floats
    cov: Floats
    b: Floats
    weight: Floats
    a: Floats
    lags: Floats
    lag_variances: Floats
    scales: Floats


class Work(NamedTuple):
    """What one row computes on the way: arrays [n] beside regressors [v, d] and product [n, d].

    location, spread (S in units of V): of each node's predictive. log_likelihood: at the observation.
    outlier: posterior probability of a node's wide branch. moments [v, 3]: mass, mean, variance of each variant's
    predictive without the wide branch.
    """

    regressors: Floats
    product: Floats
    location: Floats
    spread: Floats
    log_likelihood: Floats
    outlier: Floats
    moments: Floats


def work_space(belief: Belief) -> Work:
    """Uninitialised working arrays for a belief's sizes."""
    n, d = belief.mean.shape
    v = belief.lags.shape[0]
    return Work(np.ones((v, d)), np.empty((n, d)), np.empty(n), np.empty(n), np.empty(n), np.zeros(n), np.empty((v, 3)))


@njit(nogil=True, cache=True, error_model="numpy")
def predict_row(grid: Grid, belief: Belief, work: Work) -> None:
    """Move every node and weight one step on; leaves weights, location, spread and moments of the predictive."""
    _fade_weights(grid, belief)
    variants, order = belief.lags.shape
    for v in range(variants):
        for k in range(order):
            work.regressors[v, k + 1] = belief.lags[v, k]
    for g in range(belief.a.shape[0]):
        # Faded below one observation, a belief about V would have no mean.
        belief.a[g] = max(belief.a[g] * grid.retain[g], 0.5)
    work.moments[:] = 0.0
    mean, cov, b, weight, a, _, lag_variances, scales = belief
    level_drift, coefficient_drift, _, variant, group, _, _, retain, _ = grid
    regressors, product, location, spread = work.regressors, work.product, work.location, work.spread
    moments = work.moments
    for j in range(b.shape[0]):
        v, g = variant[j], group[j]
        b[j] = max(b[j] * retain[g], SMALLEST_VARIANCE * scales[1] * a[g])
        variance = b[j] / max(a[g], 0.6)
        ar_nodes.drift(j, mean, cov, level_drift[j], coefficient_drift[j] / variance)
        location[j] = ar_nodes.locate(j, mean, v, regressors)
        spread[j] = 1.0 + ar_nodes.project(j, cov, v, regressors, product)
        if not spread[j] >= 1.0:
            ar_nodes.repair(j, mean, cov)
            spread[j] = 1.0 + ar_nodes.project(j, cov, v, regressors, product)
        spread[j] += ar_nodes.lag_noise(j, mean, cov, v, lag_variances, variance)
        moments[v, 0] += weight[j]
        moments[v, 1] += weight[j] * location[j]
    _variances(grid, belief, work)


@njit(nogil=True, cache=True, error_model="numpy")
def _fade_weights(grid: Grid, belief: Belief) -> None:
    """weight <- weight^r prior^(1-r), normalised, then mixed with a floor of the prior."""
    retain, floor = grid.settings[0], grid.settings[1]
    weight, prior = belief.weight, grid.prior
    total = 0.0
    for j in range(weight.shape[0]):
        if retain < 1.0:
            kept = max(weight[j], _TINY)
            weight[j] = kept * math.exp((1.0 - retain) * math.log(prior[j] / kept))
        total += weight[j]
    for j in range(weight.shape[0]):
        weight[j] = (weight[j] / total + floor * prior[j]) / (1.0 + floor)


@njit(nogil=True, cache=True, error_model="numpy")
def _variances(grid: Grid, belief: Belief, work: Work) -> None:
    """Complete the moments [v, 3] of each variant's predictive, centred, without the wide branch."""
    b, weight, a, variant, group = belief.b, belief.weight, belief.a, grid.variant, grid.group
    location, spread, moments = work.location, work.spread, work.moments
    for v in range(moments.shape[0]):
        moments[v, 1] /= moments[v, 0]
    for j in range(b.shape[0]):
        v = variant[j]
        variance = b[j] / max(a[group[j]] - 1.0, 0.3) * spread[j] + (location[j] - moments[v, 1]) ** 2
        moments[v, 2] += weight[j] / moments[v, 0] * variance


@njit(nogil=True, cache=True, error_model="numpy")
def absorb_row(grid: Grid, belief: Belief, work: Work, value: float) -> float:
    """Condition every node and weight on the centred value; returns its log predictive density, nats."""
    eps, kappa = grid.settings[2], grid.settings[3]
    narrow_prior, wide_prior = math.log1p(-eps), math.log(eps)
    mean, cov, b, weight, a, _, _, _ = belief
    variant, group, robust = grid.variant, grid.group, grid.robust
    product, location, spread, log_likelihood, outlier = (
        work.product,
        work.location,
        work.spread,
        work.log_likelihood,
        work.outlier,
    )
    largest = -math.inf
    for j in range(b.shape[0]):
        half = a[group[j]]
        variance = b[j] / half
        error = value - location[j]
        log_density = student_t.log_pdf(error, variance * spread[j], 2.0 * half)
        gain = shrink = 1.0 / spread[j]
        if robust[variant[j]]:
            wide = spread[j] + kappa - 1.0
            narrow_log = narrow_prior + log_density
            wide_log = wide_prior + student_t.log_pdf(error, variance * wide, 2.0 * half)
            odds = math.exp(min(wide_log - narrow_log, 700.0))
            log_density = narrow_log + math.log1p(odds) if odds < 1e300 else wide_log
            # With so few observations that V is not known, a wide branch would explain anything.
            share = odds / (1.0 + odds) if half > 3.0 else 0.0
            outlier[j] = share
            difference = 1.0 / wide - gain
            gain += share * difference
            shrink = gain - share * (1.0 - share) * error * error / variance * difference * difference
        ar_nodes.update(j, mean, cov, product, gain * error, shrink)
        b[j] += 0.5 * error * error * gain
        log_likelihood[j] = log_density
        largest = max(largest, log_density)
    for g in range(belief.a.shape[0]):
        belief.a[g] += 0.5
    total = 0.0
    for j in range(b.shape[0]):
        weight[j] *= math.exp(log_likelihood[j] - largest)
        total += weight[j]
    for j in range(b.shape[0]):
        weight[j] /= total
    return largest + math.log(total)


@njit(nogil=True, cache=True, error_model="numpy")
def push_lags(grid: Grid, belief: Belief, work: Work, value: float) -> None:
    """Make the centred value, NaN = missing, the newest lag; a missing one is its prediction with that variance.

    In a `clean` variant an observation that is probably an outlier counts as missing here.
    """
    largest = _LARGEST * math.sqrt(belief.scales[1])
    variants, order = belief.lags.shape
    for v in range(variants):
        lag, variance = value, 0.0
        if math.isnan(value) or (grid.clean[v] and _outlier_probability(grid, belief, work, v) > 0.5):
            lag = min(max(work.moments[v, 1], -largest), largest)
            variance = min(work.moments[v, 2], largest * largest)
        for k in range(order - 1, 0, -1):
            belief.lags[v, k] = belief.lags[v, k - 1]
            belief.lag_variances[v, k] = belief.lag_variances[v, k - 1]
        belief.lags[v, 0] = lag
        belief.lag_variances[v, 0] = variance


@njit(nogil=True, cache=True, error_model="numpy")
def _outlier_probability(grid: Grid, belief: Belief, work: Work, variant: int) -> float:
    """Posterior probability, within one variant, that the row's observation was an outlier."""
    mass = 0.0
    outlier = 0.0
    for j in range(belief.weight.shape[0]):
        if grid.variant[j] == variant:
            mass += belief.weight[j]
            outlier += belief.weight[j] * work.outlier[j]
    return outlier / mass if mass > 0.0 else 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def out_of_range(belief: Belief, value: float) -> bool:
    """Whether the centred value is so far from what the belief began with that its square would overflow."""
    return abs(value) > _LARGEST * math.sqrt(belief.scales[1])
