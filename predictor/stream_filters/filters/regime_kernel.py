"""The loop over one stream's rows, and its forecasts."""

import math

import numpy as np
from numba import njit

from stream_filters.filters.base import Floats
from stream_filters.filters.regime_belief import (
    BORN,
    DRIFTS,
    EMPTY,
    GAP,
    ROWS,
    SCALE,
    SEEN,
    SHAPE,
    WARM_UP,
    Belief,
    Settings,
    heaviest,
    start,
)
from stream_filters.filters.regime_emission import drift, log_normaliser
from stream_filters.filters.regime_hypotheses import Masses, Work, expect
from stream_filters.filters.regime_labels import align, announce
from stream_filters.filters.regime_predictive import (
    central_interval,
    distribution,
    mean_and_std,
    predictive,
)
from stream_filters.filters.regime_report import Report, expected_change, label_probabilities, report_row
from stream_filters.filters.regime_units import learn_base, learn_scale, location_out, prepare, std_out, to_internal
from stream_filters.filters.regime_update import update
from stream_filters.filters.student_t_mixtures import Mixture


@njit(nogil=True, cache=True, error_model="numpy")
def _time_passes(belief: Belief, settings: Settings, work: Work) -> None:
    """Move drifting levels by one row and find where the regimes may be now."""
    if settings.drifting > 0.0 and belief.clock[SEEN] > 0:
        for m in range(belief.log_weight.shape[0]):
            if belief.log_weight[m] > EMPTY:
                for k in range(belief.status[m, BORN]):
                    if belief.regimes[m, k, DRIFTS] > 0.0:
                        drift(belief.regimes, m, k)
    expect(belief, settings, work.masses)


@njit(nogil=True, cache=True, error_model="numpy")
def _prepare_normalisers(belief: Belief, work: Work) -> None:
    """Fill `work.normaliser`: derived from the state, kept beside it while a run lasts."""
    for m in range(belief.regimes.shape[0]):
        for k in range(belief.regimes.shape[1]):
            work.normaliser[m, k] = log_normaliser(belief.regimes[m, k, SHAPE])


@njit(nogil=True, cache=True, error_model="numpy")
def _learn(belief: Belief, settings: Settings, work: Work, y: float) -> tuple[float, float, int]:
    """Learn y, internal; returns log evidence, outlier probability and the heaviest hypothesis."""
    evidence, outlier = update(belief, settings, work, y)
    learn_base(belief, settings, y)
    belief.clock[SEEN] += 1
    belief.clock[GAP] = 0
    return evidence, outlier, align(belief, settings)


@njit(nogil=True, cache=True, error_model="numpy")
def _miss(belief: Belief, settings: Settings, work: Work) -> float:
    """Nothing was observed: the regime may have changed all the same. Returns the probability that it did."""
    change = 0.0
    for m in range(belief.log_weight.shape[0]):
        if belief.log_weight[m] > EMPTY:
            change += math.exp(belief.log_weight[m]) * expected_change(belief, settings, m)
            belief.occupancy[m, :] = work.masses.arrival[m, :]
    belief.clock[GAP] += 1
    return change


@njit(nogil=True, cache=True, error_model="numpy")
def _begin(belief: Belief, settings: Settings, work: Work, y: float) -> int:
    """Keep y for the warm-up; once that is complete, start and learn all of it. Returns the heaviest hypothesis or -1.

    Gaps between the observations of the warm-up are closed.
    """
    belief.warm_up[belief.clock[SEEN]] = y
    belief.clock[SEEN] += 1
    if belief.clock[SEEN] < WARM_UP:
        return -1
    prepare(belief)
    belief.clock[SEEN] = 0
    start(belief, settings)
    _prepare_normalisers(belief, work)
    best = 0
    probabilities = np.empty(belief.label.shape[1])
    for i in range(WARM_UP):
        _time_passes(belief, settings, work)
        best = _learn(belief, settings, work, to_internal(belief, belief.warm_up[i]))[2]
        label_probabilities(belief, settings, probabilities)
        announce(belief, settings, probabilities)
        belief.clock[ROWS] += 1
    belief.clock[ROWS] -= 1
    return best


@njit(nogil=True, cache=True, error_model="numpy")
def _predict(belief: Belief, settings: Settings, work: Work, mixture: Mixture, t: int, report: Report) -> int:
    """Fill row t with what is expected of its observation; returns the size of the mixture, 0 if nobody needs it."""
    wanted = report.predictive_mean.shape[0] + report.predictive_std.shape[0]
    if wanted + report.predictive_interval.shape[0] + report.pit.shape[0] == 0:
        return 0
    n = predictive(belief, settings, work.masses, 0.0, mixture)
    if wanted > 0:
        mean, std = mean_and_std(mixture, n)
        if report.predictive_mean.shape[0] > 0:
            report.predictive_mean[t] = location_out(belief, mean)
        if report.predictive_std.shape[0] > 0:
            report.predictive_std[t] = std_out(belief, std)
    return n


@njit(nogil=True, cache=True, error_model="numpy")
def _put_interval(belief: Belief, settings: Settings, mixture: Mixture, n: int, out: Floats) -> None:
    """Write the central interval [2] of the first n components, in the user's units."""
    central_interval(mixture, n, settings.tail, out)
    out[0] = location_out(belief, out[0])
    out[1] = location_out(belief, out[1])


@njit(nogil=True, cache=True, error_model="numpy")
def run_rows(
    belief: Belief, settings: Settings, observations: Floats, work: Work, mixture: Mixture, report: Report
) -> None:
    """Filter the rows [T] in the user's units; changes `belief` and fills `report`, both in place."""
    probabilities = np.zeros(belief.label.shape[1])
    if belief.units[SCALE] > 0.0:
        _prepare_normalisers(belief, work)
    for t in range(observations.shape[0]):
        y = observations[t]
        missing = math.isnan(y)
        change = math.nan
        if belief.units[SCALE] == 0.0:
            best = -1 if missing else _begin(belief, settings, work, y)
            if best < 0:
                continue
            label_probabilities(belief, settings, probabilities)
        else:
            if not missing:
                learn_scale(belief, settings, y)
            _time_passes(belief, settings, work)
            n = _predict(belief, settings, work, mixture, t, report)
            if report.pit.shape[0] > 0 and not missing:
                report.pit[t] = distribution(mixture, n, to_internal(belief, y))
            if report.predictive_interval.shape[0] > 0:
                _put_interval(belief, settings, mixture, n, report.predictive_interval[t])
            if missing:
                change = _miss(belief, settings, work)
                best = heaviest(belief)
            else:
                evidence, outlier, best = _learn(belief, settings, work, to_internal(belief, y))
                if report.log_evidence.shape[0] > 0:
                    report.log_evidence[t] = evidence - math.log(belief.units[SCALE])
                if report.outlier_probability.shape[0] > 0:
                    report.outlier_probability[t] = outlier
            label_probabilities(belief, settings, probabilities)
            announce(belief, settings, probabilities)
        report_row(belief, settings, best, probabilities, change, t, report)
        belief.clock[ROWS] += 1


@njit(nogil=True, cache=True, error_model="numpy")
def forecast_rows(
    belief: Belief,
    settings: Settings,
    masses: Masses,
    mixture: Mixture,
    means: Floats,
    stds: Floats,
    intervals: Floats,
) -> None:
    """Fill means [h], stds [h] and intervals [h, 2]; overwrites the occupancy of `belief`."""
    if belief.units[SCALE] == 0.0:
        return
    for step in range(means.shape[0]):
        expect(belief, settings, masses)
        n = predictive(belief, settings, masses, step + 1.0, mixture)
        mean, std = mean_and_std(mixture, n)
        means[step] = location_out(belief, mean)
        stds[step] = std_out(belief, std)
        _put_interval(belief, settings, mixture, n, intervals[step])
        belief.occupancy[:] = masses.arrival
