"""What passes between the nodes of the drift grid at each step, compiled.

Weights fade to their prior with a memory (dynamic model averaging: Raftery, Kárný & Ettler 2010, Technometrics 52), and
a node takes on the mean and covariance of all nodes for the share of its weight that flowed in (interacting multiple
models: Blom & Bar-Shalom 1988, IEEE Transactions on Automatic Control 33). So a node that was wrong for long follows
the others, and is right at once when its time comes. A restart node is one without drift whose inflow has jumped: its
parameters are those of all nodes, and a jump.
"""

import math

from numba import njit

from stream_filters.filters.ar_belief import Belief, Grid, Work

_TINY = 1e-300
# A node with a smaller share of inflow keeps its mean and covariance.
_LEAST_SHARE = 0.02
# Nodes with a smaller share of their variant's weight do not count in its mean and covariance.
_LIGHT = 1e-3
# Variance of the level's jump, in units of V.
_LEVEL_JUMP = 1.0


@njit(nogil=True, cache=True, error_model="numpy")
def fade_weights(grid: Grid, belief: Belief) -> None:
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
def mix_nodes(grid: Grid, belief: Belief, work: Work) -> None:
    """Let mass flow into the restart nodes, and the nodes' means and covariances follow what flowed in."""
    floor, rate = grid.settings[1], grid.settings[4]
    weight, variant, prior, pooled = belief.weight, grid.variant, grid.prior, work.pooled
    _pool(grid, belief, work)
    total = 0.0
    for j in range(weight.shape[0]):
        v = variant[j]
        inflow = floor * prior[j] / pooled[v, 1] * pooled[v, 0]
        if grid.restarts[j]:
            inflow = rate * pooled[v, 0]
            weight[j] += inflow
        total += weight[j]
        if inflow >= _LEAST_SHARE * weight[j]:
            _take(grid, belief, work, j, min(inflow / max(weight[j], _TINY), 1.0))
    for j in range(weight.shape[0]):
        weight[j] /= total


@njit(nogil=True, cache=True, error_model="numpy")
def _pool(grid: Grid, belief: Belief, work: Work) -> None:
    """Fill the pooled moments of each variant; nodes too light to change them are left out."""
    mean, cov, b, weight, a, _, _, _ = belief
    variant, group, prior = grid.variant, grid.group, grid.prior
    pooled_mean, pooled_cov, pooled = work.pooled_mean, work.pooled_cov, work.pooled
    pooled_mean[:] = 0.0
    pooled_cov[:] = 0.0
    pooled[:] = 0.0
    n, d = mean.shape
    for j in range(n):
        pooled[variant[j], 0] += weight[j]
        pooled[variant[j], 1] += prior[j]
    for j in range(n):
        v = variant[j]
        if weight[j] > _LIGHT * pooled[v, 0]:
            pooled[v, 3] += weight[j]
            pooled[v, 2] += weight[j] * b[j] / max(a[group[j]], 0.6)
            for i in range(d):
                pooled_mean[v, i] += weight[j] * mean[j, i]
    for v in range(pooled.shape[0]):
        pooled[v, 2] /= pooled[v, 3]
        pooled_mean[v] /= pooled[v, 3]
    for j in range(n):
        v = variant[j]
        if weight[j] > _LIGHT * pooled[v, 0]:
            share = weight[j] / pooled[v, 3]
            variance = b[j] / max(a[group[j]], 0.6)
            place = 0
            for i in range(d):
                offset = share * (mean[j, i] - pooled_mean[v, i])
                for k in range(i, d):
                    pooled_cov[v, place] += share * variance * cov[j, place] + offset * (mean[j, k] - pooled_mean[v, k])
                    place += 1


@njit(nogil=True, cache=True, error_model="numpy")
def _take(grid: Grid, belief: Belief, work: Work, j: int, share: float) -> None:
    """Node j's mean and cov become the moments of a mixture: `share` of its variant's pool, the rest its own."""
    mean, cov, b, _, a, _, _, _ = belief
    v = grid.variant[j]
    pooled_mean, pooled_cov, noise_variance = work.pooled_mean, work.pooled_cov, work.pooled[v, 2]
    precision = share * max(a[grid.group[j]], 0.6) / b[j]
    d = mean.shape[1]
    place = 0
    for i in range(d):
        offset = mean[j, i] - pooled_mean[v, i]
        for k in range(i, d):
            other = pooled_cov[v, place]
            if i == k and grid.restarts[j]:
                other += _LEVEL_JUMP * noise_variance if i == 0 else grid.settings[5]
            between = (1.0 - share) * offset * (mean[j, k] - pooled_mean[v, k])
            cov[j, place] = (1.0 - share) * cov[j, place] + (other + between) * precision
            place += 1
    for i in range(d):
        mean[j, i] += share * (pooled_mean[v, i] - mean[j, i])
