"""Carry a belief over one observation: weigh all successors, keep the heaviest, let them learn."""

import math

from numba import njit

from stream_filters.filters.regime_belief import (
    BORN,
    CURRENT,
    DRIFTS,
    EMPTY,
    GAP,
    ROWS,
    RUN_LENGTH,
    SEEN,
    SHAPE,
    Belief,
    Settings,
    copy_hypothesis,
    reset_regime,
)
from stream_filters.filters.regime_emission import absorb, least_variance, log_normaliser
from stream_filters.filters.regime_hypotheses import Work, log_add, next_new_regime, weigh

# A hypothesis with less log probability than this is forgotten: the changes that arise anew at every row outweigh it.
_LIGHTEST = -40.0


@njit(nogil=True, cache=True, error_model="numpy")
def _settle(belief: Belief, m: int, k: int) -> None:
    """Hypothesis m knows again which regime the stream is in: k."""
    belief.transitions[m, belief.status[m, CURRENT], k] += 1.0
    for other in range(belief.occupancy.shape[1]):
        belief.occupancy[m, other] = 1.0 if other == k else 0.0
    belief.status[m, CURRENT] = k
    belief.last_used[m, k] = belief.clock[ROWS]


@njit(nogil=True, cache=True, error_model="numpy")
def _change(belief: Belief, settings: Settings, work: Work, slot: int, y: float) -> None:
    """Build in `work.fresh[slot]` the heaviest source of `slot` after its change; y belongs to the regime reached."""
    source = work.source[slot]
    fresh = work.fresh
    copy_hypothesis(belief, source, fresh, slot)
    work.fresh_normaliser[slot, :] = work.normaliser[source, :]
    target = slot
    share = work.share[source, min(slot, belief.regimes.shape[1] - 1)]
    if slot == belief.regimes.shape[1]:
        target = next_new_regime(belief, source)
    if slot == belief.status[source, BORN] or target != slot:
        fresh.status[slot, BORN] = max(fresh.status[slot, BORN], target + 1)
        reset_regime(fresh, settings, slot, target)
        share = fresh.regimes[slot, target, DRIFTS]
    _settle(fresh, slot, target)
    fresh.status[slot, RUN_LENGTH] = 0
    absorb(fresh.regimes, slot, target, settings.memory, least_variance(belief), y, 1.0, share)
    work.fresh_normaliser[slot, target] = log_normaliser(fresh.regimes[slot, target, SHAPE])


@njit(nogil=True, cache=True, error_model="numpy")
def _grow(belief: Belief, settings: Settings, work: Work, y: float, evidence: float) -> None:
    """Every hypothesis that no change takes the place of stays in its regime and learns y."""
    least = least_variance(belief)
    counted = 1.0 if belief.clock[SEEN] > 0 else 0.0
    forget = 1.0 if belief.clock[SEEN] < settings.memory else 1.0 - 1.0 / settings.memory
    for m in range(work.grow.shape[0]):
        if work.grow[m] == math.inf:
            continue
        belief.log_weight[m] = work.grow[m] - evidence
        if work.grow[m] == EMPTY:
            continue
        k = belief.status[m, CURRENT]
        responsibility = work.responsibility[m]
        belief.transitions[m, k, k] += counted
        belief.outliers[m] = (belief.outliers[m] + 1.0 - responsibility) * forget
        belief.status[m, RUN_LENGTH] += 1 + belief.clock[GAP]
        for other in range(belief.occupancy.shape[1]):
            belief.occupancy[m, other] = 1.0 if other == k else 0.0
        belief.last_used[m, k] = belief.clock[ROWS]
        absorb(belief.regimes, m, k, settings.memory, least, y, responsibility, work.share[m, k])
        work.normaliser[m, k] = log_normaliser(belief.regimes[m, k, SHAPE])


@njit(nogil=True, cache=True, error_model="numpy")
def _place_changes(belief: Belief, settings: Settings, work: Work, y: float, evidence: float) -> None:
    """Build the changes that outweigh the lightest hypotheses, and mark those hypotheses' `work.grow` with +inf.

    evidence: log sum of all weights.
    """
    work.fresh.units[:] = belief.units
    work.fresh.clock[:] = belief.clock
    work.target[:] = -1
    for _ in range(work.change.shape[0]):
        slot = -1
        for other in range(work.change.shape[0]):
            if work.target[other] < 0 and (slot < 0 or work.change[other] > work.change[slot]):
                slot = other
        lightest = 0
        for m in range(1, work.grow.shape[0]):
            if work.grow[m] < work.grow[lightest]:
                lightest = m
        if not work.change[slot] > max(work.grow[lightest], evidence + _LIGHTEST):
            return
        _change(belief, settings, work, slot, y)
        work.target[slot] = lightest
        work.grow[lightest] = math.inf


@njit(nogil=True, cache=True, error_model="numpy")
def _normalise(belief: Belief) -> None:
    """Make the weights sum to one, and empty the slots that no longer matter."""
    total = EMPTY
    for m in range(belief.log_weight.shape[0]):
        total = log_add(total, belief.log_weight[m])
    for m in range(belief.log_weight.shape[0]):
        belief.log_weight[m] -= total
        if belief.log_weight[m] < _LIGHTEST:
            belief.log_weight[m] = EMPTY


@njit(nogil=True, cache=True, error_model="numpy")
def update(belief: Belief, settings: Settings, work: Work, y: float) -> tuple[float, float]:
    """Learn the observation y, in internal units; `work.arrival` and `work.normaliser` belong to `belief`.

    Returns the log evidence of y and the probability that y was an outlier.
    """
    evidence = weigh(belief, settings, work, y)
    outlier = 0.0
    for m in range(work.grow.shape[0]):
        if work.grow[m] > EMPTY:
            outlier += math.exp(work.grow[m] - evidence) * (1.0 - work.responsibility[m])
    _place_changes(belief, settings, work, y, evidence)
    _grow(belief, settings, work, y, evidence)
    for slot in range(work.target.shape[0]):
        m = work.target[slot]
        if m >= 0:
            copy_hypothesis(work.fresh, slot, belief, m)
            work.normaliser[m, :] = work.fresh_normaliser[slot, :]
            belief.log_weight[m] = work.change[slot] - evidence
    _normalise(belief)
    return evidence, outlier
