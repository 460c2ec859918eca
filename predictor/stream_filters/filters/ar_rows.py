"""The rows of one stream through the drift grid, with the outputs that were asked for, compiled once."""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from stream_filters.filters.ar_belief import Belief, Grid, Work
from stream_filters.filters.ar_drift import drift_rate, effective_memory
from stream_filters.filters.ar_kernels import absorb_row, out_of_range, predict_row, push_lags
from stream_filters.filters.ar_report import (
    gather_coefficient,
    gather_intercept,
    gather_noise,
    gather_predictive,
    predictive_moments,
    quantiles,
)
from stream_filters.filters.ar_stationarity import stationary_probability
from stream_filters.filters.ar_window import Window, slide
from stream_filters.filters.base import Floats
from stream_filters.filters.student_t_mixtures import Mixture, first_components, mixture_cdf


class Outputs(NamedTuple):
    """Arrays to fill, named and shaped as on the wire; one with no rows was not asked for."""

    predictive_mean: Floats
    predictive_std: Floats
    predictive_interval: Floats
    log_evidence: Floats
    pit: Floats
    outlier_probability: Floats
    model_weights: Floats
    intercept: Floats
    coefficients: Floats
    noise_std: Floats
    stationary_probability: Floats
    drift_rate: Floats
    effective_memory: Floats


@njit(nogil=True, cache=True, error_model="numpy")
def replay(grid: Grid, belief: Belief, work: Work, values: Floats) -> int:
    """Absorb the centred warm-up values [w], NaN = missing; the first p become lags only. Returns how many were."""
    variants, order = belief.lags.shape
    absorbed = 0
    for t in range(values.shape[0]):
        if t >= order:
            predict_row(grid, belief, work)
            if not math.isnan(values[t]):
                absorb_row(grid, belief, work, values[t])
                absorbed += 1
            push_lags(grid, belief, work, values[t])
            continue
        for v in range(variants):
            for k in range(order - 1, 0, -1):
                belief.lags[v, k] = belief.lags[v, k - 1]
                belief.lag_variances[v, k] = belief.lag_variances[v, k - 1]
            missing = math.isnan(values[t])
            belief.lags[v, 0] = 0.0 if missing else values[t]
            belief.lag_variances[v, 0] = belief.scales[1] if missing else 0.0
    return absorbed


@njit(nogil=True, cache=True, error_model="numpy")
def filter_rows(
    grid: Grid,
    belief: Belief,
    work: Work,
    mixture: Mixture,
    window: Window,
    observations: Floats,
    absorbed: int,
    level: float,
    points: Floats,
    out: Outputs,
) -> tuple[int, int]:
    """Filter observations [T] into belief, window and out; returns the rows done and the observations absorbed so far.

    Stops before an observation that is out of the belief's range.
    """
    d = belief.mean.shape[1]
    factor = np.zeros((d, d))
    room = np.zeros((2, d - 1))
    tail = 0.5 - 0.5 * level
    ends = np.array([0.5, tail, 1.0 - tail])
    for t in range(observations.shape[0]):
        value = observations[t] - belief.scales[0]
        if out_of_range(belief, value):
            return t, absorbed
        predict_row(grid, belief, work)
        _report_predictive(grid, belief, work, mixture, value, ends[1:], t, out)
        if not math.isnan(value):
            log_evidence = absorb_row(grid, belief, work, value)
            absorbed += 1
            if out.log_evidence.shape[0] > 0:
                out.log_evidence[t] = log_evidence
            if out.outlier_probability.shape[0] > 0:
                out.outlier_probability[t] = (belief.weight * work.outlier).sum()
        push_lags(grid, belief, work, value)
        if window.rows.shape[0] > 0:
            absorbed = slide(window, belief, work, observations[t])
        _report_posterior(grid, belief, mixture, ends, t, out)
        if out.stationary_probability.shape[0] > 0:
            out.stationary_probability[t] = stationary_probability(grid, belief, points, factor, room)
        if out.effective_memory.shape[0] > 0:
            out.effective_memory[t] = effective_memory(grid, belief, float(absorbed), factor)
    return observations.shape[0], absorbed


@njit(nogil=True, cache=True, error_model="numpy")
def _report_predictive(
    grid: Grid, belief: Belief, work: Work, mixture: Mixture, value: float, ends: Floats, t: int, out: Outputs
) -> None:
    """Write row t's outputs of the predictive; value is centred, ends [2] are the interval's probabilities."""
    centre = belief.scales[0]
    mean, std = predictive_moments(grid, belief, work)
    if out.predictive_mean.shape[0] > 0:
        out.predictive_mean[t] = centre + mean
    if out.predictive_std.shape[0] > 0:
        out.predictive_std[t] = std
    scored = out.pit.shape[0] > 0 and not math.isnan(value)
    if out.predictive_interval.shape[0] == 0 and not scored:
        return
    m = gather_predictive(grid, belief, work, mixture)
    if out.predictive_interval.shape[0] > 0:
        quantiles(mixture, m, ends, out.predictive_interval[t])
        out.predictive_interval[t] += centre
    if scored:
        out.pit[t] = mixture_cdf(value, first_components(mixture, m))


@njit(nogil=True, cache=True, error_model="numpy")
def _report_posterior(grid: Grid, belief: Belief, mixture: Mixture, ends: Floats, t: int, out: Outputs) -> None:
    """Write row t's bands and weights of the posterior; ends [3] are the probabilities of a band."""
    n, d = belief.mean.shape
    if out.model_weights.shape[0] > 0:
        out.model_weights[t] = 0.0
        for j in range(n):
            out.model_weights[t, grid.variant[j]] += belief.weight[j]
    if out.intercept.shape[0] > 0:
        quantiles(mixture, gather_intercept(grid, belief, mixture), ends, out.intercept[t])
    if out.coefficients.shape[0] > 0:
        for k in range(1, d):
            quantiles(mixture, gather_coefficient(grid, belief, mixture, k), ends, out.coefficients[t, k - 1])
    if out.noise_std.shape[0] > 0:
        band = out.noise_std[t]
        quantiles(mixture, gather_noise(grid, belief, mixture), ends, band)
        # The components are of x = V^(-1/3): sigma = x^(-3/2) falls with x. The normal tail of the light nodes' common
        # component can pass 0, which x cannot: the upper end is held below eleven medians.
        median, lower, upper = band[0], band[1], band[2]
        band[0] = median**-1.5
        band[1] = upper**-1.5
        band[2] = max(lower, 0.2 * median) ** -1.5
    if out.drift_rate.shape[0] > 0:
        out.drift_rate[t] = drift_rate(grid, belief)
