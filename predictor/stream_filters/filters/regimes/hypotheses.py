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
from stream_filters.filters.regimes.equations import base_log_density, regime_log_densities
from stream_filters.filters.regimes.records import (
    BORN,
    CURRENT,
    EMPTY,
    SEEN,
    Belief,
    Settings,
    Work,
    arrive,
)

# Probabilities below this count as this where their log is taken.
_LEAST = 1e-300


@inlined
def expect(belief: Belief, settings: Settings, work: Work) -> None:
    """Fill `work.masses` for the row after the belief: through the transition matrix, and what comes back or is new.

    The first observation belongs to the first regime. When all regimes are in use, the share `recycle` of the changes
    needs a new one; without reuse all do, and arrival holds only the mass that stays. Outliers have a beta prior worth
    one outlier; the stream is in the same regime as before them.
    """
    masses = work.masses
    regimes = masses.known.shape[1]
    first = belief.clock[SEEN] == 0
    seen = min(float(belief.clock[SEEN]), settings.memory)
    for m in range(belief.log_weight.shape[0]):
        if belief.log_weight[m] == EMPTY:
            continue
        current = belief.status[m, CURRENT]
        arrive(belief.occupancy, belief.transitions, settings, m, work.row, masses.arrival)
        stay = 1.0 if first else masses.arrival[m, current]
        fresh = 0.0
        for k in range(regimes):
            masses.known[m, k] = 0.0
            if first or not settings.reuse:
                fresh = 1.0 - stay
            elif belief.status[m, BORN] == regimes:
                fresh = settings.recycle * (1.0 - stay)
                masses.known[m, k] = (1.0 - settings.recycle) * masses.arrival[m, k]
            elif k < belief.status[m, BORN]:
                masses.known[m, k] = masses.arrival[m, k]
            else:
                fresh += masses.arrival[m, k]
        rate = 0.0
        if settings.outlier_rate > 0.0:
            rate = min((1.0 + belief.outliers[m]) / (1.0 / settings.outlier_rate + seen), 0.5)
        masses.known[m, current] = stay * (1.0 - rate)
        masses.outlier[m] = stay * rate
        masses.fresh[m] = fresh


@inlined
def _offers(belief: Belief, work: Work, base: float) -> None:
    """Fill `work.grow`, `work.responsibility` and `work.offer`, by slot.

    base: log density of the observation under the base measure.
    """
    known, fresh, outlier = work.flat_known, work.masses.fresh, work.masses.outlier
    regimes = work.share.shape[1]
    for i in range(known.shape[0]):
        work.scores[i] = log(max(known[i], _LEAST)) + work.density[i]
    for m in range(fresh.shape[0]):
        work.beside[m] = log(max(outlier[m], _LEAST)) + base
        work.begun[m] = log(max(fresh[m], _LEAST)) + base
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
def weigh(belief: Belief, settings: Settings, work: Work, y: float) -> tuple[float, float]:
    """Fill `work` with the unnormalised log weights of all successors.

    Returns the log evidence of y, and the probability that y was an outlier.
    """
    regime_log_densities(settings, work, y)
    _offers(belief, work, base_log_density(belief, settings, y))
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


@inlined
def next_new_regime(belief: Belief, m: int) -> int:
    """The place of hypothesis m's next new regime: the first unborn, or the one that it can best do without."""
    regimes = belief.regimes.shape[2]
    if belief.status[m, BORN] < regimes:
        return belief.status[m, BORN]
    oldest = 0
    for k in range(regimes):
        if oldest == belief.status[m, CURRENT] or (
            k != belief.status[m, CURRENT] and belief.last_used[m, k] < belief.last_used[m, oldest]
        ):
            oldest = k
    return oldest
