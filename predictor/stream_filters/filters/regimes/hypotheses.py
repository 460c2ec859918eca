"""What each hypothesis expects of the next observation, and the weights of all that can follow from it.

The run-length recursion of Adams & MacKay (2007), Bayesian online changepoint detection, with regimes that are met
again: every hypothesis grows, and for every regime one new hypothesis arises that the stream changed to it, with the
summed weight of all that it can come from and the statistics of the heaviest of them. The M heaviest stay.
"""

import math

import numpy as np

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import dot, exp, largest, log, log1p, total
from stream_filters.filters.regimes.equations import regime_log_densities
from stream_filters.filters.regimes.expectations import base_log_densities, outlier_share
from stream_filters.filters.regimes.noise_memory import spread_noise
from stream_filters.filters.regimes.records import (
    BORN,
    CURRENT,
    EMPTY,
    GAP,
    ROWS,
    SEEN,
    SHAPE,
    Belief,
    Settings,
    Work,
)
from stream_filters.filters.regimes.transitions import arrive

# Share of the changes that may replace a regime that is worth nothing, and how fast it falls with what it is worth.
_SPARED, _WORTH = 0.1, 10.0
# Probabilities below this count as this where their log is taken.
_LEAST = 1e-300


@inlined
def _worth(belief: Belief, settings: Settings, m: int, k: int) -> float:
    """Observations of hypothesis m's regime k, for the rows since the last of them."""
    unused = float(belief.clock[ROWS] - belief.last_used[m, k])
    return 2.0 * (belief.regimes[SHAPE, m, k] - settings.variance_shape + 0.5) / (unused + settings.dwell)


@inlined
def next_new_regime(belief: Belief, settings: Settings, m: int) -> int:
    """The place of hypothesis m's next new regime: the first unborn, or the one that it can best do without."""
    regimes = belief.regimes.shape[2]
    if belief.status[m, BORN] < regimes:
        return belief.status[m, BORN]
    least, place = math.inf, 0
    for k in range(regimes):
        if k != belief.status[m, CURRENT] or regimes == 1:
            worth = _worth(belief, settings, m, k)
            if worth < least:
                least, place = worth, k
    return place


@inlined
def expect(belief: Belief, settings: Settings, work: Work, ahead: float, scale2: float) -> None:
    """Fill `work.masses` and the noise for the row `ahead` rows after those seen or missed.

    Through the transition matrix, and what comes back or is new. The first observation belongs to the first regime.
    When all regimes are in use, a share of the changes needs a new one: `recycle`, and more if there is a regime to
    spare. Without reuse all do, and arrival holds only the mass that stays. The stream is in the same regime as before
    outliers. scale2: of the row's noise, relative.
    """
    masses = work.masses
    regimes = masses.known.shape[1]
    first = belief.clock[SEEN] == 0
    rate = outlier_share(belief, settings)
    for m in range(belief.log_weight.shape[0]):
        if belief.log_weight[m] == EMPTY:
            continue
        current = belief.status[m, CURRENT]
        arrive(belief, settings, work, m)
        stay = 1.0 if first else masses.arrival[m, current]
        fresh, recycled = 0.0, settings.recycle
        if belief.status[m, BORN] == regimes and not settings.fixed and settings.reuse and regimes > 1:
            recycled += _SPARED * exp(-_WORTH * _worth(belief, settings, m, next_new_regime(belief, settings, m)))
        for k in range(regimes):
            masses.known[m, k] = 0.0
            if first or not settings.reuse:
                fresh = 1.0 - stay
            elif belief.status[m, BORN] == regimes:
                fresh = recycled * (1.0 - stay)
                masses.known[m, k] = (1.0 - recycled) * masses.arrival[m, k]
            elif k < belief.status[m, BORN]:
                masses.known[m, k] = masses.arrival[m, k]
            else:
                fresh += masses.arrival[m, k]
        masses.known[m, current] = stay * (1.0 - rate)
        masses.outlier[m] = stay * rate
        masses.fresh[m] = fresh
    spread_noise(belief, work, float(belief.clock[GAP]) + ahead, scale2)


@inlined
def _offers(belief: Belief, work: Work, begin: float, stray: float) -> None:
    """Fill `work.grow`, `work.responsibility` and `work.offer`, by slot.

    begin, stray: log density of the observation as the first of a new regime, and as an outlier.
    """
    known, fresh, outlier = work.flat_known, work.masses.fresh, work.masses.outlier
    regimes = work.share.shape[1]
    for i in range(known.shape[0]):
        work.scores[i] = log(max(known[i], _LEAST)) + work.density[i]
    for m in range(fresh.shape[0]):
        work.beside[m] = log(max(outlier[m], _LEAST)) + stray
        work.begun[m] = log(max(fresh[m], _LEAST)) + begin
    for m in range(fresh.shape[0]):
        log_weight, current, born = belief.log_weight[m], belief.status[m, CURRENT], belief.status[m, BORN]
        for slot in range(regimes + 1):
            work.offer[slot, m] = EMPTY
        if log_weight == EMPTY:
            work.grow[m] = EMPTY
            continue
        for k in range(born):
            if k != current and known[m * regimes + k] > 0.0:
                work.offer[k, m] = log_weight + work.scores[m * regimes + k]
        if fresh[m] > 0.0:
            work.offer[min(born, regimes), m] = log_weight + work.begun[m]
        work.grow[m] = work.scores[m * regimes + current]
    for m in range(fresh.shape[0]):
        regular = max(work.grow[m], -1e300)
        lighter = exp(-abs(regular - work.beside[m]))
        share = (1.0 if regular > work.beside[m] else lighter) / (1.0 + lighter)
        either = max(regular, work.beside[m]) + log1p(lighter)
        work.responsibility[m] = share if outlier[m] > 0.0 else 1.0
        work.grow[m] = belief.log_weight[m] + (either if outlier[m] > 0.0 else regular)


@inlined
def weigh(belief: Belief, settings: Settings, work: Work, y: float, scale2: float) -> tuple[float, float]:
    """Fill `work` with the unnormalised log weights of all successors.

    Returns the log evidence of y, and the probability that y was an outlier.
    """
    regime_log_densities(settings, work, y)
    begin, stray = base_log_densities(belief, settings, y, scale2)
    _offers(belief, work, begin, stray)
    none, hypotheses = np.uint64(0), np.uint64(work.grow.shape[0])
    top = largest(work.grow, none, hypotheses)
    for slot in range(work.change.shape[0]):
        top = max(top, largest(work.offer[slot], none, hypotheses))
    for m in range(work.grow.shape[0]):
        work.beside[m] = exp(work.grow[m] - top)
        work.begun[m] = 1.0 - work.responsibility[m]
    mass = total(work.beside, none, hypotheses)
    outlier = dot(work.beside, work.begun, none, hypotheses)
    for slot in range(work.change.shape[0]):
        work.source[slot] = _heaviest_offer(work.offer[slot])
        work.change[slot] = work.offer[slot, work.source[slot]]
        if work.change[slot] == EMPTY:
            continue
        peak = work.change[slot]
        for m in range(work.grow.shape[0]):
            work.beside[m] = exp(work.offer[slot, m] - peak) if work.offer[slot, m] > EMPTY else 0.0
        work.change[slot] = peak + math.log(total(work.beside, none, hypotheses))
        mass += math.exp(work.change[slot] - top)
    return top + math.log(mass), outlier / mass


@compiled
def _heaviest_offer(offers: Floats) -> int:
    """The first hypothesis that offers most."""
    best = 0
    for m in range(1, offers.shape[0]):
        if offers[m] > offers[best]:
            best = m
    return best
