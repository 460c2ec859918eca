"""The loop over one stream's rows, and its forecasts."""

import math

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.declarations import Integers
from stream_filters.filters.numerics.student_t_mixtures import Mixture
from stream_filters.filters.regimes.equations import drift, find_normalisers
from stream_filters.filters.regimes.hypotheses import expect
from stream_filters.filters.regimes.labels import align, announce
from stream_filters.filters.regimes.predictive import central_interval, distribution, mean_and_std, predictive
from stream_filters.filters.regimes.records import (
    BORN,
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
    start,
)
from stream_filters.filters.regimes.report import (
    Report,
    expected_change,
    label_probabilities,
    report_row,
    view_report,
)
from stream_filters.filters.regimes.units import learn_base, learn_scale, location_out, prepare, std_out, to_internal
from stream_filters.filters.regimes.update import find_weights, update
from stream_filters.filters.regimes.views import (
    Parts,
    put_together,
    take_apart,
    view_belief,
    view_scratch,
    view_settings,
)


@inlined
def _time_passes(belief: Belief, settings: Settings, work: Work) -> None:
    """Move drifting levels by one row and find where the regimes may be now."""
    if settings.drifting > 0.0 and belief.clock[SEEN] > 0:
        regimes = work.share.shape[1]
        for m in range(belief.log_weight.shape[0]):
            met = belief.status[m, BORN] if belief.log_weight[m] > EMPTY else 0
            for k in range(regimes):
                work.active[m * regimes + k] = 1.0 if k < met else 0.0
        drift(work)
    expect(belief, settings, work)


@compiled
def _learn(belief: Belief, settings: Settings, work: Work, y: float) -> tuple[float, float, int]:
    """Learn y, internal; returns log evidence, outlier probability and the heaviest hypothesis."""
    evidence, outlier = update(belief, settings, work, y)
    learn_base(belief, settings, y)
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
    belief.warm_up[belief.clock[SEEN]] = y
    belief.clock[SEEN] += 1
    if belief.clock[SEEN] < WARM_UP:
        return -1
    prepare(belief, room)
    belief.clock[SEEN] = 0
    start(belief, settings)
    find_normalisers(work)
    find_weights(belief, work)
    best = 0
    for i in range(WARM_UP):
        _time_passes(belief, settings, work)
        best = _learn(belief, settings, work, to_internal(belief, belief.warm_up[i]))[2]
        label_probabilities(belief, settings, work)
        announce(belief, settings, work.probabilities)
        belief.clock[ROWS] += 1
    belief.clock[ROWS] -= 1
    return best


@compiled
def _predict(
    belief: Belief, settings: Settings, work: Work, mixture: Mixture, y: float, t: int, report: Report
) -> None:
    """Fill row t with what is expected of its observation y, in the user's units; NaN = missing."""
    wanted = report.predictive_mean.shape[0] + report.predictive_std.shape[0]
    if wanted + report.predictive_interval.shape[0] + report.pit.shape[0] == 0:
        return
    n = predictive(belief, settings, work, 0.0, mixture)
    if wanted > 0:
        mean, std = mean_and_std(mixture, n)
        if report.predictive_mean.shape[0] > 0:
            report.predictive_mean[t] = location_out(belief, mean)
        if report.predictive_std.shape[0] > 0:
            report.predictive_std[t] = std_out(belief, std)
    if report.pit.shape[0] > 0 and not math.isnan(y):
        report.pit[t] = distribution(mixture, n, to_internal(belief, y))
    if report.predictive_interval.shape[0] > 0:
        _put_interval(belief, work, mixture, n, settings, report.predictive_interval[t])


@compiled
def _put_interval(belief: Belief, work: Work, mixture: Mixture, n: int, settings: Settings, out: Floats) -> None:
    """Write the central interval [2] of the first n components, in the user's units."""
    work.ends[0], work.ends[1] = settings.tail, 1.0 - settings.tail
    central_interval(mixture, n, n // 2 if settings.drifting > 0.0 else 0, work.ends[:2], work.ends[2:])
    out[0] = location_out(belief, work.ends[2])
    out[1] = location_out(belief, work.ends[3])


@compiled
def begin_stream(parts: Parts, sizes: Sizes) -> None:
    """Start a state whose units are given."""
    work = view_scratch(parts.scratch, sizes).work
    start(view_belief(parts.state, work, sizes), view_settings(parts.settings, sizes))
    put_together(parts.state, work, sizes)


@compiled
def _filter_rows(
    observations: Floats, row: int, last: int, parts: Parts, out: tuple[Floats, Integers], sizes: Sizes
) -> None:
    """Filter the rows of one stream, from `row` up to `last`, into its state and the report."""
    settings, scratch = view_settings(parts.settings, sizes), view_scratch(parts.scratch, sizes)
    work, mixture = scratch.work, scratch.mixture
    belief = view_belief(parts.state, work, sizes)
    report = view_report(out[0], out[1], 0, observations.shape[0], sizes)
    take_apart(parts.state, work, sizes)
    if belief.units[SCALE] > 0.0:
        find_normalisers(work)
        find_weights(belief, work)
    for t in range(row, last):
        y = observations[t]
        missing = math.isnan(y)
        change = math.nan
        if belief.units[SCALE] == 0.0:
            best = -1 if missing else _begin(belief, settings, work, mixture.terms[0, :WARM_UP], y)
            if best < 0:
                continue
            label_probabilities(belief, settings, work)
        else:
            if not missing:
                learn_scale(belief, settings, y)
            _time_passes(belief, settings, work)
            _predict(belief, settings, work, mixture, y, t, report)
            if missing:
                change = _miss(belief, settings, work)
                best = heaviest(belief)
            else:
                evidence, outlier, best = _learn(belief, settings, work, to_internal(belief, y))
                if report.log_evidence.shape[0] > 0:
                    report.log_evidence[t] = evidence - math.log(belief.units[SCALE])
                if report.outlier_probability.shape[0] > 0:
                    report.outlier_probability[t] = outlier
            label_probabilities(belief, settings, work)
            announce(belief, settings, work.probabilities)
        report_row(belief, settings, work, best, change, t, report)
        belief.clock[ROWS] += 1
    put_together(parts.state, work, sizes)


@compiled
def filter_streams(
    observations: Floats, bounds: Integers, states: Floats, parts: Parts, out: tuple[Floats, Integers], sizes: Sizes
) -> None:
    """Filter the rows [R] of every stream, those of stream s from bounds[s] up to bounds[s + 1].

    states [S, words]: changed. out: buffer of the report of all rows, in the user's units, and where its fields start.
    """
    for s in range(states.shape[0]):
        own = Parts(parts.settings, parts.scratch, states[s])
        _filter_rows(observations, bounds[s], bounds[s + 1], own, out, sizes)


@compiled
def forecast_rows(out: Floats, parts: Parts, sizes: Sizes) -> None:
    """Fill out [h, 4]: mean, std, lower and upper end of the interval; overwrites the state's occupancy."""
    settings, scratch = view_settings(parts.settings, sizes), view_scratch(parts.scratch, sizes)
    work, mixture = scratch.work, scratch.mixture
    belief = view_belief(parts.state, work, sizes)
    if belief.units[SCALE] == 0.0:
        return
    take_apart(parts.state, work, sizes)
    find_weights(belief, work)
    for step in range(out.shape[0]):
        expect(belief, settings, work)
        n = predictive(belief, settings, work, step + 1.0, mixture)
        mean, std = mean_and_std(mixture, n)
        out[step, 0] = location_out(belief, mean)
        out[step, 1] = std_out(belief, std)
        _put_interval(belief, work, mixture, n, settings, out[step, 2:])
        for m in range(belief.label.shape[0]):
            for k in range(belief.label.shape[1]):
                belief.occupancy[m, k] = work.masses.arrival[m, k]
