"""What each hypothesis expects of the next observation, and the weights of all that can follow from it.

The run-length recursion of Adams & MacKay (2007), Bayesian online changepoint detection, with regimes that are met
again: every hypothesis grows, and for every regime one new hypothesis arises that the stream changed to it, with the
summed weight of all that it can come from and the statistics of the heaviest of them. The M heaviest stay.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from stream_filters.filters.base import Array, Floats
from stream_filters.filters.regime_belief import (
    BORN,
    CURRENT,
    EMPTY,
    SEEN,
    Belief,
    Settings,
    arrive,
    belief_dtype,
    views,
)
from stream_filters.filters.regime_emission import base_log_density, regime_log_density


class Masses(NamedTuple):
    """Where each hypothesis expects the next observation to come from; a hypothesis's masses sum to 1."""

    arrival: Floats  # [M, K], distribution of the regime
    known: Floats  # [M, K], of being in a regime that was met, as a regular observation
    fresh: Floats  # [M], of being in a regime never met
    outlier: Floats  # [M], of being an outlier


class Work(NamedTuple):
    """Scratch of a run. Slot k < K of the changes: to regime k; slot K: to a regime that replaces an old one."""

    masses: Masses
    normaliser: Floats  # [M, K], log_normaliser of each regime
    density: Floats  # [M, K], log density of the observation
    share: Floats  # [M, K], posterior probability of the drifting variant
    grow: Floats  # [M], log weight when the regime stays
    responsibility: Floats  # [M], probability that the observation was no outlier
    offer: Floats  # [M, K + 1], log weight of each hypothesis's change into each slot
    change: Floats  # [K + 1], log of their sums
    source: Array  # [K + 1], the hypothesis that offers most
    target: Array  # [K + 1], hypothesis that the change takes the place of, -1 = none
    fresh: Belief  # K + 1 hypotheses
    fresh_normaliser: Floats  # [K + 1, K]


def masses_for(hypotheses: int, regimes: int) -> Masses:
    """Room for M hypotheses about K regimes."""
    by_regime = (hypotheses, regimes)
    return Masses(np.zeros(by_regime), np.zeros(by_regime), np.zeros(hypotheses), np.zeros(hypotheses))


def scratch(hypotheses: int, regimes: int) -> Work:
    """Scratch for M hypotheses about K regimes."""
    m, k = hypotheses, regimes
    return Work(
        masses=masses_for(m, k),
        normaliser=np.zeros((m, k)),
        density=np.zeros((m, k)),
        share=np.zeros((m, k)),
        grow=np.zeros(m),
        responsibility=np.zeros(m),
        offer=np.zeros((m, k + 1)),
        change=np.zeros(k + 1),
        source=np.zeros(k + 1, np.int64),
        target=np.zeros(k + 1, np.int64),
        fresh=views(np.zeros((), belief_dtype(k + 1, k))),
        fresh_normaliser=np.zeros((k + 1, k)),
    )


@njit(nogil=True, cache=True, error_model="numpy")
def log_add(a: float, b: float) -> float:
    """log(exp(a) + exp(b)), also where both are zero."""
    top = max(a, b)
    return top if top == EMPTY else top + math.log1p(math.exp(min(a, b) - top))


@njit(nogil=True, cache=True, error_model="numpy")
def expect(belief: Belief, settings: Settings, masses: Masses) -> None:
    """Fill `masses` for the row after the belief: through the transition matrix, and what comes back or is new.

    The first observation belongs to the first regime. When all regimes are in use, the share `recycle` of the changes
    needs a new one; without reuse all do, and arrival holds only the mass that stays. Outliers have a beta prior worth
    one outlier; the stream is in the same regime as before them.
    """
    regimes = masses.known.shape[1]
    row = np.empty(regimes)
    first = belief.clock[SEEN] == 0
    seen = min(float(belief.clock[SEEN]), settings.memory)
    for m in range(belief.log_weight.shape[0]):
        if belief.log_weight[m] == EMPTY:
            continue
        current = belief.status[m, CURRENT]
        arrive(belief.occupancy, belief.transitions, settings, m, row, masses.arrival)
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


@njit(nogil=True, cache=True, error_model="numpy")
def _offers(belief: Belief, work: Work, base: float) -> float:
    """Fill `work.grow`, `work.responsibility` and `work.offer`; returns the largest log weight.

    base: log density of the observation under the base measure.
    """
    regimes = work.density.shape[1]
    top = EMPTY
    for m in range(belief.log_weight.shape[0]):
        log_weight = belief.log_weight[m]
        work.grow[m] = EMPTY
        for slot in range(regimes + 1):
            work.offer[m, slot] = EMPTY
        if log_weight == EMPTY:
            continue
        current = belief.status[m, CURRENT]
        for k in range(belief.status[m, BORN]):
            mass = work.masses.known[m, k]
            if mass > 0.0 and k != current:
                work.offer[m, k] = log_weight + math.log(mass) + work.density[m, k]
                top = max(top, work.offer[m, k])
        if work.masses.fresh[m] > 0.0:
            slot = belief.status[m, BORN] if belief.status[m, BORN] < regimes else regimes
            work.offer[m, slot] = log_weight + math.log(work.masses.fresh[m]) + base
            top = max(top, work.offer[m, slot])
        regular = math.log(work.masses.known[m, current]) + work.density[m, current]
        work.responsibility[m] = 1.0
        if work.masses.outlier[m] > 0.0:
            either = log_add(regular, math.log(work.masses.outlier[m]) + base)
            work.responsibility[m] = math.exp(regular - either)
            regular = either
        work.grow[m] = log_weight + regular
        top = max(top, work.grow[m])
    return top


@njit(nogil=True, cache=True, error_model="numpy")
def weigh(belief: Belief, settings: Settings, work: Work, y: float) -> float:
    """Fill `work` with the unnormalised log weights of all successors; returns the log evidence of y."""
    for m in range(belief.log_weight.shape[0]):
        if belief.log_weight[m] > EMPTY:
            for k in range(belief.status[m, BORN]):
                density, share = regime_log_density(belief.regimes, m, k, work.normaliser[m, k], y)
                work.density[m, k] = density
                work.share[m, k] = share
    top = _offers(belief, work, base_log_density(belief, settings, y))
    total = 0.0
    for m in range(work.grow.shape[0]):
        total += math.exp(work.grow[m] - top)
    for slot in range(work.change.shape[0]):
        mass = 0.0
        source = 0
        for m in range(work.grow.shape[0]):
            if work.offer[m, slot] > EMPTY:
                mass += math.exp(work.offer[m, slot] - top)
                if work.offer[m, slot] > work.offer[source, slot]:
                    source = m
        work.source[slot] = source
        # Where the sum is too small to be a number its largest term stands for it.
        work.change[slot] = top + math.log(mass) if mass > 0.0 else work.offer[source, slot]
        total += mass
    return top + math.log(total)


@njit(nogil=True, cache=True, error_model="numpy")
def next_new_regime(belief: Belief, m: int) -> int:
    """The place of hypothesis m's next new regime: the first unborn, or the one that it can best do without."""
    regimes = belief.regimes.shape[1]
    if belief.status[m, BORN] < regimes:
        return belief.status[m, BORN]
    oldest = 0
    for k in range(regimes):
        if oldest == belief.status[m, CURRENT] or (
            k != belief.status[m, CURRENT] and belief.last_used[m, k] < belief.last_used[m, oldest]
        ):
            oldest = k
    return oldest
