"""Carry a belief over one observation: weigh all successors, keep the heaviest, let them learn."""

import math

import numpy as np

from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import exp, largest, total
from stream_filters.filters.regimes.equations import absorb, log_normaliser, reading_of
from stream_filters.filters.regimes.expectations import expect_again, reset_regime
from stream_filters.filters.regimes.hypotheses import next_new_regime, weigh
from stream_filters.filters.regimes.noise_memory import learn_memory
from stream_filters.filters.regimes.pace import watch
from stream_filters.filters.regimes.records import (
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
    Work,
    copy_hypothesis,
)
from stream_filters.filters.regimes.transitions import restless_after

# A hypothesis with less log probability than this is forgotten: the changes that arise anew at every row outweigh it.
_LIGHTEST = -40.0


@inlined
def _settle(belief: Belief, m: int, k: int) -> None:
    """Hypothesis m knows again which regime the stream is in: k."""
    belief.transitions[m, belief.status[m, CURRENT], k] += 1.0
    for other in range(belief.occupancy.shape[1]):
        belief.occupancy[m, other] = 1.0 if other == k else 0.0
    belief.status[m, CURRENT] = k
    belief.last_used[m, k] = belief.clock[ROWS]


@inlined
def _change(belief: Belief, settings: Settings, work: Work, slot: int, y: float) -> None:
    """Build in `work.fresh[slot]` the heaviest source of `slot` after its change; y belongs to the regime reached."""
    source = work.source[slot]
    fresh = work.fresh
    copy_hypothesis(belief, source, fresh, slot)
    regimes = fresh.label.shape[1]
    for k in range(regimes):
        work.fresh_normaliser[slot, k] = work.normaliser[source * regimes + k]
    target = slot
    share = work.share[source, min(slot, regimes - 1)]
    if slot == regimes:
        target = next_new_regime(belief, settings, source)
    if slot == belief.status[source, BORN] or target != slot:
        fresh.status[slot, BORN] = max(fresh.status[slot, BORN], target + 1)
        reset_regime(fresh, settings, slot, target)
        share = fresh.regimes[DRIFTS, slot, target]
    else:
        fresh.restless[slot] = restless_after(fresh.restless[slot], work, source, target)
    _settle(fresh, slot, target)
    fresh.status[slot, RUN_LENGTH] = 0
    absorb(fresh, settings, slot, target, reading_of(work, source * regimes + target, y, 1.0), share)
    expect_again(fresh, settings, slot, target)
    work.fresh_normaliser[slot, target] = log_normaliser(fresh.regimes[SHAPE, slot, target])


@inlined
def _grow(belief: Belief, settings: Settings, work: Work, y: float, evidence: float) -> None:
    """Every hypothesis that no change takes the place of stays in its regime and learns y."""
    counted = 1.0 if belief.clock[SEEN] > 0 else 0.0
    for m in range(work.grow.shape[0]):
        work.beside[m] = 1.0
        if work.grow[m] == math.inf:
            continue
        belief.log_weight[m] = work.grow[m] - evidence
        if work.grow[m] == EMPTY:
            continue
        k = belief.status[m, CURRENT]
        responsibility = work.responsibility[m]
        belief.transitions[m, k, k] += counted
        if counted > 0.0:
            belief.restless[m] = restless_after(belief.restless[m], work, m, k)
            belief.echo[m] = learn_memory(belief, settings, m, y)
        belief.status[m, RUN_LENGTH] += 1 + belief.clock[GAP]
        for other in range(belief.occupancy.shape[1]):
            belief.occupancy[m, other] = 1.0 if other == k else 0.0
        belief.last_used[m, k] = belief.clock[ROWS]
        absorb(
            belief, settings, m, k, reading_of(work, m * work.share.shape[1] + k, y, responsibility), work.share[m, k]
        )
        expect_again(belief, settings, m, k)
        work.beside[m] = belief.regimes[SHAPE, m, k]
    for m in range(work.grow.shape[0]):
        work.begun[m] = log_normaliser(work.beside[m])
    for m in range(work.grow.shape[0]):
        if EMPTY < work.grow[m] < math.inf:
            work.normaliser[m * work.share.shape[1] + belief.status[m, CURRENT]] = work.begun[m]


@inlined
def _place_changes(belief: Belief, settings: Settings, work: Work, y: float, evidence: float) -> None:
    """Build the changes that outweigh the lightest hypotheses, and mark those hypotheses' `work.grow` with +inf.

    evidence: log sum of all weights.
    """
    for i in range(belief.units.shape[0]):
        work.fresh.units[i] = belief.units[i]
    for i in range(belief.course.shape[0]):
        work.fresh.course[i] = belief.course[i]
    for i in range(belief.clock.shape[0]):
        work.fresh.clock[i] = belief.clock[i]
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


@inlined
def normalise(belief: Belief, work: Work) -> None:
    """Make the weights sum to one, and empty the slots that no longer matter."""
    log_weight, none, hypotheses = belief.log_weight, np.uint64(0), np.uint64(belief.log_weight.shape[0])
    peak = largest(log_weight, none, hypotheses)
    for m in range(log_weight.shape[0]):
        work.weight[m] = exp(log_weight[m] - peak)
    peak += math.log(total(work.weight, none, hypotheses))
    for m in range(log_weight.shape[0]):
        log_weight[m] -= peak
        log_weight[m] = log_weight[m] if log_weight[m] >= _LIGHTEST else EMPTY
    find_weights(belief, work)


@inlined
def find_weights(belief: Belief, work: Work) -> None:
    """Fill the weights of which the belief holds the logs."""
    for m in range(belief.log_weight.shape[0]):
        weight = exp(belief.log_weight[m])
        work.weight[m] = weight if belief.log_weight[m] > EMPTY else 0.0


@compiled
def update(belief: Belief, settings: Settings, work: Work, y: float, scale2: float) -> tuple[float, float]:
    """Learn the observation y, in internal units; `work.arrival` and `work.normaliser` belong to `belief`.

    Returns the log evidence of y and the probability that y was an outlier.
    """
    evidence, outlier = weigh(belief, settings, work, y, scale2)
    if not settings.fixed:
        watch(belief, settings, work, y, evidence)
    _place_changes(belief, settings, work, y, evidence)
    _grow(belief, settings, work, y, evidence)
    regimes = belief.label.shape[1]
    for slot in range(work.target.shape[0]):
        m = work.target[slot]
        if m >= 0:
            copy_hypothesis(work.fresh, slot, belief, m)
            for k in range(regimes):
                work.normaliser[m * regimes + k] = work.fresh_normaliser[slot, k]
            belief.log_weight[m] = work.change[slot] - evidence
    normalise(belief, work)
    return evidence, outlier
