"""What a belief keeps of its last rows: the unit of time, and the rows themselves, to go through them again.

Nothing tells in which unit time deltas come: the unit is the median of the first of them, so that results are the same
whatever it is. A first delta unlike those that follow is found out when the median moves; the few rows so far are then
gone through again in the new unit. A `time_delta` that is given rules instead.
"""

import math

from stream_filters.filters.base import Floats
from stream_filters.filters.kalman.records import FIRST_DELTAS, RECENT, Bank, Belief, Scratch
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.student_t import log_gamma_half_step

# How far the median may move, as a factor, before the rows are gone through again.
SAME_UNIT = 1.25
# Differences between recent rows that must not be 0, so that they tell a scale.
_TELLING = 4
LOG_PI = math.log(math.pi)
_LOG_3 = math.log(3.0)


@compiled
def learn_step(bank: Bank, belief: Belief, delta: float) -> bool:
    """Count the time delta of a row observed; returns whether rows so far were absorbed in another unit."""
    seen = belief.deltas_seen[0]
    if bank.time_delta > 0.0 or seen > FIRST_DELTAS:
        return False
    belief.deltas_seen[0] = seen + 1
    if seen == 0:
        return False
    place = seen - 1
    while place > 0 and belief.first_deltas[place - 1] > delta:
        belief.first_deltas[place] = belief.first_deltas[place - 1]
        place -= 1
    belief.first_deltas[place] = delta
    median = belief.first_deltas[(seen - 1) // 2]
    step = belief.step[0]
    if step > 0.0 and median <= SAME_UNIT * step and step <= SAME_UNIT * median:
        return False
    belief.step[0] = median
    return step > 0.0 and belief.recent_rows[0] > 0


@compiled
def remember(belief: Belief, scratch: Scratch) -> None:
    """Keep the row observed, and the time since the one observed before."""
    axes = belief.position.shape[0]
    for i in range(RECENT - 1):
        for column in range(axes + 2):
            belief.recent[i, column] = belief.recent[i + 1, column]
    for axis in range(axes):
        belief.recent[RECENT - 1, axis] = scratch.observation[axis]
    belief.recent[RECENT - 1, axes] = belief.elapsed[0]
    belief.recent[RECENT - 1, axes + 1] = math.sqrt(scratch.widened[0])
    belief.elapsed[0] = 0.0
    belief.recent_rows[0] = min(belief.recent_rows[0] + 1, RECENT)


@inlined
def _log_t(square: float, scale2: float, dof: float, axes: int) -> float:
    """Log density of a spherical Student-t at a squared distance from its centre."""
    constant = log_gamma_half_step(0.5 * dof)
    if axes > 1:
        constant += log_gamma_half_step(0.5 * dof + 0.5)
    if axes > 2:
        constant += log_gamma_half_step(0.5 * dof + 1.0)
    spread = dof * scale2
    return constant - 0.5 * axes * (LOG_PI + math.log(spread)) - 0.5 * (dof + axes) * math.log1p(square / spread)


@compiled
def log_fresh(belief: Belief, observation: Floats) -> float:
    """Log density of the observation for who knows nothing but the rows kept, NaN if they do not tell a scale.

    In equal parts: the last value, the last two in a line, the mean of all, each with their own Student-t.
    """
    axes = belief.position.shape[0]
    if belief.recent_rows[0] < RECENT:
        return math.nan
    n = RECENT
    telling = 0
    step2 = bend2 = spread2 = off_last = off_line = off_mean = 0.0
    for axis in range(axes):
        column = belief.recent[:, axis]
        mean = 0.0
        for i in range(n):
            mean += column[i] / n
        for i in range(n):
            spread2 += (column[i] - mean) ** 2
            if i > 0:
                change = column[i] - column[i - 1]
                step2 += change * change
                telling += 1 if change != 0.0 else 0
            if i > 1:
                bend2 += (column[i] - 2.0 * column[i - 1] + column[i - 2]) ** 2
        y = observation[axis]
        off_mean += (y - mean) ** 2
        off_last += (y - column[n - 1]) ** 2
        off_line += (y - 2.0 * column[n - 1] + column[n - 2]) ** 2
    if telling < _TELLING * axes or bend2 == 0.0:
        return math.nan
    last = _log_t(off_last, step2 / ((n - 1) * axes), float((n - 1) * axes), axes)
    line = _log_t(off_line, bend2 / ((n - 2) * axes), float((n - 2) * axes), axes)
    level = _log_t(off_mean, spread2 * (1.0 + 1.0 / n) / ((n - 1) * axes), float((n - 1) * axes), axes)
    peak = max(last, line, level)
    return peak + math.log(math.exp(last - peak) + math.exp(line - peak) + math.exp(level - peak)) - _LOG_3
