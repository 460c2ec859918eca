"""The rows of one stream through the drift grid, with the outputs that were asked for, compiled once."""

import math

import numpy as np

from stream_filters.filters.autoregression.drift import drift_rate, effective_memory
from stream_filters.filters.autoregression.grid import absorb_row, out_of_range, predict_row, push_lags
from stream_filters.filters.autoregression.outputs import Outputs, report_posterior, report_predictive, view_outputs
from stream_filters.filters.autoregression.records import Belief, Grid, Sizes, Work
from stream_filters.filters.autoregression.stationarity import stationary_probability
from stream_filters.filters.autoregression.views import (
    Parts,
    belief_of,
    load,
    store,
    view_grid,
    view_scratch,
    view_state,
    window_of,
)
from stream_filters.filters.autoregression.window import Window, fill, slide
from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.declarations import Integers
from stream_filters.filters.numerics.elementary import dot
from stream_filters.filters.numerics.student_t_mixtures import Mixture


@compiled
def begin_rows(values: Floats, parts: Parts, sizes: Sizes) -> None:
    """Learn the warm-up's values [w], NaN = missing: centred ones, or with a window as they came."""
    grid, state, scratch = (
        view_grid(parts.grid, sizes),
        view_state(parts.state, sizes),
        view_scratch(parts.scratch, sizes),
    )
    belief, work = belief_of(state, scratch), scratch.work
    load(state, grid, belief, work, sizes)
    if sizes.window > 0:
        state.absorbed[0] = fill(window_of(state, grid), belief, work, values)
    else:
        state.absorbed[0] = _replay(grid, belief, work, values)
    store(state, belief, sizes)


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


Out = tuple[Floats, Integers, Floats]


@compiled
def filter_rows(observations: Floats, row: int, last: int, parts: Parts, out: Out, sizes: Sizes) -> int:
    """Filter the observations from `row` up to `last` into state and outputs; returns the row that it came to.

    out: buffer of the outputs of all rows, where they start in it, and points for the stationary probability. Stops
    before an observation that is out of the belief's range.
    """
    buffer, starts, points = out
    grid, state, scratch = (
        view_grid(parts.grid, sizes),
        view_state(parts.state, sizes),
        view_scratch(parts.scratch, sizes),
    )
    belief, work, mixture = belief_of(state, scratch), scratch.work, scratch.mixture
    window, absorbed = window_of(state, grid), state.absorbed
    outputs = view_outputs(buffer, starts, 0, observations.shape[0], sizes)
    load(state, grid, belief, work, sizes)
    while row < last and not out_of_range(belief, observations[row] - belief.scales[0]):
        absorbed[0] = _filter_row(observations[row], row, absorbed[0], grid, belief, work, mixture, window, outputs)
        if outputs.stationary_probability.shape[0] > 0:
            outputs.stationary_probability[row] = stationary_probability(belief, points, work.factor, work.room)
        if outputs.effective_memory.shape[0] > 0:
            outputs.effective_memory[row] = effective_memory(grid, belief, float(absorbed[0]), work.factor)
        if outputs.drift_rate.shape[0] > 0:
            outputs.drift_rate[row] = drift_rate(grid, belief)
        row += 1
    store(state, belief, sizes)
    return row


@compiled
def filter_streams(
    observations: Floats, bounds: Integers, states: Floats, parts: Parts, out: Out, sizes: Sizes, came_to: Integers
) -> None:
    """Filter the observations [R] of every stream, those of stream s from bounds[s] up to bounds[s + 1].

    states [S, words]: changed. out: see `filter_rows`. came_to [S]: receives the row that each stream came to, short of
    its last where it has not started, or where an observation is out of its belief's range.
    """
    for s in range(came_to.shape[0]):
        came_to[s] = bounds[s]
        own = Parts(parts.grid, parts.scratch, states[s])
        if view_state(own.state, sizes).started[0] != 0:
            came_to[s] = filter_rows(observations, bounds[s], bounds[s + 1], own, out, sizes)


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
