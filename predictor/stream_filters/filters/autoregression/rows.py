"""The rows of one stream through the drift grid, with the outputs that were asked for, compiled once."""

import math

import numpy as np

from stream_filters.filters.autoregression import equations as ar_nodes
from stream_filters.filters.autoregression.drift import drift_rate, effective_memory
from stream_filters.filters.autoregression.grid import LARGEST, absorb_row, log_square, predict_row, push_lags
from stream_filters.filters.autoregression.outputs import Outputs, report_posterior, report_predictive, view_outputs
from stream_filters.filters.autoregression.records import (
    AHEAD,
    CENTRE,
    LATEST,
    LEAD,
    ORIGIN,
    RIVAL_VARIANCE,
    ROWS_AHEAD,
    UNIT,
    VARIANCE,
    Belief,
    Grid,
    Sizes,
    Work,
    longest_burst,
)
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
from stream_filters.filters.numerics.elementary import dot, total
from stream_filters.filters.numerics.student_t_mixtures import Mixture

# share of the way to each observation that the centre goes
_FOLLOWING = 0.05
# the rival: degrees of freedom, share of its variance that a step keeps, least variance
_RIVAL_DOF = 4.0
_RIVAL_MEMORY = 0.85
_RIVAL_LEAST = 1e-12
_RIVAL_CONSTANT = math.lgamma(2.5) - math.lgamma(2.0) - 0.5 * math.log(math.pi * _RIVAL_DOF)


@compiled
def begin_rows(values: Floats, noise: Floats, parts: Parts, sizes: Sizes) -> None:
    """Learn the warm-up's values [w], NaN = missing, in the belief's unit: centred ones, but not so with a window.

    noise [w]: standard deviations of their noise in units of the usual one.
    """
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
        state.absorbed[0] = _replay(grid, belief, work, values, noise)
    store(state, belief, sizes)


@inlined
def _replay(grid: Grid, belief: Belief, work: Work, values: Floats, noise: Floats) -> int:
    """Absorb the centred values [w]; the first p become lags only. Returns how many were."""
    variants, order = belief.lags.shape
    absorbed = 0
    for t in range(values.shape[0]):
        missing = math.isnan(values[t])
        if t >= order:
            predict_row(grid, belief, work, values[t], noise[t])
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
            belief.lag_variances[v, 0] = belief.scales[VARIANCE] if missing else 0.0
    return absorbed


Out = tuple[Floats, Integers, Floats]
# observations and the standard deviations of their noise in units of the usual one, [R] each
Seen = tuple[Floats, Floats]


@compiled
def filter_rows(seen: Seen, row: int, last: int, parts: Parts, out: Out, sizes: Sizes) -> int:
    """Filter the rows from `row` up to `last` into state and outputs; returns the row that it came to.

    out: buffer of the outputs of all rows, where they start in it, and points for the stationary probability. Stops
    after a row that leaves the belief `beaten`.
    """
    observations, noise = seen
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
    while row < last and not beaten(belief.scales, sizes):
        reading = observations[row], noise[row]
        absorbed[0] = _filter_row(reading, row, absorbed[0], grid, belief, work, mixture, window, outputs)
        remember_latest(state.latest, observations[row], noise[row])
        if outputs.stationary_probability.shape[0] > 0:
            outputs.stationary_probability[row] = stationary_probability(belief, points, work.factor, work.room)
        if outputs.effective_memory.shape[0] > 0:
            outputs.effective_memory[row] = effective_memory(grid, belief, float(absorbed[0]), work.factor)
        if outputs.drift_rate.shape[0] > 0:
            outputs.drift_rate[row] = drift_rate(grid, belief)
        row += 1
    store(state, belief, sizes)
    if not sound(belief):
        parts.state[:] = 0.0
    return row


@inlined
def sound(belief: Belief) -> bool:
    """Whether no number has overflowed; what has begins again."""
    none, all_of_them = np.uint64(0), np.uint64(belief.b.shape[0])
    numbers = total(belief.b, none, all_of_them) + total(belief.weight, none, all_of_them)
    for i in range(belief.mean.shape[0]):
        numbers += total(belief.mean[i], none, all_of_them)
    for i in range(belief.cov.shape[0]):
        numbers += total(belief.cov[i], none, all_of_them)
    for v in range(belief.lags.shape[0]):
        for k in range(belief.lags.shape[1]):
            numbers += belief.lags[v, k] + belief.lag_variances[v, k]
    for i in range(belief.scales.shape[0]):
        numbers += belief.scales[i]
    return math.isfinite(numbers)


@compiled
def filter_streams(
    seen: Seen, bounds: Integers, states: Floats, parts: Parts, out: Out, sizes: Sizes, came_to: Integers
) -> None:
    """Filter the rows of every stream, those of stream s from bounds[s] up to bounds[s + 1].

    states [S, words]: changed. out: see `filter_rows`. came_to [S]: receives the row that each stream came to, short of
    its last where it has not started, or -1 less that row where its belief is `beaten`.
    """
    for s in range(came_to.shape[0]):
        came_to[s] = bounds[s]
        own = Parts(parts.grid, parts.scratch, states[s])
        if view_state(own.state, sizes).started[0] != 0:
            came_to[s] = filter_rows(seen, bounds[s], bounds[s + 1], own, out, sizes)
            state = view_state(own.state, sizes)
            if beaten(state.scales, sizes):
                came_to[s] = -1 - came_to[s]


@inlined
def _filter_row(
    reading: tuple[float, float],
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
    observation, scale = reading
    value = (observation - belief.scales[CENTRE]) / belief.scales[UNIT]
    missing = math.isnan(value)
    value = min(max(value, -LARGEST), LARGEST) if not missing else value
    predict_row(grid, belief, work, value, scale)
    report_predictive(grid, belief, work, mixture, value, t, out)
    gross = False
    if not missing:
        log_evidence = absorb_row(grid, belief, work, value)
        gross = work.reading[1] > 0.5
        absorbed += 0 if gross else 1
        if out.log_evidence.shape[0] > 0:
            out.log_evidence[t] = log_evidence - math.log(belief.scales[UNIT])
        if out.outlier_probability.shape[0] > 0:
            outliers = dot(belief.weight, work.outlier, np.uint64(0), np.uint64(belief.weight.shape[0]))
            out.outlier_probability[t] = work.reading[1] + (1.0 - work.reading[1]) * outliers
        compare(belief, value, scale, log_evidence)
    push_lags(grid, belief, work, value)
    if window.rows.shape[0] > 0:
        absorbed = slide(window, belief, work, math.nan if gross else observation / belief.scales[UNIT])
    elif not missing and not gross:
        follow(belief, _FOLLOWING * value)
    report_posterior(grid, belief, work, mixture, t, out)
    return absorbed


@inlined
def follow(belief: Belief, value: float) -> None:
    """Let the centre follow the series, so that drift and jumps turn about where it is."""
    centre = belief.scales[CENTRE]
    belief.scales[CENTRE] = centre + value * belief.scales[UNIT]
    shift = (belief.scales[CENTRE] - centre) / belief.scales[UNIT]
    belief.scales[LATEST] -= shift
    belief.scales[ORIGIN] -= shift
    ar_nodes.recentre(belief, shift)


@inlined
def compare(belief: Belief, value: float, scale: float, log_evidence: float) -> None:
    """Score a simple rival, the last value with a running Student-t: how far it is ahead of late, and for how long."""
    change = (value - belief.scales[LATEST]) / scale
    variance = belief.scales[RIVAL_VARIANCE]
    rival = _RIVAL_CONSTANT - 0.5 * math.log(variance) - math.log(scale)
    rival -= 0.5 * (_RIVAL_DOF + 1.0) * log_square(abs(change) / math.sqrt(_RIVAL_DOF * variance))
    ahead = min(max(belief.scales[LEAD] + rival - log_evidence, 0.0), AHEAD)
    belief.scales[LATEST] = value
    belief.scales[RIVAL_VARIANCE] = max(
        _RIVAL_MEMORY * variance + (1.0 - _RIVAL_MEMORY) * change * change, _RIVAL_LEAST
    )
    belief.scales[LEAD] = ahead
    belief.scales[ROWS_AHEAD] = belief.scales[ROWS_AHEAD] + 1.0 if ahead > 0.0 else 0.0


@inlined
def beaten(scales: Floats, sizes: Sizes) -> bool:
    """Whether the rival is ahead, and has been for longer than a burst of gross errors may last."""
    return scales[LEAD] >= AHEAD and scales[ROWS_AHEAD] > longest_burst(sizes.order) and sizes.window == 0


@inlined
def remember_latest(latest: Floats, observation: float, scale: float) -> None:
    """Keep the latest observations and scales [2, w] in their order, the newest last; a missing one has the scale 0."""
    last = latest.shape[1] - 1
    for i in range(last):
        latest[0, i] = latest[0, i + 1]
        latest[1, i] = latest[1, i + 1]
    latest[0, last] = observation
    latest[1, last] = 0.0 if math.isnan(observation) else scale
