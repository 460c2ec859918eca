"""One row of the average: every member predicts, is scored, and absorbs; weight moves to those that predict better.

Each member is scored by its one-step log density, and the average moves towards the members that predict better.
A fixed share of the weight is dealt out again at every row, so that a member can come back (Herbster & Warmuth 1998,
Tracking the best expert). A member that keeps losing evidence starts again from its prior: whatever misled it, a first
value far from the rest or noise of another magnitude, is then behind it. A member that is too young to have a scale
takes no part and neither gains nor loses weight.
"""

import math

from stream_filters.filters.kalman.equations import (
    absorb,
    begin,
    fade,
    learn_scale,
    predict_nodes,
    score_nodes,
    square_innovations,
)
from stream_filters.filters.kalman.grid import start_member
from stream_filters.filters.kalman.jumps import LOG_ORDINARY, judge, weigh_leaps
from stream_filters.filters.kalman.moving_grid import follow
from stream_filters.filters.kalman.records import Bank, Belief, Scratch
from stream_filters.filters.numerics.compiled import inlined
from stream_filters.filters.numerics.elementary import exp, log

# Observations until a member that started later than the others takes part.
MATURE = 8
# Every row, then every eighth, a grid is held against its posterior.
FOLLOW_CLOSELY = 64
# Recent deficit against the average: its memory, what one row can add, and where the member starts again, in nats.
DEFICIT_MEMORY = 32.0
DEFICIT_OF_A_ROW = 4.0
DEFICIT_LIMIT = 0.75
# Smallest relative difference between two numbers, squared; below 2^12 of them an innovation is a rounding error.
RESOLUTION = 2.0**-104
ROUNDING = 2.0**24
MIN_RESOLVED = 1e-110
# How a row is gone through: as it comes; again, after all members started again; again, after a jump, when it tells
# where the target is and nothing about the noise.
LIVE, AGAIN, AFTER_JUMP = range(3)
# Observations that a member must have absorbed to be taken along by a jump.
SETTLED = 3


@inlined
def predict(bank: Bank, belief: Belief, scratch: Scratch, dt: float, learns: bool, least_age: int) -> None:
    """Move every member to this row; where something is to be learnt, forget and deal out the fixed share first."""
    for k in range(bank.nodes.shape[0]):
        if belief.age[k] >= least_age:
            predict_nodes(bank, belief, scratch, k, dt)
        if learns and belief.age[k] >= 3 and bank.keep[k] < 1.0:
            fade(bank, belief, scratch, k)
        if learns:
            kept = (1.0 - bank.share) * exp(belief.log_share[k])
            belief.log_share[k] = log(kept + bank.share * bank.dealt[k] + 1e-300)


@inlined
def _is_mature(bank: Bank, belief: Belief, k: int, oldest: int) -> bool:
    """Whether member k has seen enough to take part; without a velocity it needs a row less than the others."""
    return oldest > 0 and belief.age[k] + 1 - bank.moves[k] >= min(oldest, MATURE)


@inlined
def choose(bank: Bank, belief: Belief, scratch: Scratch) -> None:
    """Fill the weights of the members that take part: they sum to 1, or are all 0 before the first observation."""
    oldest = 0
    for k in range(belief.age.shape[0]):
        oldest = max(oldest, belief.age[k])
    known = False
    for k in range(belief.age.shape[0]):
        known = known or (belief.shape[k] > 0.0 and _is_mature(bank, belief, k, oldest))
    total = 0.0
    for k in range(belief.age.shape[0]):
        takes_part = _is_mature(bank, belief, k, oldest) and (belief.shape[k] > 0.0 or not known)
        scratch.member[k] = exp(belief.log_share[k]) if takes_part else 0.0
        total += scratch.member[k]
    for k in range(belief.age.shape[0]):
        scratch.member[k] /= max(total, 1e-300)


@inlined
def learn(bank: Bank, belief: Belief, scratch: Scratch, way: int) -> tuple[float, float]:
    """Absorb the observation everywhere.

    way: LIVE, AGAIN or AFTER_JUMP. Returns its log density under the average, NaN if there is no scale yet, and its
    squared deviation where it is odd, else 0.
    """
    log_density, z2 = math.nan, 0.0
    scratch.log_gross[0] = -math.inf
    if way != AFTER_JUMP:
        log_density = _score(bank, belief, scratch)
    if way == LIVE and not math.isnan(log_density):
        z2 = judge(bank, belief, scratch)
    largest = 0.0
    for axis in range(scratch.observation.shape[0]):
        largest = max(largest, abs(scratch.observation[axis]))
    least = max(largest * largest * RESOLUTION, MIN_RESOLVED)
    for k in range(bank.nodes.shape[0]):
        gross = scratch.log_gross[0] > scratch.log_density[k] if way == LIVE else False
        kept_out = z2 > 0.0 and (gross or bank.outlier_share[k] == 0.0)
        _absorb(bank, belief, scratch, k, least, way, kept_out)
    if math.isnan(log_density):
        return log_density, z2
    if scratch.log_gross[0] > -math.inf:
        log_density = _log_sum(log_density + LOG_ORDINARY, scratch.log_gross[0])
    _reweigh(bank, belief, scratch, log_density, z2 > 0.0)
    if scratch.log_gross[0] > -math.inf and belief.suspect_rows[0] > 0:
        log_density = weigh_leaps(belief, scratch, log_density)
    return log_density, z2


@inlined
def _log_sum(one: float, other: float) -> float:
    """log(e^one + e^other); other may be -inf."""
    high, low = max(one, other), min(one, other)
    return high + math.log1p(math.exp(max(low - high, -700.0)))


@inlined
def _score(bank: Bank, belief: Belief, scratch: Scratch) -> float:
    """Log density of the observation under every member that has a scale, and under the average."""
    peak = -math.inf
    for k in range(bank.nodes.shape[0]):
        scratch.log_density[k] = math.nan
        square_innovations(bank, belief, scratch, k)
        if belief.shape[k] > 0.0:
            scratch.log_density[k] = score_nodes(bank, belief, scratch, k)
            if scratch.member[k] > 0.0:
                peak = max(peak, scratch.log_density[k])
    total = 0.0
    for k in range(bank.nodes.shape[0]):
        if scratch.member[k] > 0.0:
            total += scratch.member[k] * exp(scratch.log_density[k] - peak)
    return peak + log(total) if total > 0.0 else math.nan


@inlined
def _absorb(bank: Bank, belief: Belief, scratch: Scratch, k: int, least: float, way: int, kept_out: bool) -> None:
    """Take the observation into member k, as its age allows; what is kept out is a row that passed by."""
    count = belief.age[k]
    # the first observation whose innovation tells a scale
    telling = 1 + bank.moves[k]
    learns = count > telling and way != AFTER_JUMP and not kept_out
    scratch.member_outlier[k] = 0.0
    if way == AFTER_JUMP and count < SETTLED:
        return
    if count == 0:
        begin(bank, belief, scratch, k)
    waits = False
    if count == telling and way != AFTER_JUMP:
        waits = not learn_scale(bank, belief, scratch, k, least, least * ROUNDING)
    if count > 0 and not kept_out:
        absorb(bank, belief, scratch, k, learns, least)
    if scratch.log_gross[0] > -math.inf and not math.isnan(scratch.log_density[k]):
        scratch.member_outlier[k] = 1.0 / (1.0 + math.exp(min(scratch.log_density[k] - scratch.log_gross[0], 700.0)))
    if learns:
        outlier = 0.0
        for j in range(bank.first[k], bank.first[k + 1]):
            outlier += belief.weight[j] * scratch.outlier[j]
        scratch.member_outlier[k] += (1.0 - scratch.member_outlier[k]) * outlier
        if count >= 6 and (count < FOLLOW_CLOSELY or count % 8 == 0):
            follow(bank, belief, scratch, k)
    if way != AFTER_JUMP and not waits:
        belief.age[k] += 1


@inlined
def _reweigh(bank: Bank, belief: Belief, scratch: Scratch, log_density: float, odd: bool) -> None:
    """Move weight to the members that predicted better, and start again those that keep losing."""
    heaviest = 0
    total = 0.0
    for k in range(bank.nodes.shape[0]):
        if scratch.member[k] > 0.0:
            own = scratch.log_density[k]
            if scratch.log_gross[0] > -math.inf:
                own = _log_sum(own + LOG_ORDINARY, scratch.log_gross[0])
            gain = own - log_density
            belief.log_share[k] += gain
            if not odd:
                belief.deficit[k] += (min(-gain, DEFICIT_OF_A_ROW) - belief.deficit[k]) / DEFICIT_MEMORY
        total += exp(belief.log_share[k])
        if belief.log_share[k] > belief.log_share[heaviest]:
            heaviest = k
    log_total = log(total)
    for k in range(bank.nodes.shape[0]):
        belief.log_share[k] -= log_total
        if belief.deficit[k] > DEFICIT_LIMIT and k != heaviest:
            start_member(bank, belief, scratch, k, 0)
