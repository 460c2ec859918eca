"""What an autoregression reports of a row: moments, quantiles and probabilities of its mixtures, compiled.

A mixture has a component for each heavy node, one for all light nodes together, and one more for the wide branch of
each robust variant.
"""

import math

import numpy as np

from stream_filters.filters.autoregression.records import CENTRE, UNIT, Belief, Grid, Work
from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import dot, exp, log, total
from stream_filters.filters.numerics.student_t_mixtures import Mixture, first_components, mixture_quantiles

# Nodes that weigh less become one component with their common mean and variance: a twentieth of all mass or so.
_LIGHT = 1e-2
# Error of a quantile, in scales of the bulk of what it is a quantile of; a finer bulk counts as this share of all.
_TOLERANCE = 1e-3
_FINEST_BULK = 1e-3
_LEAST_SCALE = 1e-150
# Squared scale of an intercept's components, in that of all: finer ones only take time to tell apart.
_FINEST_INTERCEPT = 1e-2
# The nodes that fill up vectors weigh less.
_NOTHING = 1e-100
# So many degrees of freedom are a normal distribution.
_NORMAL = 1e300


@inlined
def predictive_moments(grid: Grid, belief: Belief, work: Work) -> tuple[float, float]:
    """Mean, centred, and standard deviation of the one-step predictive, wide branches included."""
    excess = work.reading[0] * (grid.settings[3] - 1.0)
    none, all_of_them = np.uint64(0), np.uint64(belief.b.shape[0])
    mean = dot(belief.weight, work.location, none, all_of_them)
    for j in range(belief.b.shape[0]):
        offset = work.location[j] - mean
        spread = work.spread[j] + grid.outlier_share[j] * excess
        work.first[j] = belief.b[j] / max(belief.half_dof[j] - 1.0, 0.3) * spread + offset * offset
    return mean, math.sqrt(dot(belief.weight, work.first, none, all_of_them))


@inlined
def separate(weight: Floats, work: Work) -> int:
    """Tell the heavy nodes from the light ones by their `weight` [m]; returns how many are heavy."""
    for j in range(weight.shape[0]):
        work.light[j] = weight[j] if weight[j] <= _LIGHT else 0.0
    heavy = 0
    for j in range(weight.shape[0]):
        work.heavy[heavy] = np.uint64(j)
        heavy += 1 if weight[j] > _LIGHT else 0
    return heavy


@compiled
def gather(
    heavy: int, weight: Floats, location: Floats, variance: Floats, half_dof: Floats, work: Work, mixture: Mixture
) -> int:
    """Make components of nodes: Student-t of `weight`, `location`, squared scale `variance` and 2 `half_dof`, [m] each.

    heavy: how many nodes `separate` called so. Returns the number of components.
    """
    weights, locations, scales, dofs, _ = mixture
    for i in range(heavy):
        j = work.heavy[i]
        weights[i], locations[i], scales[i], dofs[i] = weight[j], location[j], variance[j], 2.0 * half_dof[j]
    for i in range(heavy):
        scales[i] = math.sqrt(max(scales[i], 0.0))
    none, all_of_them = np.uint64(0), np.uint64(weight.shape[0])
    mass = total(work.light, none, all_of_them)
    if mass < _NOTHING:
        return heavy
    reference = location[0]
    for j in range(weight.shape[0]):
        offset = location[j] - reference
        work.third[j] = offset
        work.fourth[j] = offset * offset + variance[j] * (half_dof[j] / max(half_dof[j] - 1.0, 0.5))
    offset = dot(work.light, work.third, none, all_of_them) / mass
    second = dot(work.light, work.fourth, none, all_of_them) / mass
    weights[heavy] = mass
    locations[heavy] = reference + offset
    scales[heavy] = math.sqrt(max(second - offset * offset, 0.0))
    dofs[heavy] = math.inf
    return heavy + 1


@compiled
def gather_predictive(grid: Grid, belief: Belief, work: Work, mixture: Mixture) -> int:
    """Fill the one-step predictive's components, centred; returns how many.

    The wide branches of one robust variant, which weigh eps together, become one component of their mean location
    and variance.
    """
    narrow, scale2, wide = work.first, work.second, work.third
    for j in range(belief.b.shape[0]):
        narrow[j] = belief.weight[j] - grid.outlier_share[j] * belief.weight[j]
        scale2[j] = work.noise[j] * work.spread[j]
    kept = gather(separate(narrow, work), narrow, work.location, scale2, belief.half_dof, work, mixture)
    excess = work.reading[0] * (grid.settings[3] - 1.0)
    variants = work.moments.shape[0]
    lanes = np.uint64(belief.b.shape[0] // variants)
    for v in range(variants):
        low = np.uint64(v) * lanes
        high = low + lanes
        eps = grid.outlier_share[low]
        if eps == 0.0:
            continue
        for j in range(low, high):
            wide[j] = work.noise[j] * (work.spread[j] + excess)
        mass = total(belief.weight, low, high)
        if not mass > 0.0:
            continue
        mixture.weights[kept] = eps * mass
        mixture.locations[kept] = dot(belief.weight, work.location, low, high) / mass
        mixture.scales[kept] = math.sqrt(dot(belief.weight, wide, low, high) / mass)
        mixture.dofs[kept] = 2.0 * belief.half_dof[low + lanes - np.uint64(1)]
        kept += 1
    return kept


@inlined
def gather_coefficient(belief: Belief, work: Work, mixture: Mixture, heavy: int, k: int) -> int:
    """Fill the posterior components of the coefficient of lag k, k = 1..p; returns how many."""
    d, scale2 = belief.mean.shape[0], work.second
    place = k * d - k * (k - 1) // 2
    for j in range(belief.b.shape[0]):
        scale2[j] = belief.b[j] / belief.half_dof[j] * belief.cov[place, j]
    return gather(heavy, belief.weight, belief.mean[k], scale2, belief.half_dof, work, mixture)


@inlined
def gather_intercept(belief: Belief, work: Work, mixture: Mixture, heavy: int) -> int:
    """Fill the posterior components of alpha = c + theta_0 - c (theta_1 + ... + theta_p); returns how many."""
    d, centre = belief.mean.shape[0], belief.scales[CENTRE] / belief.scales[UNIT]
    alpha, scale2 = work.first, work.second
    for j in range(belief.b.shape[0]):
        alpha[j] = 1.0
        # g' cov g for g = (1, -c, ..., -c), in units of V
        scale2[j] = belief.cov[0, j]
    for i in range(1, d):
        for j in range(belief.b.shape[0]):
            alpha[j] -= belief.mean[i, j]
            scale2[j] -= 2.0 * centre * belief.cov[i, j]
    place = d
    for i in range(1, d):
        for k in range(i, d):
            times = (1.0 if k == i else 2.0) * centre * centre
            for j in range(belief.b.shape[0]):
                scale2[j] += times * belief.cov[place, j]
            place += 1
    for j in range(belief.b.shape[0]):
        alpha[j] = belief.mean[0, j] + centre * alpha[j]
        scale2[j] *= belief.b[j] / belief.half_dof[j]
    # a node without intercept all but knows it
    least = _FINEST_INTERCEPT * dot(belief.weight, scale2, np.uint64(0), np.uint64(belief.b.shape[0]))
    for j in range(belief.b.shape[0]):
        scale2[j] = max(scale2[j], least)
    return gather(heavy, belief.weight, alpha, scale2, belief.half_dof, work, mixture)


@inlined
def gather_noise(belief: Belief, work: Work, mixture: Mixture, heavy: int) -> int:
    """Fill the posterior components of V^(-1/3), which is all but normal for V ~ IG(a, b); returns how many.

    Wilson & Hilferty (1931): (chi²_k / k)^(1/3) ~ N(1 - 2/(9k), 2/(9k)), with k = 2a and chi² = 2b/V.
    """
    root, scale2, normal = work.first, work.second, work.share
    for j in range(belief.b.shape[0]):
        root[j] = exp(-log(belief.b[j] / belief.half_dof[j]) / 3.0)
        normal[j] = _NORMAL
    for j in range(belief.b.shape[0]):
        part = 1.0 / (9.0 * belief.half_dof[j])
        scale2[j] = root[j] * root[j] * part
        root[j] *= 1.0 - part
    return gather(heavy, belief.weight, root, scale2, normal, work, mixture)


@compiled
def quantiles(mixture: Mixture, m: int, probabilities: Floats, out: Floats) -> None:
    """Quantiles at probabilities [q] of the first m components, into out [q], in the order of their probabilities."""
    mixture_quantiles(probabilities, first_components(mixture, m), out, _TOLERANCE * _share_of_bulk(mixture, m))
    for i in range(probabilities.shape[0]):
        for k in range(i):
            if probabilities[k] <= probabilities[i]:
                out[i] = max(out[i], out[k])
            else:
                out[i] = min(out[i], out[k])


@compiled
def _share_of_bulk(mixture: Mixture, m: int) -> float:
    """Scale of the bulk of the first m components over their standard deviation, at most 1.

    The geometric mean of the scales: a light component that is far wider than all others rules the standard deviation,
    and none of the quantiles.
    """
    mass = mean = logs = second = 0.0
    for k in range(m):
        mass += mixture.weights[k]
        mean += mixture.weights[k] * mixture.locations[k]
        logs += mixture.weights[k] * log(max(mixture.scales[k], _LEAST_SCALE))
    mean /= mass
    for k in range(m):
        offset, dof = mixture.locations[k] - mean, mixture.dofs[k]
        own = mixture.scales[k] * mixture.scales[k] * (1.0 + 2.0 / (dof - 2.0) if dof > 2.25 else 9.0)
        second += mixture.weights[k] * (own + offset * offset)
    spread = math.sqrt(second / mass)
    return min(max(exp(logs / mass) / spread, _FINEST_BULK), 1.0) if spread > 0.0 else 1.0
