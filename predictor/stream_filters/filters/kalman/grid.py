"""A grid of nodes over two unknown noise ratios, theta = (logit f, log lam).

    s2 = R + q_pos dt0    f = q_pos dt0 / s2    lam = q_vel dt0³ / s2

with dt0 the nominal step. Priors: f ~ Uniform(0, 1), log lam ~ Normal. Second differences of the observations are
MA(2), so these two ratios and the scale s2 are all that data can tell. A member without position noise has the
second axis alone; one without velocity has logit f there, or nothing at all: then the level stands, f = 0.
"""

import math

from stream_filters.filters.kalman.records import Bank, Belief, Scratch
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import exp, log, total

# Half-width of a new grid: logit f reaches +-5, log lam two prior standard deviations.
LOGIT_SPAN = 5.0
PRIOR_SPANS = 2.0
MIN_WEIGHT = 1e-90
# Observations that a member lets pass at most when all start again: the rows to go through again are few.
START_WITHIN = 4


@compiled
def place_nodes(bank: Bank, belief: Belief, scratch: Scratch, k: int) -> None:
    """Fill member k's noise ratios and log prior from its centre and cholesky."""
    low, high = bank.first[k], bank.first[k + 1]
    if bank.moves[k] == 0:
        _place_levels(bank, belief, scratch, k)
        return
    centre, stride, slant, rise = belief.centre[k], belief.cholesky[k, 0], belief.cholesky[k, 1], belief.cholesky[k, 2]
    for j in range(low, high):
        scratch.velocity_drift[j] = centre[1] + slant * bank.across[j] + rise * bank.along[j]
    for j in range(low, high):
        z = (scratch.velocity_drift[j] - bank.prior[0]) / bank.prior[1]
        scratch.log_prior[j] = -0.5 * z * z
        scratch.velocity_drift[j] = exp(scratch.velocity_drift[j])
    if bank.axes[k] == 1:
        for j in range(low, high):
            scratch.position_drift[j] = 0.0
            scratch.noise[j] = 1.0
            scratch.log_noise[j] = 0.0
        return
    for j in range(low, high):
        odds = exp(centre[0] + stride * bank.across[j])
        scratch.noise[j] = 1.0 / (1.0 + odds)
        scratch.position_drift[j] = odds / (1.0 + odds)
    for j in range(low, high):
        scratch.log_noise[j] = log(scratch.noise[j])
        # of a uniform share the logit has the density f (1 - f)
        scratch.log_prior[j] += log(scratch.position_drift[j]) + scratch.log_noise[j]


@inlined
def _place_levels(bank: Bank, belief: Belief, scratch: Scratch, k: int) -> None:
    """The same for a member without a velocity."""
    for j in range(bank.first[k], bank.first[k + 1]):
        odds = 0.0
        if bank.axes[k] == 1:
            odds = exp(belief.centre[k, 1] + belief.cholesky[k, 2] * bank.along[j])
        scratch.noise[j] = 1.0 / (1.0 + odds)
        scratch.log_noise[j] = log(scratch.noise[j])
        scratch.position_drift[j] = odds / (1.0 + odds)
        scratch.velocity_drift[j] = 0.0
        scratch.log_prior[j] = log(scratch.position_drift[j]) + scratch.log_noise[j] if odds > 0.0 else 0.0


@compiled
def start_member(bank: Bank, belief: Belief, scratch: Scratch, k: int, count: int) -> None:
    """Put member k back to its prior; `count` is 0, or minus the observations to let pass."""
    half = max(bank.nodes[k] // 2, 1)
    belief.centre[k, 0] = 0.0
    belief.centre[k, 1] = bank.prior[0] if bank.moves[k] == 1 else 0.0
    belief.cholesky[k, 0] = LOGIT_SPAN / half if bank.axes[k] == 2 else 0.0
    belief.cholesky[k, 1] = 0.0
    belief.cholesky[k, 2] = PRIOR_SPANS * bank.prior[1] / half if bank.moves[k] == 1 else LOGIT_SPAN / half
    belief.shape[k] = 0.0
    belief.age[k] = count
    belief.deficit[k] = 0.0
    place_nodes(bank, belief, scratch, k)
    for j in range(bank.first[k], bank.first[k + 1]):
        belief.position_variance[j] = scratch.noise[j]
        belief.slope[j] = 0.0
        belief.velocity_variance[j] = 1.0 if bank.moves[k] == 1 else 0.0
        belief.rate[j] = 0.0
        belief.weight[j] = exp(scratch.log_prior[j])
        for axis in range(belief.position.shape[0]):
            belief.position[axis, j] = 0.0
            belief.velocity[axis, j] = 0.0
    normalise(bank, belief, k)


@compiled
def start_again(bank: Bank, belief: Belief, scratch: Scratch) -> None:
    """Put every member back to its prior, and their weights; what is known of units stays."""
    for k in range(bank.nodes.shape[0]):
        belief.log_share[k] = math.log(bank.base[k])
        start_member(bank, belief, scratch, k, -min(bank.delay[k], START_WITHIN))
    belief.suspect_rows[0] = 0
    belief.fresh_lead[0] = 0.0


@inlined
def normalise(bank: Bank, belief: Belief, k: int) -> float:
    """Bring member k's node weights to sum to 1, none so small that it could not come back; returns their sum."""
    mass = total(belief.weight, bank.first[k], bank.first[k + 1])
    inverse = 1.0 / mass
    for j in range(bank.first[k], bank.first[k + 1]):
        belief.weight[j] = max(belief.weight[j] * inverse, MIN_WEIGHT)
    return mass
