"""What `adaptive_mixture` reports of a row, in announced label order and the user's units."""

import math
from typing import Annotated, NamedTuple

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.declarations import Integers
from stream_filters.filters.numerics.layout import Layout
from stream_filters.filters.regimes.equations import regime_mean, regime_variance
from stream_filters.filters.regimes.hypotheses import next_new_regime
from stream_filters.filters.regimes.records import (
    ANNOUNCED,
    BORN,
    CURRENT,
    DRIFTS,
    EMPTY,
    GAP,
    ROWS,
    RUN_LENGTH,
    SEEN,
    Belief,
    Settings,
    Sizes,
    Work,
)
from stream_filters.filters.regimes.transitions import change_rate, transition_row
from stream_filters.filters.regimes.units import location_out, std_out


class Report(NamedTuple):
    """Arrays to fill, named after the outputs; those nobody asked for have no rows."""

    predictive_mean: Annotated[Floats, "rows"]
    predictive_std: Annotated[Floats, "rows"]
    predictive_interval: Annotated[Floats, "rows, 2"]
    log_evidence: Annotated[Floats, "rows"]
    pit: Annotated[Floats, "rows"]
    outlier_probability: Annotated[Floats, "rows"]
    model_weights: Annotated[Floats, "rows, variants"]
    regime: Annotated[Integers, "rows"]
    regime_probabilities: Annotated[Floats, "rows, regimes"]
    change_probability: Annotated[Floats, "rows"]
    recent_change_probability: Annotated[Floats, "rows"]
    run_length: Annotated[Floats, "rows"]
    active_regimes: Annotated[Floats, "rows"]
    regime_means: Annotated[Floats, "rows, regimes"]
    regime_stds: Annotated[Floats, "rows, regimes"]
    regime_weights: Annotated[Floats, "rows, regimes"]
    transition_matrix: Annotated[Floats, "rows, regimes, regimes"]


REPORT = Layout(Report, Sizes)
view_report = REPORT.report_viewer()


@compiled
def label_probabilities(belief: Belief, settings: Settings, work: Work) -> None:
    """Fill `work.probabilities` of each label at the last row."""
    out = work.probabilities
    out[:] = 0.0
    for m in range(belief.log_weight.shape[0]):
        if belief.log_weight[m] == EMPTY:
            continue
        weight = work.weight[m]
        left = 1.0
        for k in range(out.shape[0]):
            out[belief.label[m, k]] += weight * belief.occupancy[m, k]
            left -= belief.occupancy[m, k]
        if not settings.reuse and left > 0.0:
            out[belief.label[m, next_new_regime(belief, settings, m)]] += weight * left


@compiled
def _fill_transition_matrix(belief: Belief, settings: Settings, m: int, matrix: Floats) -> None:
    """Posterior mean [K, K] of hypothesis m's transition probabilities."""
    change = change_rate(belief.transitions, settings, m)
    for origin in range(matrix.shape[0]):
        transition_row(belief.transitions, settings, m, origin, change, matrix[origin])


@compiled
def expected_change(belief: Belief, settings: Settings, work: Work, m: int) -> float:
    """Probability that hypothesis m's regime changes with the next row, nothing being observed."""
    matrix = work.matrix
    _fill_transition_matrix(belief, settings, m, matrix)
    change = 0.0
    for k in range(matrix.shape[0]):
        change += belief.occupancy[m, k] * (1.0 - matrix[k, k])
    return change


@compiled
def _changed_within(belief: Belief, work: Work, rows: int) -> float:
    """Probability that the last change was less than `rows` rows ago; the beginning is no change."""
    probability = 0.0
    for m in range(belief.log_weight.shape[0]):
        ago = belief.status[m, RUN_LENGTH] + belief.clock[GAP]
        if belief.log_weight[m] > EMPTY and ago < rows and ago < belief.clock[ROWS]:
            probability += work.weight[m]
    return probability


@compiled
def _likeliest_run_length(belief: Belief, work: Work) -> int:
    """Rows since the last change: the most probable number, summed over hypotheses."""
    likeliest = 0
    largest = 0.0
    for m in range(belief.log_weight.shape[0]):
        probability = 0.0
        for other in range(belief.log_weight.shape[0]):
            if belief.status[other, RUN_LENGTH] == belief.status[m, RUN_LENGTH]:
                probability += work.weight[other]
        if probability > largest:
            largest = probability
            likeliest = belief.status[m, RUN_LENGTH]
    return likeliest + belief.clock[GAP]


@compiled
def _drifting_probability(belief: Belief, work: Work) -> float:
    """Probability that the current regime's level has a slope."""
    probability = 0.0
    for m in range(belief.log_weight.shape[0]):
        if belief.log_weight[m] > EMPTY:
            probability += work.weight[m] * belief.regimes[DRIFTS, m, belief.status[m, CURRENT]]
    return probability


@compiled
def stationary(matrix: Floats, n: int, out: Floats) -> None:
    """Long-run shares [n] of a chain with the probabilities [n, n] in the corner of `matrix`, which is used up.

    Grassmann, Taksar & Heyman (1985): elimination without subtractions.
    """
    for last in range(n - 1, 0, -1):
        leaving = 0.0
        for k in range(last):
            leaving += matrix[last, k]
        for i in range(last):
            matrix[i, last] /= leaving
            for j in range(last):
                if j != i:
                    matrix[i, j] += matrix[i, last] * matrix[last, j]
    out[0] = 1.0
    for k in range(1, n):
        out[k] = 0.0
        for i in range(k):
            out[k] += out[i] * matrix[i, k]
    whole = 0.0
    for k in range(n):
        whole += out[k]
    for k in range(n):
        out[k] /= whole


@inlined
def _report_regimes(belief: Belief, settings: Settings, work: Work, m: int, t: int, report: Report) -> None:
    """What hypothesis m knows of each regime, by label."""
    born = belief.status[m, BORN]
    for k in range(born):
        label = belief.label[m, k]
        if report.regime_means.shape[0] > 0:
            report.regime_means[t, label] = location_out(belief, regime_mean(belief.regimes, m, k))
        if report.regime_stds.shape[0] > 0:
            report.regime_stds[t, label] = std_out(
                belief, math.sqrt(regime_variance(belief.regimes, m, k) / (1.0 - work.memory[m] * work.memory[m]))
            )
    if report.regime_weights.shape[0] + report.transition_matrix.shape[0] == 0:
        return
    matrix = work.matrix
    _fill_transition_matrix(belief, settings, m, matrix)
    if report.transition_matrix.shape[0] > 0:
        for origin in range(matrix.shape[0]):
            for target in range(matrix.shape[0]):
                report.transition_matrix[t, belief.label[m, origin], belief.label[m, target]] = matrix[origin, target]
    if report.regime_weights.shape[0] > 0:
        stationary(matrix, born, work.row)
        report.regime_weights[t, :] = 0.0
        for k in range(born):
            report.regime_weights[t, belief.label[m, k]] = work.row[k]


@compiled
def report_row(
    belief: Belief, settings: Settings, work: Work, best: int, change: float, t: int, report: Report
) -> None:
    """Fill row t with what is believed after it.

    best: the heaviest hypothesis. change: P(change at this row), NaN = from the belief.
    """
    if report.regime.shape[0] > 0:
        report.regime[t] = belief.clock[ANNOUNCED]
    if report.regime_probabilities.shape[0] > 0:
        for label in range(work.probabilities.shape[0]):
            report.regime_probabilities[t, label] = work.probabilities[label]
    if report.change_probability.shape[0] > 0:
        report.change_probability[t] = _changed_within(belief, work, 1) if math.isnan(change) else change
    if report.recent_change_probability.shape[0] > 0:
        report.recent_change_probability[t] = _changed_within(belief, work, settings.recent)
    if report.run_length.shape[0] > 0:
        report.run_length[t] = _likeliest_run_length(belief, work)
    if report.active_regimes.shape[0] > 0:
        report.active_regimes[t] = belief.status[best, BORN] if belief.clock[SEEN] > 0 else math.nan
    if report.model_weights.shape[0] > 0:
        if report.model_weights.shape[1] == 2:
            drifting = _drifting_probability(belief, work)
            report.model_weights[t, 0] = 1.0 - drifting
            report.model_weights[t, 1] = drifting
        else:
            report.model_weights[t, 0] = 1.0
    _report_regimes(belief, settings, work, best, t, report)
