"""What passes between the nodes of the drift grid at each step, compiled.

Weights fade to their prior with a memory (dynamic model averaging: Raftery, Kárný & Ettler 2010, Technometrics 52), and
a node takes on the mean and covariance of all nodes for the share of its weight that flowed in (interacting multiple
models: Blom & Bar-Shalom 1988, IEEE Transactions on Automatic Control 33). So a node that was wrong for long follows
the others, and is right at once when its time comes. A restart node is one without drift whose inflow has jumped: its
parameters are those of all nodes, and a jump.
"""

import numpy as np

from stream_filters.filters.autoregression.records import LEAST_SHAPE, Belief, Grid, Work
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import dot, exp, log, total

_TINY = 1e-300
# A node with a smaller share of inflow keeps its mean and covariance.
_LEAST_SHARE = 0.02
# Nodes with a smaller share of their variant's weight do not count in its mean and covariance.
_LIGHT = 1e-3
# Variance of the level's jump, in units of V.
_LEVEL_JUMP = 1.0


@compiled
def fade_weights(grid: Grid, belief: Belief) -> None:
    """weight <- weight^r prior^(1-r), normalised, then mixed with a floor of the prior."""
    fading, floor = 1.0 - grid.settings[0], grid.settings[1]
    for j in range(belief.weight.shape[0]):
        kept = max(belief.weight[j], _TINY)
        belief.weight[j] = kept * exp(fading * log(grid.prior[j] / kept))
    scale = 1.0 / total(belief.weight, np.uint64(0), np.uint64(belief.weight.shape[0]))
    whole = 1.0 / (1.0 + floor)
    for j in range(belief.weight.shape[0]):
        belief.weight[j] = (belief.weight[j] * scale + floor * grid.prior[j]) * whole


@compiled
def mix_nodes(grid: Grid, belief: Belief, work: Work) -> None:
    """Let mass flow into the restart nodes, and the nodes' means and covariances follow what flowed in."""
    floor, rate = grid.settings[1], grid.settings[4]
    variants, lanes = work.pooled.shape[0], np.uint64(belief.b.shape[0] // work.pooled.shape[0])
    _pool(belief, work)
    for v in range(variants):
        low = np.uint64(v) * lanes
        jumped = rate * work.pooled[v, 0]
        floor_share = floor / grid.mass[v] * work.pooled[v, 0]
        for j in range(low, low + lanes):
            jump = grid.restarts[j] * jumped
            belief.weight[j] += jump
            inflow = jump + (1.0 - grid.restarts[j]) * floor_share * grid.prior[j]
            share = min(inflow / max(belief.weight[j], _TINY), 1.0)
            work.share[j] = share * (1.0 - grid.own[j]) if share >= _LEAST_SHARE else 0.0
        _take(grid, belief, work, v)
    scale = 1.0 / total(belief.weight, np.uint64(0), np.uint64(belief.weight.shape[0]))
    for j in range(belief.weight.shape[0]):
        belief.weight[j] *= scale


@inlined
def _pool(belief: Belief, work: Work) -> None:
    """Fill the nodes' noise variance and the pooled moments of each variant; too light nodes are left out of those."""
    variants, lanes = work.pooled.shape[0], np.uint64(belief.b.shape[0] // work.pooled.shape[0])
    d = belief.mean.shape[0]
    heavy = work.first
    for j in range(belief.b.shape[0]):
        work.variance[j] = belief.b[j] / max(belief.half_dof[j], LEAST_SHAPE)
    for v in range(variants):
        low = np.uint64(v) * lanes
        high = low + lanes
        work.pooled[v, 0] = total(belief.weight, low, high)
        least = _LIGHT * work.pooled[v, 0]
        for j in range(low, high):
            heavy[j] = belief.weight[j] if belief.weight[j] > least else 0.0
        scale = 1.0 / total(heavy, low, high)
        for j in range(low, high):
            heavy[j] *= scale
            work.second[j] = heavy[j] * work.variance[j]
        work.pooled[v, 1] = total(work.second, low, high)
        place = 0
        for i in range(d):
            work.pooled_mean[v, i] = dot(heavy, belief.mean[i], low, high)
        for i in range(d):
            for j in range(low, high):
                work.third[j] = heavy[j] * (belief.mean[i, j] - work.pooled_mean[v, i])
            for k in range(i, d):
                centre = work.pooled_mean[v, k]
                for j in range(low, high):
                    own = work.second[j] * belief.cov[place, j]
                    work.fourth[j] = own + work.third[j] * (belief.mean[k, j] - centre)
                work.pooled_cov[v, place] = total(work.fourth, low, high)
                place += 1


@inlined
def _take(grid: Grid, belief: Belief, work: Work, v: int) -> None:
    """Mean and cov of variant v's nodes become the moments of a mixture: `work.share` of the pool, the rest own."""
    d, lanes = belief.mean.shape[0], np.uint64(belief.b.shape[0] // work.pooled.shape[0])
    low = np.uint64(v) * lanes
    high = low + lanes
    for j in range(low, high):
        work.first[j] = work.share[j] / work.variance[j]
    place = 0
    for i in range(d):
        centre = work.pooled_mean[v, i]
        for j in range(low, high):
            work.second[j] = (1.0 - work.share[j]) * (belief.mean[i, j] - centre)
        jump = _LEVEL_JUMP * work.pooled[v, 1] if i == 0 else grid.settings[5]
        for j in range(low, high):
            work.third[j] = grid.restarts[j] * jump
        for k in range(i, d):
            other, its_centre = work.pooled_cov[v, place], work.pooled_mean[v, k]
            jumps = 1.0 if k == i else 0.0
            for j in range(low, high):
                work.fourth[j] = other + jumps * work.third[j] + work.second[j] * (belief.mean[k, j] - its_centre)
            for j in range(low, high):
                belief.cov[place, j] = (1.0 - work.share[j]) * belief.cov[place, j] + work.fourth[j] * work.first[j]
            place += 1
    for i in range(d):
        centre = work.pooled_mean[v, i]
        for j in range(low, high):
            belief.mean[i, j] += work.share[j] * (centre - belief.mean[i, j])
