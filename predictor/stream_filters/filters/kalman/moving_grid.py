"""Keeps a member's grid where its posterior is: re-centred, re-scaled and interpolated as the data narrow it down.

The axes are the Cholesky factor of the posterior covariance of theta, out to +-3.6 standard deviations whatever the
number of nodes. A move happens a logarithmic number of times: 6 to 15 in 2000 observations.
"""

import math

import numpy as np

from stream_filters.filters.base import Floats
from stream_filters.filters.kalman.grid import LOGIT_SPAN, normalise, place_nodes
from stream_filters.filters.kalman.records import Bank, Belief, Scratch
from stream_filters.filters.numerics.compiled import compiled

# Half-width of a new grid in posterior standard deviations, and when a grid no longer fits: the posterior's standard
# deviation against what the grid was made for, its mean against the half-width, the probability on the edge.
REACH = 3.6
SHRUNK = 0.744
OFF_CENTRE = 0.5
EDGE_MASS = 0.06
# Spread that a grid of this spacing cannot resolve, added to the posterior covariance, in nodes².
UNRESOLVED = 0.045
MAX_LOGIT = 25.0
MAX_PRIOR_SPANS = 20.0
LEAST_VARIANCE = 1e-300


@compiled
def _moments(bank: Bank, belief: Belief, k: int) -> tuple[float, float, float, float, float, float]:
    """Means, variances and covariance of the posterior in node units, and the probability on the edge."""
    first = bank.first[k]
    half = bank.nodes[k] // 2
    mean_u = mean_v = square_u = square_v = product = edge = 0.0
    for j in range(first, bank.first[k + 1]):
        u, v = bank.across[j], bank.along[j]
        w = belief.weight[j]
        mean_u += w * u
        mean_v += w * v
        square_u += w * u * u
        square_v += w * v * v
        product += w * u * v
        if abs(u) == half or abs(v) == half:
            edge += w
    return (
        mean_u,
        mean_v,
        max(square_u - mean_u * mean_u, 0.0),
        max(square_v - mean_v * mean_v, 0.0),
        product - mean_u * mean_v,
        edge,
    )


@compiled
def follow(bank: Bank, belief: Belief, scratch: Scratch, k: int) -> None:
    """Move member k's grid if its posterior has outgrown, left or shrunk inside it."""
    if bank.axes[k] == 0:
        return
    mean_u, mean_v, var_u, var_v, cov, edge = _moments(bank, belief, k)
    half = bank.nodes[k] // 2
    narrowest = var_v
    if bank.axes[k] == 2:
        narrowest = min(var_u - cov * cov / max(var_v, 1e-12), var_v - cov * cov / max(var_u, 1e-12))
    narrow = SHRUNK * half / REACH
    off_centre = max(abs(mean_u), abs(mean_v)) > OFF_CENTRE * half
    if narrowest < narrow * narrow or off_centre or edge > EDGE_MASS:
        _move(bank, belief, scratch, k, mean_u, mean_v, var_u, var_v, cov)


@compiled
def _move(
    bank: Bank,
    belief: Belief,
    scratch: Scratch,
    k: int,
    mean_u: float,
    mean_v: float,
    var_u: float,
    var_v: float,
    cov: float,
) -> None:
    """Give member k a grid around the posterior with these moments, and carry every node quantity over."""
    half = bank.nodes[k] // 2
    centre = belief.centre[k, 0], belief.centre[k, 1]
    chol = belief.cholesky[k, 0], belief.cholesky[k, 1], belief.cholesky[k, 2]
    var_u += UNRESOLVED
    var_v += UNRESOLVED
    sd_lam = bank.prior[1]
    floor, ceiling = bank.prior[0] - MAX_PRIOR_SPANS * sd_lam, bank.prior[0] + MAX_PRIOR_SPANS * sd_lam
    if bank.moves[k] == 0:
        sd_lam, floor, ceiling = 0.5 * LOGIT_SPAN, -MAX_LOGIT, MAX_LOGIT
    log_lam = centre[1] + chol[1] * mean_u + chol[2] * mean_v
    belief.centre[k, 1] = min(max(log_lam, floor), ceiling)
    cov_11 = chol[2] * chol[2] * var_v
    spacing = REACH / half
    if bank.axes[k] == 2:
        belief.centre[k, 0] = min(max(centre[0] + chol[0] * mean_u, -MAX_LOGIT), MAX_LOGIT)
        cov_00 = chol[0] * chol[0] * var_u
        cov_01 = chol[0] * (chol[1] * var_u + chol[2] * cov)
        cov_11 += chol[1] * chol[1] * var_u + 2.0 * chol[1] * chol[2] * cov
        correlation = min(max(cov_01 / math.sqrt(cov_00 * cov_11), -0.9), 0.9)
        sd_1 = min(math.sqrt(cov_11), sd_lam)
        belief.cholesky[k, 0] = spacing * min(math.sqrt(cov_00), 0.5 * LOGIT_SPAN)
        belief.cholesky[k, 1] = spacing * correlation * sd_1
        belief.cholesky[k, 2] = spacing * sd_1 * math.sqrt(1.0 - correlation * correlation)
    else:
        belief.cholesky[k, 2] = spacing * min(math.sqrt(cov_11), sd_lam)
    _find_stencils(bank, belief, scratch, k, centre, chol)
    _carry_over(bank, belief, scratch, k)
    normalise(bank, belief, k)


@compiled
def _lagrange(x: float, half: int, nodes: int, weights: Floats) -> int:
    """Four-point Lagrange weights at x in -half..half; returns the index of the first of the four nodes."""
    first = min(max(math.floor(x + half) - 1, 0), nodes - 4)
    s = x + half - first
    weights[0] = -(s - 1.0) * (s - 2.0) * (s - 3.0) / 6.0
    weights[1] = s * (s - 2.0) * (s - 3.0) / 2.0
    weights[2] = -s * (s - 1.0) * (s - 3.0) / 2.0
    weights[3] = s * (s - 1.0) * (s - 2.0) / 6.0
    return first


@compiled
def _find_stencils(
    bank: Bank,
    belief: Belief,
    scratch: Scratch,
    k: int,
    centre: tuple[float, float],
    chol: tuple[float, float, float],
) -> None:
    """Where each new node lies on the old grid; `old` receives the squared distance outside of it."""
    nodes, axes, first = bank.nodes[k], bank.axes[k], bank.first[k]
    half = nodes // 2
    for j in range(first, bank.first[k + 1]):
        u, v = bank.across[j], bank.along[j]
        x = 0.0
        if axes == 2:
            x = (belief.centre[k, 0] + belief.cholesky[k, 0] * u - centre[0]) / chol[0]
        log_lam = belief.centre[k, 1] + belief.cholesky[k, 1] * u + belief.cholesky[k, 2] * v
        y = (log_lam - centre[1] - chol[1] * x) / chol[2]
        inside_x, inside_y = min(max(x, -half), half), min(max(y, -half), half)
        scratch.old[j] = (x - inside_x) ** 2 + (y - inside_y) ** 2
        scratch.corner[j, 0] = _lagrange(inside_x, half, nodes, scratch.stencil[j, 0])
        scratch.corner[j, 1] = _lagrange(inside_y, half, nodes, scratch.stencil[j, 1])


@compiled
def _interpolate(bank: Bank, scratch: Scratch, k: int, values: Floats) -> None:
    """Replace member k's `values` on the old grid by those on the new one."""
    nodes, first = bank.nodes[k], bank.first[k]
    for j in range(first, bank.first[k + 1]):
        scratch.old[j] = values[j]
    for j in range(first, bank.first[k + 1]):
        total = 0.0
        column = np.int64(first) + scratch.corner[j, 1]
        if bank.axes[k] == 1:
            for n in range(4):
                total += scratch.stencil[j, 1, n] * scratch.old[column + n]
        else:
            for i in range(4):
                row = column + (scratch.corner[j, 0] + i) * nodes
                along = 0.0
                for n in range(4):
                    along += scratch.stencil[j, 1, n] * scratch.old[row + n]
                total += scratch.stencil[j, 0, i] * along
        values[j] = total


@compiled
def _carry_over(bank: Bank, belief: Belief, scratch: Scratch, k: int) -> None:
    """Interpolate what varies smoothly: logs of variances, slopes, means and the likelihood; the prior is exact."""
    low, high = bank.first[k], bank.first[k + 1]
    for j in range(low, high):
        belief.weight[j] = math.log(belief.weight[j]) - scratch.log_prior[j]
        belief.position_variance[j] = math.log(belief.position_variance[j])
        belief.velocity_variance[j] = math.log(max(belief.velocity_variance[j], LEAST_VARIANCE))
        belief.rate[j] = math.log(belief.rate[j])
        scratch.likelihood[j] = -0.5 * scratch.old[j]
    _interpolate(bank, scratch, k, belief.weight)
    _interpolate(bank, scratch, k, belief.position_variance)
    _interpolate(bank, scratch, k, belief.slope)
    _interpolate(bank, scratch, k, belief.velocity_variance)
    _interpolate(bank, scratch, k, belief.rate)
    for axis in range(belief.position.shape[0]):
        _interpolate(bank, scratch, k, belief.position[axis])
        _interpolate(bank, scratch, k, belief.velocity[axis])
    place_nodes(bank, belief, scratch, k)
    peak = -math.inf
    for j in range(low, high):
        # Outside the old grid the likelihood is assumed to fall like a normal density with the old spacing.
        belief.weight[j] += scratch.likelihood[j] + scratch.log_prior[j]
        peak = max(peak, belief.weight[j])
    for j in range(low, high):
        belief.weight[j] = math.exp(belief.weight[j] - peak)
        belief.position_variance[j] = math.exp(belief.position_variance[j])
        belief.velocity_variance[j] = math.exp(belief.velocity_variance[j]) if bank.moves[k] == 1 else 0.0
        belief.rate[j] = math.exp(belief.rate[j])
