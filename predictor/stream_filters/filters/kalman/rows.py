"""The loop over one stream's rows: a bank of grids, averaged by their evidence.

Each member is scored by its one-step log density, and the average moves towards the members that predict better.
A fixed share of the weight is dealt out again at every row, so that a member can come back (Herbster & Warmuth 1998,
Tracking the best expert). A member that keeps losing evidence starts again from its prior: whatever misled it, a first
value far from the rest or noise of another magnitude, is then behind it. A member that is too young to have a
variance takes no part and neither gains nor loses weight.
"""

import math
from typing import NamedTuple

import numpy as np

from stream_filters.filters.base import Floats
from stream_filters.filters.kalman.equations import (
    absorb,
    begin,
    fade,
    learn_scale,
    predict_nodes,
    score_nodes,
    square_innovations,
)
from stream_filters.filters.kalman.grid import place_nodes, start_member
from stream_filters.filters.kalman.moving_grid import follow
from stream_filters.filters.kalman.records import Bank, Belief, Report, Scratch, Sizes
from stream_filters.filters.kalman.report import report_belief, report_evidence, report_prediction
from stream_filters.filters.kalman.views import view_bank, view_belief, view_report, view_scratch
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.declarations import Integers
from stream_filters.filters.numerics.elementary import exp, log

# Observations until a member that started later than the others takes part.
MATURE = 8
LARGEST = float(np.finfo(np.float64).max)
# Every row, then every eighth, a grid is held against its posterior.
FOLLOW_CLOSELY = 64
# Recent deficit against the average: its memory, what one row can add, and where the member starts again, in nats.
DEFICIT_MEMORY = 32.0
DEFICIT_OF_A_ROW = 4.0
DEFICIT_LIMIT = 0.75
# Any common magnitude is computed with as it is. Others are brought near 1 by a power of two.
COMMON = 1e30
MAX_VALUE = 1e75
MAX_STEP_RATIO = 1e9
MAX_SCALE_RATIO = 1e9
# Smallest relative difference between two numbers, squared; below 2^12 of them an innovation is a rounding error.
RESOLUTION = 2.0**-104
ROUNDING = 2.0**24
MIN_RESOLVED = 1e-110


class Parts(NamedTuple):
    """What a bank is and works with, each record as the words that views.py lays out. states [S, words]: of streams."""

    bank: Floats
    scratch: Floats
    states: Floats


Rows = tuple[Floats, Floats, Floats]


@compiled
def filter_streams(rows: Rows, bounds: Integers, parts: Parts, out: tuple[Floats, Integers], sizes: Sizes) -> None:
    """Filter the rows of every stream, those of stream s from bounds[s] up to bounds[s + 1]: changes its state.

    rows: observations [R, D], NaN = missing, time deltas [R], and the scales [R] of the observations' noise.
    out: a buffer of R rows for each group's report, [groups, words], and where its fields start.
    """
    groups, _, _, axes = sizes
    observations, time_deltas, scales = rows
    buffers, starts = out
    buffers[:] = math.nan
    for s in range(bounds.shape[0] - 1):
        first, last = bounds[s], bounds[s + 1]
        for group in range(groups):
            own = observations[first:last, group * axes : (group + 1) * axes]
            report = view_report(buffers[group], starts, first, last - first, sizes)
            belief = view_belief(parts.states[s], sizes, group)
            scratch = view_scratch(parts.scratch, sizes)
            _filter_rows(
                (own, time_deltas[first:last], scales[first:last]),
                view_bank(parts.bank, sizes),
                belief,
                scratch,
                report,
            )
    # no infinity: what exceeds the largest double is reported as that
    for group in range(groups):
        buffer = buffers[group]
        for i in range(buffer.shape[0]):
            if abs(buffer[i]) > LARGEST:
                buffer[i] = math.copysign(LARGEST, buffer[i])


@compiled
def begin_group(parts: Parts, sizes: Sizes, group: int) -> None:
    """Put a group of the first state to its prior."""
    bank = view_bank(parts.bank, sizes)
    belief = view_belief(parts.states[0], sizes, group)
    scratch = view_scratch(parts.scratch, sizes)
    belief.unit[0] = 0.0
    for k in range(bank.nodes.shape[0]):
        belief.log_share[k] = math.log(bank.base[k])
        start_member(bank, belief, scratch, k, -bank.delay[k])


@inlined
def _filter_rows(rows: Rows, bank: Bank, belief: Belief, scratch: Scratch, report: Report) -> None:
    """The loop over the rows."""
    observations, time_deltas, scales = rows
    for k in range(bank.nodes.shape[0]):
        place_nodes(bank, belief, scratch, k)
    for t in range(observations.shape[0]):
        ratio = time_deltas[t] / bank.time_delta
        dt = min(max(ratio, 1.0 / MAX_STEP_RATIO), MAX_STEP_RATIO)
        scale = min(max(scales[t], 1.0 / MAX_SCALE_RATIO), MAX_SCALE_RATIO)
        scratch.widened[0] = scale * scale
        observed = _read(observations[t], belief, scratch)
        _predict(bank, belief, scratch, dt, observed)
        _choose(belief, scratch)
        report_prediction(t, bank, belief, scratch, report, observed)
        if observed:
            log_density = _learn(bank, belief, scratch)
            _choose(belief, scratch)
            report_evidence(t, belief, scratch, report, log_density)
        report_belief(t, bank, belief, scratch, report)


@compiled
def _read(row: Floats, belief: Belief, scratch: Scratch) -> bool:
    """Bring a row into the belief's unit; False if any of its values is missing."""
    largest = 0.0
    for axis in range(row.shape[0]):
        if math.isnan(row[axis]):
            return False
        largest = max(largest, abs(row[axis]))
    if belief.unit[0] == 0.0 and largest > 0.0:
        belief.unit[0] = 1.0
        if largest > COMMON or largest < 1.0 / COMMON:
            belief.unit[0] = math.ldexp(1.0, min(max(math.frexp(largest)[1], -1000), 1000))
    unit = belief.unit[0] if belief.unit[0] > 0.0 else 1.0
    for axis in range(row.shape[0]):
        scratch.observation[axis] = min(max(row[axis] / unit, -MAX_VALUE), MAX_VALUE)
    return True


@inlined
def _predict(bank: Bank, belief: Belief, scratch: Scratch, dt: float, observed: bool) -> None:
    """Move every member to this row; where something is to be learnt, forget and deal out the fixed share first."""
    for k in range(bank.nodes.shape[0]):
        if belief.age[k] >= 1:
            predict_nodes(bank, belief, scratch, k, dt)
        if observed and belief.age[k] >= 3 and bank.keep[k] < 1.0:
            fade(bank, belief, scratch, k)
        if observed:
            kept = (1.0 - bank.share) * exp(belief.log_share[k])
            belief.log_share[k] = log(kept + bank.share * bank.dealt[k] + 1e-300)


@compiled
def _knowledge(shape: float) -> int:
    """What a Student-t with this shape has: 0 no scale, 1 a scale, 2 a variance."""
    if shape > 1.0:
        return 2
    return 1 if shape > 0.0 else 0


@inlined
def _choose(belief: Belief, scratch: Scratch) -> None:
    """Fill the weights of the members that take part: they sum to 1, or are all 0 before the first observation."""
    oldest = 0
    known = 0
    for k in range(belief.age.shape[0]):
        oldest = max(oldest, belief.age[k])
        known = max(known, _knowledge(belief.shape[k]))
    total = 0.0
    for k in range(belief.age.shape[0]):
        takes_part = oldest > 0 and belief.age[k] >= min(oldest, MATURE) and _knowledge(belief.shape[k]) == known
        scratch.member[k] = exp(belief.log_share[k]) if takes_part else 0.0
        total += scratch.member[k]
    for k in range(belief.age.shape[0]):
        scratch.member[k] /= max(total, 1e-300)


@inlined
def _learn(bank: Bank, belief: Belief, scratch: Scratch) -> float:
    """Absorb the observation everywhere; returns its log density under the average, NaN if there is no scale yet."""
    log_density = _score(bank, belief, scratch)
    largest = 0.0
    for axis in range(scratch.observation.shape[0]):
        largest = max(largest, abs(scratch.observation[axis]))
    least = max(largest * largest * RESOLUTION, MIN_RESOLVED)
    for k in range(bank.nodes.shape[0]):
        _absorb(bank, belief, scratch, k, least)
    if not math.isnan(log_density):
        _reweigh(bank, belief, scratch, log_density)
    return log_density


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
def _absorb(bank: Bank, belief: Belief, scratch: Scratch, k: int, least: float) -> None:
    """Take the observation into member k, as its age allows."""
    count = belief.age[k]
    scratch.member_outlier[k] = 0.0
    if count == 0:
        begin(bank, belief, scratch, k)
    elif count == 1:
        absorb(bank, belief, scratch, k, False, least)
    elif count == 2:
        learnt = learn_scale(bank, belief, scratch, k, least, least * ROUNDING)
        absorb(bank, belief, scratch, k, False, least)
        if not learnt:
            return
    elif count >= 3:
        absorb(bank, belief, scratch, k, True, least)
        for j in range(bank.first[k], bank.first[k + 1]):
            scratch.member_outlier[k] += belief.weight[j] * scratch.outlier[j]
        if count >= 6 and (count < FOLLOW_CLOSELY or count % 8 == 0):
            follow(bank, belief, scratch, k)
    belief.age[k] += 1


@inlined
def _reweigh(bank: Bank, belief: Belief, scratch: Scratch, log_density: float) -> None:
    """Move weight to the members that predicted better, and start again those that keep losing."""
    heaviest = 0
    total = 0.0
    for k in range(bank.nodes.shape[0]):
        if scratch.member[k] > 0.0:
            gain = scratch.log_density[k] - log_density
            belief.log_share[k] += gain
            belief.deficit[k] += (min(-gain, DEFICIT_OF_A_ROW) - belief.deficit[k]) / DEFICIT_MEMORY
        total += exp(belief.log_share[k])
        if belief.log_share[k] > belief.log_share[heaviest]:
            heaviest = k
    log_total = log(total)
    for k in range(bank.nodes.shape[0]):
        belief.log_share[k] -= log_total
        if belief.deficit[k] > DEFICIT_LIMIT and k != heaviest:
            start_member(bank, belief, scratch, k, 0)
