"""The rows of one stream through the drift grid, with the outputs that were asked for, compiled once."""

import math

import numpy as np

from stream_filters.filters.autoregression.drift import drift_rate, effective_memory
from stream_filters.filters.autoregression.grid import absorb_row, out_of_range, predict_row, push_lags
from stream_filters.filters.autoregression.outputs import Outputs, report_posterior, report_predictive, view_outputs
from stream_filters.filters.autoregression.records import Belief, Grid, Integers, Sizes, Work
from stream_filters.filters.autoregression.stationarity import stationary_probability
from stream_filters.filters.autoregression.views import (
    ABSORBED,
    Parts,
    load,
    store,
    view_belief,
    view_grid,
    view_window,
    view_work,
)
from stream_filters.filters.autoregression.window import Window, fill, slide
from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import dot
from stream_filters.filters.numerics.student_t_mixtures import Mixture


@compiled
def begin_rows(values: Floats, parts: Parts, sizes: Sizes) -> None:
    """Learn the warm-up's values [w], NaN = missing: centred ones, or with a window as they came."""
    grid = view_grid(parts.group, parts.real, sizes)
    belief, rest = view_belief(parts.state, parts.room, sizes)
    work, _ = view_work(rest, sizes)
    load(parts.state, grid, belief, work, sizes)
    absorbed = parts.state[ABSORBED : ABSORBED + 1].view(np.int64)
    if sizes.window > 0:
        absorbed[0] = fill(view_window(parts.state, grid, sizes), belief, work, values)
    else:
        absorbed[0] = _replay(grid, belief, work, values)
    store(parts.state, belief, sizes)


@inlined
def _replay(grid: Grid, belief: Belief, work: Work, values: Floats) -> int:
    """Absorb the centred values [w]; the first p become lags only. Returns how many were."""
    variants, order = belief.lags.shape
    absorbed = 0
    for t in range(values.shape[0]):
        missing = math.isnan(values[t])
        if t >= order:
            predict_row(grid, belief, work, values[t])
            if not missing:
                absorb_row(grid, belief, work, values[t])
                absorbed += 1
            push_lags(grid, belief, work, values[t])
            continue
        for v in range(variants):
            for k in range(order - 1, 0, -1):
                belief.lags[v, k] = belief.lags[v, k - 1]
                belief.lag_variances[v, k] = belief.lag_variances[v, k - 1]
            belief.lags[v, 0] = 0.0 if missing else values[t]
            belief.lag_variances[v, 0] = belief.scales[1] if missing else 0.0
    return absorbed


@compiled
def filter_rows(
    observations: Floats, row: int, parts: Parts, out: tuple[Floats, Integers, Floats], sizes: Sizes
) -> int:
    """Filter the observations [T] from `row` on into state and outputs; returns the row that it came to.

    out: buffer of the outputs, where they start in it, and points for the stationary probability. Stops before an
    observation that is out of the belief's range.
    """
    buffer, starts, points = out
    grid = view_grid(parts.group, parts.real, sizes)
    belief, rest = view_belief(parts.state, parts.room, sizes)
    work, mixture = view_work(rest, sizes)
    window = view_window(parts.state, grid, sizes)
    outputs = view_outputs(buffer, starts, observations.shape[0], sizes)
    absorbed = parts.state[ABSORBED : ABSORBED + 1].view(np.int64)
    load(parts.state, grid, belief, work, sizes)
    while row < observations.shape[0] and not out_of_range(belief, observations[row] - belief.scales[0]):
        absorbed[0] = _filter_row(observations[row], row, absorbed[0], grid, belief, work, mixture, window, outputs)
        if outputs.stationary_probability.shape[0] > 0:
            outputs.stationary_probability[row] = stationary_probability(belief, points, work.factor, work.room)
        if outputs.effective_memory.shape[0] > 0:
            outputs.effective_memory[row] = effective_memory(grid, belief, float(absorbed[0]), work.factor)
        if outputs.drift_rate.shape[0] > 0:
            outputs.drift_rate[row] = drift_rate(grid, belief)
        row += 1
    store(parts.state, belief, sizes)
    return row


@inlined
def _filter_row(
    observation: float,
    t: int,
    absorbed: int,
    grid: Grid,
    belief: Belief,
    work: Work,
    mixture: Mixture,
    window: Window,
    out: Outputs,
) -> int:
    """Filter one row; returns how many observations were absorbed so far."""
    value = observation - belief.scales[0]
    missing = math.isnan(value)
    predict_row(grid, belief, work, value)
    report_predictive(grid, belief, work, mixture, value, t, out)
    if not missing:
        log_evidence = absorb_row(grid, belief, work, value)
        absorbed += 1
        if out.log_evidence.shape[0] > 0:
            out.log_evidence[t] = log_evidence
        if out.outlier_probability.shape[0] > 0:
            outliers = dot(belief.weight, work.outlier, np.uint64(0), np.uint64(belief.weight.shape[0]))
            out.outlier_probability[t] = outliers
    push_lags(grid, belief, work, value)
    if window.rows.shape[0] > 0:
        absorbed = slide(window, belief, work, observation)
    report_posterior(grid, belief, work, mixture, t, out)
    return absorbed
