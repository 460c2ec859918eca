"""Odd readings: a gross error, or the first after the target jumped.

A reading is odd where a density with heavy tails explains it better than every member does without its outliers. What
it was is told by the rows that follow. Until then members that know no outliers leave odd rows out, and two branches go
beside the average: the position is at the odd reading, and the velocity what it was, or changed by as much. They are
plain Kalman filters with the noise believed so far,

    predict   P' = P (1 + dt c)² + dt² d + q_p dt + q_v dt³/3      c', d' as in equations.py
    update    S = P' + R s²    k = P' / S    m += k e    v += c' k e    P = k R s²

and their odds against the average follow from the evidence. When they have won every member is put where the heavier
branch is, and keeps what it knows of the noise; when they have lost, the odd rows count as noise if they may be some.
Bar-Shalom, Li & Kirubarajan (2001), Estimation with Applications to Tracking and Navigation, ch. 11, for the branches.
"""

import math

from stream_filters.filters.base import Floats
from stream_filters.filters.kalman.bands import step_of
from stream_filters.filters.kalman.equations import MAX_VARIANCE, TRUSTING
from stream_filters.filters.kalman.records import RECENT, Bank, Belief, Scratch
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import dot
from stream_filters.filters.numerics.student_t import log_gamma_half_step

# Prior probability of a gross error; its density is a Cauchy's, that many predictive standard deviations wide.
LOG_GROSS = math.log(2e-4)
LOG_ORDINARY = math.log1p(-2e-4)
GROSS_WIDTH = 30.0
# Odds that make a row odd: one in some ten thousand ordinary ones is.
LOG_ODD = math.log(2e-2) - LOG_GROSS
# Prior log odds that an odd row is the first after a jump; what decides, and after how many rows at the latest.
LOG_ODDS_OF_JUMP = math.log(0.1 / 0.9)
SURE = 3.0
LEAST_ROWS = 3
MOST_ROWS = 7
# Squared deviations of an odd row that may be noise, and what they count at most.
MAY_BE_NOISE = 225.0
COUNTS_AT_MOST = 36.0
_LOG_PI = math.log(math.pi)
_LOG_2_PI = math.log(2.0 * math.pi)


@inlined
def _mean_of_all(bank: Bank, belief: Belief, scratch: Scratch, values: Floats) -> float:
    """Average of a node quantity [J] over everything that takes part."""
    mean = 0.0
    for k in range(bank.nodes.shape[0]):
        if scratch.member[k] > 0.0:
            mean += scratch.member[k] * dot(belief.weight, values, bank.first[k], bank.first[k + 1])
    return mean


@inlined
def _innovation_variance(bank: Bank, belief: Belief, scratch: Scratch) -> float:
    """Variance of the observation as no outlier, mean over axes, the nodes' disagreement included."""
    axes = belief.position.shape[0]
    widened = scratch.widened[0]
    variance = 0.0
    for k in range(bank.nodes.shape[0]):
        if scratch.member[k] > 0.0:
            low, high = bank.first[k], bank.first[k + 1]
            per_shape = 1.0 / belief.shape[k]
            for j in range(low, high):
                s = belief.position_variance[j] + widened * scratch.noise[j]
                scratch.moment[j] = belief.rate[j] * per_shape * s
            for axis in range(axes):
                predicted = scratch.predicted[axis]
                for j in range(low, high):
                    e = belief.position[axis, j] - predicted
                    scratch.moment[j] += e * e / axes
            variance += scratch.member[k] * dot(belief.weight, scratch.moment, low, high)
    return variance


@inlined
def judge(bank: Bank, belief: Belief, scratch: Scratch) -> float:
    """Squared deviation of an odd observation, 0 for any other; fills log_gross, -inf while too little is known.

    Needs scored members.
    """
    scratch.log_gross[0] = -math.inf
    oldest = 0
    for k in range(bank.nodes.shape[0]):
        oldest = max(oldest, belief.age[k])
    if oldest < TRUSTING or not bank.doubts:
        return 0.0
    axes = belief.position.shape[0]
    square = 0.0
    for axis in range(axes):
        scratch.predicted[axis] = _mean_of_all(bank, belief, scratch, belief.position[axis])
        square += (scratch.observation[axis] - scratch.predicted[axis]) ** 2
    variance = _innovation_variance(bank, belief, scratch)
    z2 = square / variance
    width2 = GROSS_WIDTH * GROSS_WIDTH
    constant = log_gamma_half_step(0.5)
    if axes > 1:
        constant += log_gamma_half_step(1.0)
    if axes > 2:
        constant += log_gamma_half_step(1.5)
    spread = math.log(width2 * variance) + _LOG_PI
    scratch.log_gross[0] = LOG_GROSS + constant - 0.5 * axes * spread - 0.5 * (1.0 + axes) * math.log1p(z2 / width2)
    narrow = 0.0
    for k in range(bank.nodes.shape[0]):
        if scratch.member[k] > 0.0:
            narrow += scratch.member[k] * math.exp(min(scratch.log_narrow[k] - scratch.log_gross[0], 700.0))
    return z2 if math.log(max(narrow, 1e-300)) < LOG_ODD else 0.0


@compiled
def suspect(bank: Bank, belief: Belief, scratch: Scratch, dt: float, z2: float) -> None:
    """Let branches begin at the odd row, the last that was kept; dt: steps since the row before."""
    r = qp = qv = spread = 0.0
    axes = belief.position.shape[0]
    for axis in range(axes):
        belief.jump_velocity[axis] = _mean_of_all(bank, belief, scratch, belief.velocity[axis])
    for k in range(bank.nodes.shape[0]):
        if scratch.member[k] > 0.0:
            for j in range(bank.first[k], bank.first[k + 1]):
                w = scratch.member[k] * belief.weight[j]
                s2 = belief.rate[j] / belief.shape[k]
                r += w * s2 * scratch.noise[j]
                qp += w * s2 * scratch.position_drift[j]
                qv += w * s2 * scratch.velocity_drift[j]
                own = belief.velocity_variance[j] + belief.slope[j] * belief.slope[j] * belief.position_variance[j]
                spread += w * s2 * own
                for axis in range(axes):
                    spread += w * (belief.velocity[axis, j] - belief.jump_velocity[axis]) ** 2 / axes
    change = 0.0
    for axis in range(axes):
        change += (scratch.observation[axis] - scratch.predicted[axis]) ** 2 / (axes * dt * dt)
    belief.jump_noise[0], belief.jump_noise[1], belief.jump_noise[2] = r, qp, qv
    belief.jump_velocity_variance[0] = min(spread, MAX_VARIANCE)
    belief.jump_velocity_variance[1] = min(spread + change, MAX_VARIANCE)
    belief.jump_log_odds[0] = LOG_ODDS_OF_JUMP
    belief.suspect_rows[0] = 1
    belief.owed[0] = belief.owed[1] = 0.0
    owe(belief, z2)


@inlined
def owe(belief: Belief, z2: float) -> None:
    """Remember an odd row that may be noise."""
    if z2 < MAY_BE_NOISE * belief.position.shape[0]:
        belief.owed[0] += 1.0
        belief.owed[1] += min(z2, COUNTS_AT_MOST * belief.position.shape[0])


@compiled
def predict_leaps(belief: Belief, scratch: Scratch) -> None:
    """Fill both branches' predictives of this row, `elapsed` after the last one kept, and the odds of a jump."""
    scratch.leap_share[0] = 0.0
    if belief.suspect_rows[0] == 0:
        return
    axes = belief.position.shape[0]
    noise, qp, qv = belief.jump_noise[0], belief.jump_noise[1], belief.jump_noise[2]
    birth = RECENT - belief.suspect_rows[0]
    for branch in range(2):
        scale2 = belief.recent[birth, axes + 1] ** 2
        p, slope, d = noise * scale2, 0.0, belief.jump_velocity_variance[branch]
        log_weight = 0.0
        for axis in range(axes):
            scratch.leap_position[branch, axis] = belief.recent[birth, axis]
            scratch.leap_velocity[branch, axis] = belief.jump_velocity[axis]
        for row in range(birth + 1, RECENT + 1):
            delta = belief.recent[row, axes] if row < RECENT else belief.elapsed[0]
            dt = min(max(delta / step_of(belief), 1e-9), 1e9)
            x, spread, lp, lv = dt * slope, dt * dt * d, qp * dt, qv * dt * dt * dt
            ahead = p * (1.0 + x) * (1.0 + x) + spread + lp + lv / 3.0
            together = p * (1.0 + x + x * x / 3.0) + spread / 3.0
            grown = lv * together + lp * (spread + x * x * p) + lv * (lp + lv / 12.0)
            slope = (x * p * (1.0 + x) + spread + 0.5 * lv) / (ahead * dt)
            d = min((p * spread + grown) / (ahead * dt * dt), MAX_VARIANCE)
            p = min(ahead, MAX_VARIANCE)
            for axis in range(axes):
                scratch.leap_position[branch, axis] += dt * scratch.leap_velocity[branch, axis]
            if row < RECENT:
                r = noise * belief.recent[row, axes + 1] ** 2
                s = p + r
                square = 0.0
                for axis in range(axes):
                    e = belief.recent[row, axis] - scratch.leap_position[branch, axis]
                    scratch.leap_position[branch, axis] += p / s * e
                    scratch.leap_velocity[branch, axis] += slope * (p / s) * e
                    square += e * e
                log_weight -= 0.5 * (axes * math.log(s) + square / s)
                p = p / s * r
        scratch.leap_variance[branch] = p
        scratch.leap_weight[branch] = log_weight
    peak = max(scratch.leap_weight[0], scratch.leap_weight[1])
    one, other = math.exp(scratch.leap_weight[0] - peak), math.exp(scratch.leap_weight[1] - peak)
    scratch.leap_weight[0], scratch.leap_weight[1] = one / (one + other), other / (one + other)
    scratch.leap_share[0] = 1.0 / (1.0 + math.exp(min(max(-belief.jump_log_odds[0], -700.0), 700.0)))


@compiled
def weigh_leaps(belief: Belief, scratch: Scratch, log_density: float) -> float:
    """Move the odds of a jump by this observation; returns its log density, that of the average given."""
    axes = belief.position.shape[0]
    density = 0.0
    for branch in range(2):
        s = scratch.leap_variance[branch] + scratch.widened[0] * belief.jump_noise[0]
        square = 0.0
        for axis in range(axes):
            square += (scratch.observation[axis] - scratch.leap_position[branch, axis]) ** 2
        log_kernel = LOG_ORDINARY - 0.5 * (axes * (math.log(s) + _LOG_2_PI) + square / s)
        density += scratch.leap_weight[branch] * math.exp(min(log_kernel - scratch.log_gross[0], 700.0))
    log_jump = scratch.log_gross[0] + math.log1p(density)
    share = scratch.leap_share[0]
    peak = max(log_jump, log_density)
    mixed = peak + math.log(share * math.exp(log_jump - peak) + (1.0 - share) * math.exp(log_density - peak))
    belief.jump_log_odds[0] += log_jump - log_density
    return mixed


@compiled
def decide(bank: Bank, belief: Belief, scratch: Scratch) -> int:
    """Decide on a jump once evidence is enough: puts every member to the branch that won, or goes on without.

    Returns how many of the rows kept are to be gone through again.
    """
    rows, log_odds = belief.suspect_rows[0], belief.jump_log_odds[0]
    if rows >= MOST_ROWS:
        won = log_odds > 0.0
        lost = not won
    else:
        won, lost = rows >= LEAST_ROWS and log_odds > SURE, rows > 1 and log_odds < -SURE
    if won:
        _put_where_it_jumped(bank, belief, scratch)
    elif lost:
        _pay(bank, belief)
    if not (won or lost):
        return 0
    belief.suspect_rows[0] = 0
    return rows - 1 if won else 0


@inlined
def _put_where_it_jumped(bank: Bank, belief: Belief, scratch: Scratch) -> None:
    """Put every member's nodes at the first row after the jump, with the noise that they have learnt."""
    axes = belief.position.shape[0]
    birth = RECENT - belief.suspect_rows[0]
    scale2 = belief.recent[birth, axes + 1] ** 2
    added = 0.0
    if scratch.leap_weight[1] > scratch.leap_weight[0]:
        added = belief.jump_velocity_variance[1] - belief.jump_velocity_variance[0]
    for k in range(bank.nodes.shape[0]):
        if belief.age[k] < 3:
            continue
        for j in range(bank.first[k], bank.first[k + 1]):
            if bank.moves[k] == 1:
                own = belief.velocity_variance[j] + belief.slope[j] * belief.slope[j] * belief.position_variance[j]
                belief.velocity_variance[j] = min(own + added * belief.shape[k] / belief.rate[j], MAX_VARIANCE)
            belief.slope[j] = 0.0
            belief.position_variance[j] = scale2 * scratch.noise[j]
            for axis in range(axes):
                belief.position[axis, j] = belief.recent[birth, axis]


@inlined
def _pay(bank: Bank, belief: Belief) -> None:
    """Let members without outliers learn the noise from odd rows that were no jump."""
    for k in range(bank.nodes.shape[0]):
        if bank.outlier_share[k] > 0.0 or belief.age[k] < 3:
            continue
        grown = 1.0 + 0.5 * belief.owed[1] / belief.shape[k]
        belief.shape[k] += 0.5 * belief.position.shape[0] * belief.owed[0]
        for j in range(bank.first[k], bank.first[k + 1]):
            belief.rate[j] *= grown
