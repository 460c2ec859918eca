"""The outputs of an autoregression's rows, compiled: what was asked for is written, in the observations' unit."""

import math
from typing import NamedTuple

import numpy as np

from stream_filters.filters.autoregression.records import Belief, Grid, Integers, Sizes, Work
from stream_filters.filters.autoregression.report import (
    gather_coefficient,
    gather_intercept,
    gather_noise,
    gather_predictive,
    predictive_moments,
    quantiles,
    separate,
)
from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import total
from stream_filters.filters.numerics.student_t_mixtures import Mixture, first_components, mixture_cdf
from stream_filters.filters.numerics.workspace import view_column, view_rows


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


@inlined
def view_outputs(buffer: Floats, starts: Integers, rows: int, sizes: Sizes) -> Outputs:
    """The outputs in their buffer; starts: of each field of `Outputs`, negative where it was not asked for."""
    coefficients = view_rows(buffer, starts[8], rows, 3 * sizes.order)
    return Outputs(
        predictive_mean=view_column(buffer, starts[0], rows),
        predictive_std=view_column(buffer, starts[1], rows),
        predictive_interval=view_rows(buffer, starts[2], rows, 2),
        log_evidence=view_column(buffer, starts[3], rows),
        pit=view_column(buffer, starts[4], rows),
        outlier_probability=view_column(buffer, starts[5], rows),
        model_weights=view_rows(buffer, starts[6], rows, sizes.variants),
        intercept=view_rows(buffer, starts[7], rows, 3),
        coefficients=coefficients.reshape((coefficients.shape[0], sizes.order, 3)),
        noise_std=view_rows(buffer, starts[9], rows, 3),
        stationary_probability=view_column(buffer, starts[10], rows),
        drift_rate=view_column(buffer, starts[11], rows),
        effective_memory=view_column(buffer, starts[12], rows),
    )


@compiled
def report_predictive(
    grid: Grid, belief: Belief, work: Work, mixture: Mixture, value: float, t: int, out: Outputs
) -> None:
    """Write row t's outputs of the predictive; value is centred."""
    centre = belief.scales[0]
    if out.predictive_mean.shape[0] + out.predictive_std.shape[0] > 0:
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
        interval = out.predictive_interval[t]
        quantiles(mixture, m, grid.ends[1:], interval)
        interval[0] += centre
        interval[1] += centre
    if scored:
        out.pit[t] = mixture_cdf(value, first_components(mixture, m))


@compiled
def report_posterior(grid: Grid, belief: Belief, work: Work, mixture: Mixture, t: int, out: Outputs) -> None:
    """Write row t's bands and weights of the posterior."""
    if out.model_weights.shape[0] > 0:
        lanes = np.uint64(belief.b.shape[0] // belief.lags.shape[0])
        for v in range(belief.lags.shape[0]):
            out.model_weights[t, v] = total(belief.weight, np.uint64(v) * lanes, np.uint64(v + 1) * lanes)
    if out.intercept.shape[0] + out.coefficients.shape[0] + out.noise_std.shape[0] == 0:
        return
    heavy = separate(belief.weight, work)
    if out.intercept.shape[0] > 0:
        quantiles(mixture, gather_intercept(belief, work, mixture, heavy), grid.ends, out.intercept[t])
    if out.coefficients.shape[0] > 0:
        for k in range(1, belief.mean.shape[0]):
            m = gather_coefficient(belief, work, mixture, heavy, k)
            quantiles(mixture, m, grid.ends, out.coefficients[t, k - 1])
    if out.noise_std.shape[0] > 0:
        band = out.noise_std[t]
        quantiles(mixture, gather_noise(belief, work, mixture, heavy), grid.ends, band)
        # The components are of x = V^(-1/3): sigma = x^(-3/2) falls with x. The normal tail of the light nodes' common
        # component can pass 0, which x cannot: the upper end is held below eleven medians.
        median, lower, upper = band[0], band[1], band[2]
        unit = math.sqrt(1.0 / work.unit[0])
        band[0] = median**-1.5 * unit
        band[1] = upper**-1.5 * unit
        band[2] = max(lower, 0.2 * median) ** -1.5 * unit
