"""The loop over one stream's rows.

A row is read, predicted, reported and learnt. After some rows those that are kept are gone through again: after a jump,
from where the target jumped to; and where a belief without a past has predicted better for a while, by a belief that
starts again. So a mark before the stream, or a scale that no longer is, does not mislead for long.
"""

import math
from typing import NamedTuple

import numpy as np

from stream_filters.filters.base import Floats
from stream_filters.filters.kalman.averaging import AFTER_JUMP, AGAIN, LIVE, SETTLED, choose, learn, predict
from stream_filters.filters.kalman.bands import step_of
from stream_filters.filters.kalman.grid import place_nodes, start_again, start_member
from stream_filters.filters.kalman.jumps import decide, owe, predict_leaps, suspect
from stream_filters.filters.kalman.recent import learn_step, log_fresh, remember
from stream_filters.filters.kalman.records import RECENT, Bank, Belief, Report, Scratch, Sizes
from stream_filters.filters.kalman.report import report_belief, report_evidence, report_prediction
from stream_filters.filters.kalman.views import view_bank, view_belief, view_report, view_scratch
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.declarations import Integers

LARGEST = float(np.finfo(np.float64).max)
# Any common magnitude is computed with as it is. Others are brought near 1 by a power of two.
COMMON = 1e30
MAX_VALUE = 1e75
MAX_STEP_RATIO = 1e9
MAX_SCALE_RATIO = 1e9
# How much a belief without a past may gain in a row, and where all starts again, in nats.
FRESH_GAIN = 6.0
FRESH_LIMIT = 12.0


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
    belief.step[0] = bank.time_delta
    for k in range(bank.nodes.shape[0]):
        belief.log_share[k] = math.log(bank.base[k])
        start_member(bank, belief, scratch, k, -bank.delay[k])


@inlined
def _filter_rows(rows: Rows, bank: Bank, belief: Belief, scratch: Scratch, report: Report) -> None:
    """The loop over the rows."""
    observations, time_deltas, scales = rows
    for k in range(bank.nodes.shape[0]):
        place_nodes(bank, belief, scratch, k)
    t = again = 0
    way = LIVE
    begun = done = False
    lag = 0.0
    # one body for rows that come and rows that are gone through again, so that it is compiled once
    while t < observations.shape[0]:
        if not begun:
            begun, lag = True, 0.0
            if _is_whole(observations[t]) and learn_step(bank, belief, time_deltas[t]):
                start_again(bank, belief, scratch)
                again, way, lag = belief.recent_rows[0], AGAIN, belief.elapsed[0]
        observed = True
        if again > 0:
            delta = _recall(belief, scratch, RECENT - again)
            again -= 1
        else:
            way, done = LIVE, True
            delta = time_deltas[t] + lag
            observed = _read(observations[t], scales[t], belief, scratch)
        dt = min(max(delta / step_of(belief), 1.0 / MAX_STEP_RATIO), MAX_STEP_RATIO)
        predict(bank, belief, scratch, dt, observed and way != AFTER_JUMP, SETTLED if way == AFTER_JUMP else 1)
        choose(bank, belief, scratch)
        if way == LIVE:
            belief.elapsed[0] += time_deltas[t]
            predict_leaps(belief, scratch)
            report_prediction(t, bank, belief, scratch, report, observed)
        if observed:
            log_density, z2 = learn(bank, belief, scratch, way)
            if way == LIVE:
                choose(bank, belief, scratch)
                report_evidence(t, belief, scratch, report, log_density)
                again, way = _look_back(bank, belief, scratch, dt, log_density, z2)
        if done and again == 0:
            choose(bank, belief, scratch)
            report_belief(t, bank, belief, scratch, report)
            begun = done = False
            t += 1


@compiled
def _look_back(
    bank: Bank, belief: Belief, scratch: Scratch, dt: float, log_density: float, z2: float
) -> tuple[int, int]:
    """Keep the row, and decide how many of those kept are to be gone through again, and in which way."""
    fresh = log_fresh(belief, scratch.observation)
    if not (math.isnan(fresh) or math.isnan(log_density)):
        gain = min(fresh - log_density, FRESH_GAIN)
        belief.fresh_lead[0] = max(belief.fresh_lead[0] + gain, 0.0)
    remember(belief, scratch)
    if belief.fresh_lead[0] > FRESH_LIMIT:
        start_again(bank, belief, scratch)
        return belief.recent_rows[0], AGAIN
    if belief.suspect_rows[0] > 0:
        belief.suspect_rows[0] += 1
        if z2 > 0.0:
            owe(belief, z2)
        return decide(bank, belief, scratch), AFTER_JUMP
    if z2 > 0.0:
        suspect(bank, belief, scratch, dt, z2)
    return 0, LIVE


@compiled
def _recall(belief: Belief, scratch: Scratch, place: int) -> float:
    """Bring back a row that was kept; returns the time since the one before."""
    axes = belief.position.shape[0]
    for axis in range(axes):
        scratch.observation[axis] = belief.recent[place, axis]
    scratch.widened[0] = belief.recent[place, axes + 1] ** 2
    return belief.recent[place, axes]


@inlined
def _is_whole(row: Floats) -> bool:
    """Whether no value of the row is missing."""
    whole = True
    for axis in range(row.shape[0]):
        whole = whole and not math.isnan(row[axis])
    return whole


@compiled
def _read(row: Floats, scale: float, belief: Belief, scratch: Scratch) -> bool:
    """Bring a row into the belief's unit; False if any of its values is missing."""
    bounded = min(max(scale, 1.0 / MAX_SCALE_RATIO), MAX_SCALE_RATIO)
    scratch.widened[0] = bounded * bounded
    if not _is_whole(row):
        return False
    largest = 0.0
    for axis in range(row.shape[0]):
        largest = max(largest, abs(row[axis]))
    if belief.unit[0] == 0.0 and largest > 0.0:
        belief.unit[0] = 1.0
        if largest > COMMON or largest < 1.0 / COMMON:
            belief.unit[0] = math.ldexp(1.0, min(max(math.frexp(largest)[1], -1000), 1000))
    unit = belief.unit[0] if belief.unit[0] > 0.0 else 1.0
    for axis in range(row.shape[0]):
        scratch.observation[axis] = min(max(row[axis] / unit, -MAX_VALUE), MAX_VALUE)
    return True
