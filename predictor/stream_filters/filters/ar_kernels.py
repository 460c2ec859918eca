"""The drift-grid autoregression over the rows of one stream: n = variants x nodes, mixed by their evidence.

Each node is a dynamic regression (ar_nodes); its weight is a marginal likelihood, and fades (ar_switching).
"""

import math

from numba import njit

from stream_filters.filters import ar_nodes, student_t
from stream_filters.filters.ar_belief import SMALLEST_VARIANCE, Belief, Grid, Work
from stream_filters.filters.ar_switching import fade_weights, mix_nodes

# Values further than this many warm-up standard deviations from the centre have squares that floats cannot hold.
_LARGEST = 1e60


@njit(nogil=True, cache=True, error_model="numpy")
def predict_row(grid: Grid, belief: Belief, work: Work) -> None:
    """Move every node and weight one step on; leaves weights, location, spread and moments of the predictive."""
    fade_weights(grid, belief)
    mix_nodes(grid, belief, work)
    variants, order = belief.lags.shape
    for v in range(variants):
        for k in range(order):
            work.regressors[v, k + 1] = belief.lags[v, k]
    for g in range(belief.a.shape[0]):
        # Faded below one observation, a belief about V would have no mean.
        belief.a[g] = max(belief.a[g] * grid.retain[g], 0.5)
    work.moments[:] = 0.0
    mean, cov, b, weight, a, _, lag_variances, scales = belief
    level_drift, coefficient_drift, _, variant, group, _, _, _, retain, _ = grid
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
