"""What an autoregression reports of a row: moments, quantiles and probabilities of its mixtures, compiled.

A mixture is gathered into components, one per node and one more for the wide branch of each robust variant; its
scales are squared until `compress` has been called.
"""

import math

from numba import njit

from stream_filters.filters.ar_belief import Belief, Grid, Work
from stream_filters.filters.base import Floats
from stream_filters.filters.student_t_mixtures import Mixture, first_components, mixture_quantiles

# Nodes that weigh less become one component with their common mean and variance: a twentieth of all mass or so.
_LIGHT = 1e-2
# Error of a quantile, in standard deviations of what it is a quantile of.
_TOLERANCE = 1e-3


@njit(nogil=True, cache=True, error_model="numpy")
def predictive_moments(grid: Grid, belief: Belief, work: Work) -> tuple[float, float]:
    """Mean, centred, and standard deviation of the one-step predictive, wide branches included."""
    excess = grid.settings[2] * (grid.settings[3] - 1.0)
    b, weight, a = belief.b, belief.weight, belief.a
    location, spread = work.location, work.spread
    mean = 0.0
    for j in range(weight.shape[0]):
        mean += weight[j] * location[j]
    variance = 0.0
    for j in range(weight.shape[0]):
        total = spread[j] + (excess if grid.robust[grid.variant[j]] else 0.0)
        noise = b[j] / max(a[grid.group[j]] - 1.0, 0.3) * total
        variance += weight[j] * (noise + (location[j] - mean) ** 2)
    return mean, math.sqrt(variance)


@njit(nogil=True, cache=True, error_model="numpy")
def compress(mixture: Mixture, m: int) -> int:
    """Root the squared scales of the first m components and join the light ones; returns how many are left."""
    weights, locations, scales, dofs, _ = mixture
    reference = locations[0]
    mass = 0.0
    first = 0.0
    second = 0.0
    kept = 0
    for k in range(m):
        weight = weights[k]
        if weight > _LIGHT:
            weights[kept] = weight
            locations[kept] = locations[k]
            scales[kept] = math.sqrt(max(scales[k], 0.0))
            dofs[kept] = dofs[k]
            kept += 1
        else:
            offset = locations[k] - reference
            variance = scales[k] if dofs[k] > 1e9 else scales[k] * dofs[k] / max(dofs[k] - 2.0, 1.0)
            mass += weight
            first += weight * offset
            second += weight * (offset * offset + variance)
    if mass > 0.0:
        offset = first / mass
        weights[kept] = mass
        locations[kept] = reference + offset
        scales[kept] = math.sqrt(max(second / mass - offset * offset, 0.0))
        dofs[kept] = math.inf
        kept += 1
    return kept


@njit(nogil=True, cache=True, error_model="numpy")
def gather_predictive(grid: Grid, belief: Belief, work: Work, mixture: Mixture) -> int:
    """Fill the one-step predictive's components, centred; returns how many.

    The wide branches of one robust variant, which weigh eps together, become one component of their mean location
    and variance.
    """
    eps, kappa = grid.settings[2], grid.settings[3]
    b, weight, a = belief.b, belief.weight, belief.a
    weights, locations, scales, dofs, _ = mixture
    n = weight.shape[0]
    m = n + grid.robust.shape[0]
    weights[n:m] = 0.0
    locations[n:m] = 0.0
    scales[n:m] = 0.0
    for j in range(n):
        v, half = grid.variant[j], a[grid.group[j]]
        variance = b[j] / half
        weights[j] = weight[j]
        locations[j] = work.location[j]
        scales[j] = variance * work.spread[j]
        dofs[j] = 2.0 * half
        if grid.robust[v]:
            weights[j] = (1.0 - eps) * weight[j]
            weights[n + v] += eps * weight[j]
            locations[n + v] += eps * weight[j] * work.location[j]
            scales[n + v] += eps * weight[j] * variance * (work.spread[j] + kappa - 1.0)
            dofs[n + v] = 2.0 * half
    kept = compress(mixture, n)
    for k in range(n, m):
        if weights[k] > 0.0:
            locations[kept] = locations[k] / weights[k]
            scales[kept] = math.sqrt(scales[k] / weights[k])
            weights[kept] = weights[k]
            dofs[kept] = dofs[k]
            kept += 1
    return kept


@njit(nogil=True, cache=True, error_model="numpy")
def gather_coefficient(grid: Grid, belief: Belief, mixture: Mixture, k: int) -> int:
    """Fill the posterior components of the coefficient of lag k, k = 1..p; returns how many."""
    mean, cov, b, weight, a, _, _, _ = belief
    weights, locations, scales, dofs, _ = mixture
    n, d = mean.shape
    place = k * d - k * (k - 1) // 2
    for j in range(n):
        half = a[grid.group[j]]
        weights[j] = weight[j]
        locations[j] = mean[j, k]
        scales[j] = b[j] / half * cov[j, place]
        dofs[j] = 2.0 * half
    return compress(mixture, n)


@njit(nogil=True, cache=True, error_model="numpy")
def gather_intercept(grid: Grid, belief: Belief, mixture: Mixture) -> int:
    """Fill the posterior components of alpha = c + theta_0 - c (theta_1 + ... + theta_p); returns how many."""
    mean, cov, b, weight, a, _, _, centre_and_scale = belief
    weights, locations, scales, dofs, _ = mixture
    n, d = mean.shape
    centre = centre_and_scale[0]
    for j in range(n):
        half = a[grid.group[j]]
        total = 0.0
        for k in range(1, d):
            total += mean[j, k]
        weights[j] = weight[j]
        locations[j] = centre + mean[j, 0] - centre * total
        scales[j] = _contrast_variance(j, cov, d, centre) * b[j] / half
        dofs[j] = 2.0 * half
    return compress(mixture, n)


@njit(nogil=True, cache=True, error_model="numpy")
def _contrast_variance(j: int, cov: Floats, d: int, centre: float) -> float:
    """g' cov_j g for g = (1, -c, ..., -c), in units of V."""
    variance = 0.0
    place = 0
    for i in range(d):
        gi = 1.0 if i == 0 else -centre
        variance += gi * gi * cov[j, place]
        place += 1
        for _ in range(i + 1, d):
            variance -= 2.0 * gi * centre * cov[j, place]
            place += 1
    return variance


@njit(nogil=True, cache=True, error_model="numpy")
def gather_noise(grid: Grid, belief: Belief, mixture: Mixture) -> int:
    """Fill the posterior components of V^(-1/3), which is all but normal for V ~ IG(a, b); returns how many.

    Wilson & Hilferty (1931): (chi²_k / k)^(1/3) ~ N(1 - 2/(9k), 2/(9k)), with k = 2a and chi² = 2b/V.
    """
    b, weight, a = belief.b, belief.weight, belief.a
    weights, locations, scales, dofs, _ = mixture
    for j in range(weight.shape[0]):
        half = a[grid.group[j]]
        unit = (half / b[j]) ** (1.0 / 3.0)
        weights[j] = weight[j]
        locations[j] = unit * (1.0 - 1.0 / (9.0 * half))
        scales[j] = unit * unit / (9.0 * half)
        dofs[j] = math.inf
    return compress(mixture, weight.shape[0])


@njit(nogil=True, cache=True, error_model="numpy")
def quantiles(mixture: Mixture, m: int, probabilities: Floats, out: Floats) -> None:
    """Quantiles at probabilities [q] of the first m components, into out [q]."""
    mixture_quantiles(probabilities, first_components(mixture, m), out, _TOLERANCE)
