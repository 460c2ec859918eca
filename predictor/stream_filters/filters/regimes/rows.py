"""The loop over one stream's rows, and its forecasts."""

import math
from typing import NamedTuple

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.declarations import Integers
from stream_filters.filters.regimes.equations import drift, find_normalisers
from stream_filters.filters.regimes.expectations import learn_faults, start
from stream_filters.filters.regimes.fresh_start import compare, lost, put_in_order, remember
from stream_filters.filters.regimes.hypotheses import expect
from stream_filters.filters.regimes.labels import align, announce
from stream_filters.filters.regimes.noise_memory import find_memories
from stream_filters.filters.regimes.prediction import constant, predict, predict_constant, put_interval
from stream_filters.filters.regimes.predictive import mean_and_std, predictive
from stream_filters.filters.regimes.records import (
    ANNOUNCED,
    BORN,
    DOUBTED,
    EMPTY,
    GAP,
    ROWS,
    SCALE,
    SEEN,
    WARM_UP,
    Belief,
    Settings,
    Sizes,
    Work,
    heaviest,
)
from stream_filters.filters.regimes.report import (
    expected_change,
    label_probabilities,
    report_row,
    view_report,
)
from stream_filters.filters.regimes.units import (
    learn_base,
    learn_scale,
    location_out,
    prepare,
    std_out,
    to_internal,
)
from stream_filters.filters.regimes.update import find_weights, update
from stream_filters.filters.regimes.views import (
    Parts,
    put_together,
    take_apart,
    view_belief,
    view_scratch,
    view_settings,
)


class Readings(NamedTuple):
    """The rows of all streams: observations in the user's units, NaN = missing, and the scales of their noise."""

    observations: Floats  # [R]
    scales: Floats  # [R]


@inlined
def _time_passes(belief: Belief, settings: Settings, work: Work, scale2: float) -> None:
    """Move drifting levels by one row and find where the regimes may be now. scale2: of the row's noise, relative."""
    find_memories(belief, settings, work)
    if settings.drifting > 0.0 and belief.clock[SEEN] > 0:
        regimes = work.share.shape[1]
        for m in range(belief.log_weight.shape[0]):
            met = belief.status[m, BORN] if belief.log_weight[m] > EMPTY else 0
            for k in range(regimes):
                work.active[m * regimes + k] = 1.0 if k < met else 0.0
        drift(work)
    expect(belief, settings, work, 1.0, scale2)


@compiled
def _learn(belief: Belief, settings: Settings, work: Work, y: float, scale2: float) -> tuple[float, float, int]:
    """Learn y, internal; returns log evidence, outlier probability and the heaviest hypothesis."""
    evidence, outlier = update(belief, settings, work, y, scale2)
    learn_base(belief, settings, y, scale2)
    learn_faults(belief, settings, y, outlier)
    belief.clock[SEEN] += 1
    belief.clock[GAP] = 0
    return evidence, outlier, align(belief, settings, work)


@compiled
def _miss(belief: Belief, settings: Settings, work: Work) -> float:
    """Nothing was observed: the regime may have changed all the same. Returns the probability that it did."""
    change = 0.0
    for m in range(belief.log_weight.shape[0]):
        if belief.log_weight[m] > EMPTY:
            change += work.weight[m] * expected_change(belief, settings, work, m)
            for k in range(belief.label.shape[1]):
                belief.occupancy[m, k] = work.masses.arrival[m, k]
    belief.clock[GAP] += 1
    return change


@compiled
def _begin(belief: Belief, settings: Settings, work: Work, room: Floats, y: float) -> int:
    """Keep y for the warm-up; once that is complete, start and learn all of it. Returns the heaviest hypothesis or -1.

    Gaps between the observations of the warm-up are closed. room: [WARM_UP].
    """
    remember(belief, y, belief.clock[SEEN])
    belief.clock[SEEN] += 1
    if belief.clock[SEEN] < WARM_UP:
        return -1
    return _start_with_latest(belief, settings, work, room)


@compiled
def _start_with_latest(belief: Belief, settings: Settings, work: Work, room: Floats) -> int:
    """Begin with the latest observations, whatever was believed. Returns the heaviest hypothesis. room: [WARM_UP]."""
    put_in_order(belief)
    prepare(belief, settings.memory, room)
    belief.clock[ANNOUNCED] = belief.clock[DOUBTED] = belief.clock[GAP] = 0
    belief.clock[SEEN] = 0
    belief.clock[ROWS] = max(belief.clock[ROWS] - (WARM_UP - 1), 0)
    start(belief, settings)
    find_normalisers(work)
    find_weights(belief, work)
    best = 0
    for i in range(WARM_UP):
        _time_passes(belief, settings, work, 1.0)
        best = _learn(belief, settings, work, to_internal(belief, belief.latest[i]), 1.0)[2]
        label_probabilities(belief, settings, work)
        announce(belief, settings, work.probabilities, best)
        belief.clock[ROWS] += 1
    belief.clock[ROWS] -= 1
    return best


@compiled
def begin_stream(parts: Parts, sizes: Sizes) -> None:
    """Start a state whose units are given."""
    work = view_scratch(parts.scratch, sizes).work
    start(view_belief(parts.state, work, sizes), view_settings(parts.settings, sizes))
    put_together(parts.state, work, sizes)


@compiled
def _filter_rows(
    readings: Readings, row: int, last: int, parts: Parts, out: tuple[Floats, Integers], sizes: Sizes
) -> None:
    """Filter the rows of one stream, from `row` up to `last`, into its state and the report."""
    settings, scratch = view_settings(parts.settings, sizes), view_scratch(parts.scratch, sizes)
    work, mixture = scratch.work, scratch.mixture
    belief = view_belief(parts.state, work, sizes)
    report = view_report(out[0], out[1], 0, readings.observations.shape[0], sizes)
    take_apart(parts.state, work, sizes)
    if belief.units[SCALE] > 0.0:
        find_normalisers(work)
        find_weights(belief, work)
    for t in range(row, last):
        y, scale2 = readings.observations[t], readings.scales[t] * readings.scales[t]
        missing = math.isnan(y)
        change = math.nan
        if belief.units[SCALE] == 0.0:
            predict_constant(belief, settings, work, mixture, y, t, report)
            best = -1 if missing else _begin(belief, settings, work, mixture.terms[0, :WARM_UP], y)
            if best < 0:
                continue
            label_probabilities(belief, settings, work)
        else:
            if not missing:
                learn_scale(belief, settings, y)
            _time_passes(belief, settings, work, scale2)
            predict(belief, settings, work, mixture, y, t, report)
            if missing:
                change = _miss(belief, settings, work)
                best = heaviest(belief)
            else:
                x = to_internal(belief, y)
                evidence, outlier, best = _learn(belief, settings, work, x, scale2)
                compare(belief, settings, x, scale2, evidence)
                remember(belief, y, belief.clock[SEEN] - 1)
                if report.log_evidence.shape[0] > 0:
                    report.log_evidence[t] = evidence - math.log(belief.units[SCALE])
                if report.outlier_probability.shape[0] > 0:
                    report.outlier_probability[t] = outlier
                if lost(belief):
                    best = _start_with_latest(belief, settings, work, mixture.terms[0, :WARM_UP])
            label_probabilities(belief, settings, work)
            announce(belief, settings, work.probabilities, best)
        report_row(belief, settings, work, best, change, t, report)
        belief.clock[ROWS] += 1
    put_together(parts.state, work, sizes)


@compiled
def filter_streams(
    readings: Readings, bounds: Integers, states: Floats, parts: Parts, out: tuple[Floats, Integers], sizes: Sizes
) -> None:
    """Filter the rows [R] of every stream, those of stream s from bounds[s] up to bounds[s + 1].

    states [S, words]: changed. out: buffer of the report of all rows, in the user's units, and where its fields start.
    """
    for s in range(states.shape[0]):
        own = Parts(parts.settings, parts.scratch, states[s])
        _filter_rows(readings, bounds[s], bounds[s + 1], own, out, sizes)


@compiled
def forecast_rows(out: Floats, parts: Parts, sizes: Sizes) -> None:
    """Fill out [h, 4]: mean, std, lower and upper end of the interval; overwrites the state's occupancy."""
    settings, scratch = view_settings(parts.settings, sizes), view_scratch(parts.scratch, sizes)
    work, mixture = scratch.work, scratch.mixture
    belief = view_belief(parts.state, work, sizes)
    if belief.units[SCALE] == 0.0:
        if constant(belief, mixture):
            mean, std = mean_and_std(mixture, 1)
            for step in range(out.shape[0]):
                out[step, 0], out[step, 1] = location_out(belief, mean), std_out(belief, std)
                put_interval(belief, work, mixture, 1, settings, out[step, 2:])
        return
    take_apart(parts.state, work, sizes)
    find_weights(belief, work)
    find_memories(belief, settings, work)
    for step in range(out.shape[0]):
        expect(belief, settings, work, step + 1.0, 1.0)
        n = predictive(belief, settings, work, step + 1.0, mixture)
        mean, std = mean_and_std(mixture, n)
        out[step, 0] = location_out(belief, mean)
        out[step, 1] = std_out(belief, std)
        put_interval(belief, work, mixture, n, settings, out[step, 2:])
        for m in range(belief.label.shape[0]):
            for k in range(belief.label.shape[1]):
                belief.occupancy[m, k] = work.masses.arrival[m, k]
