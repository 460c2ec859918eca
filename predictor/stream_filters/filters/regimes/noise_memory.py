"""Noise that remembers: a residual is followed by a part of itself, as far as the stream shows it.

y_t = level_t + n_t,  n_t = phi n_t-1 + e_t,  e ~ N(0, V): an autoregression of order 1 around the levels (West &
Harrison, Bayesian Forecasting and Dynamic Models, ch. 9). Every hypothesis has its own phi: the mean over a model
without memory and one whose phi is estimated, weighed by their evidence.
"""

import math

from stream_filters.filters.numerics.compiled import inlined
from stream_filters.filters.numerics.elementary import exp, log
from stream_filters.filters.regimes.records import (
    CONSTANT,
    CURRENT,
    DRIFTING,
    DRIFTS,
    EMPTY,
    FAULTY,
    GAP,
    LAST,
    LEVEL,
    RATE,
    SEEN,
    SHAPE,
    SLOPE,
    Belief,
    Settings,
    Work,
)

# Products of residuals are summed over so many observations.
_ROWS = 500.0
# Prior of phi where the noise has memory: N(0, 1 / so many observations).
_STRENGTH = 5.0
# Residuals count up to so many standard deviations.
_WINSOR = 4.0
_NEGLIGIBLE = 0.01


@inlined
def find_memories(belief: Belief, settings: Settings, work: Work) -> None:
    """Fill `work.memory` and `work.residual`, of every hypothesis."""
    if settings.noise_memory == 0.0:
        work.memory[:] = 0.0
        work.residual[:] = 0.0
        return
    rows = min(float(belief.clock[SEEN]), _ROWS)
    odds = math.log(settings.noise_memory / (1.0 - settings.noise_memory)) - 0.5 * math.log(1.0 + rows / _STRENGTH)
    for m in range(work.memory.shape[0]):
        # sum of the products over V is n phi / (1 - phi²)
        ratio = belief.echo[m] / (_STRENGTH + rows)
        phi = 2.0 * ratio / (1.0 + math.sqrt(1.0 + 4.0 * ratio * ratio))
        share = 1.0 / (1.0 + exp(0.5 * rows * log(1.0 - phi * phi) - odds))
        work.memory[m] = phi * share if share > _NEGLIGIBLE else 0.0
    for m in range(work.memory.shape[0]):
        work.residual[m] = 0.0
        if work.memory[m] != 0.0 and belief.log_weight[m] > EMPTY and belief.course[FAULTY] < 0.5:
            level, std = _current_level(belief, m, float(belief.clock[GAP]))
            work.residual[m] = min(max(belief.course[LAST] - level, -_WINSOR * std), _WINSOR * std)


@inlined
def _current_level(belief: Belief, m: int, ago: float) -> tuple[float, float]:
    """Level, so many rows ago, and the noise's std of hypothesis m's current regime, its variants weighed."""
    regimes, k = belief.regimes, belief.status[m, CURRENT]
    drifting = regimes[DRIFTS, m, k]
    level = (1.0 - drifting) * regimes[LEVEL + CONSTANT, m, k] + drifting * (
        regimes[LEVEL + DRIFTING, m, k] - ago * regimes[SLOPE, m, k]
    )
    rate = (1.0 - drifting) * regimes[RATE + CONSTANT, m, k] + drifting * regimes[RATE + DRIFTING, m, k]
    return level, math.sqrt(rate / regimes[SHAPE, m, k])


@inlined
def spread_noise(belief: Belief, work: Work, rows: float, scale2: float) -> None:
    """Fill `work.noise`, `work.shift` and `work.lever` for the row that comes `rows` after the last observation."""
    regimes = work.share.shape[1]
    for m in range(work.memory.shape[0]):
        phi = work.memory[m]
        left = phi if rows == 1.0 else (0.0 if phi == 0.0 else math.copysign(1.0, phi) ** rows * abs(phi) ** rows)
        noise = scale2 * (1.0 - left * left) / (1.0 - phi * phi)
        for k in range(regimes):
            i = m * regimes + k
            work.noise[i], work.shift[i], work.lever[i] = noise, left * work.residual[m], 1.0
        work.lever[m * regimes + belief.status[m, CURRENT]] = (1.0 - left) * (1.0 - left)


@inlined
def learn_memory(belief: Belief, settings: Settings, m: int, y: float) -> float:
    """The sum of products after y, which hypothesis m's current regime is about to learn."""
    if settings.noise_memory == 0.0 or belief.clock[GAP] > 0:
        return belief.echo[m]
    earlier, std = _current_level(belief, m, 1.0)
    level, std = _current_level(belief, m, 0.0)
    limit = _WINSOR * std
    before = min(max(belief.course[LAST] - earlier, -limit), limit) if belief.course[FAULTY] < 0.5 else 0.0
    product = before * min(max(y - level, -limit), limit) / (std * std)
    return belief.echo[m] * (1.0 - 1.0 / _ROWS) + product
