"""What is reported of an observation before it was seen, in the user's units."""

import math

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled
from stream_filters.filters.numerics.student_t_mixtures import Mixture
from stream_filters.filters.regimes.equations import log_normaliser, log_student
from stream_filters.filters.regimes.predictive import central_interval, distribution, mean_and_std, predictive
from stream_filters.filters.regimes.records import ORIGIN, SCALE, SEEN, Belief, Settings, Work
from stream_filters.filters.regimes.report import Report
from stream_filters.filters.regimes.units import location_out, set_unvaried, std_out, to_internal

# Equal values at the beginning, from which on the next is predicted.
_ALIKE = 2


@compiled
def predict(belief: Belief, settings: Settings, work: Work, mixture: Mixture, y: float, t: int, report: Report) -> None:
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
        put_interval(belief, work, mixture, n, settings, report.predictive_interval[t])


@compiled
def constant(belief: Belief, mixture: Mixture) -> bool:
    """Whether the first few observations are equal; then the next is expected to be too.

    Fills one component of the mixture, and units, which are those of a stream that began with equal values.
    """
    seen = belief.clock[SEEN]
    for i in range(1, seen):
        if belief.latest[i] != belief.latest[0]:
            return False
    if seen < _ALIKE:
        return False
    set_unvaried(belief, belief.latest[0])
    mixture.weights[0], mixture.locations[0] = 1.0, 0.0
    mixture.scales[0], mixture.dofs[0] = 1.0, float(seen + 2)
    return True


@compiled
def predict_constant(
    belief: Belief, settings: Settings, work: Work, mixture: Mixture, y: float, t: int, report: Report
) -> None:
    """Fill row t of the warm-up while all observations are equal."""
    if not constant(belief, mixture):
        return
    mean, std = mean_and_std(mixture, 1)
    if report.predictive_mean.shape[0] > 0:
        report.predictive_mean[t] = location_out(belief, mean)
    if report.predictive_std.shape[0] > 0:
        report.predictive_std[t] = std_out(belief, std)
    if report.predictive_interval.shape[0] > 0:
        put_interval(belief, work, mixture, 1, settings, report.predictive_interval[t])
    if y == belief.latest[0]:
        if report.log_evidence.shape[0] > 0:
            shape = 0.5 * mixture.dofs[0]
            report.log_evidence[t] = log_student(log_normaliser(shape), shape, 0.0, shape) - math.log(
                belief.units[SCALE]
            )
        if report.pit.shape[0] > 0:
            report.pit[t] = 0.5
    if report.regime_probabilities.shape[0] > 0:
        report.regime_probabilities[t, :] = 0.0
        report.regime_probabilities[t, 0] = 1.0
    if report.change_probability.shape[0] > 0:
        report.change_probability[t] = 0.0
    belief.units[ORIGIN] = belief.units[SCALE] = 0.0


@compiled
def put_interval(belief: Belief, work: Work, mixture: Mixture, n: int, settings: Settings, out: Floats) -> None:
    """Write the central interval [2] of the first n components, in the user's units."""
    work.ends[0], work.ends[1] = settings.tail, 1.0 - settings.tail
    central_interval(mixture, n, n // 2 if settings.drifting > 0.0 else 0, work.ends[:2], work.ends[2:])
    # the quantiles are approximate: their ends are in order all the same
    out[0] = location_out(belief, min(work.ends[2], work.ends[3]))
    out[1] = location_out(belief, max(work.ends[2], work.ends[3]))
