"""The outputs of an autoregression's rows, compiled: what was asked for is written, in the observations' unit."""

import math
from typing import Annotated, NamedTuple

import numpy as np

from stream_filters.filters.autoregression.records import CENTRE, UNIT, Belief, Grid, Sizes, Work
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
from stream_filters.filters.numerics.compiled import compiled
from stream_filters.filters.numerics.elementary import total
from stream_filters.filters.numerics.layout import Layout
from stream_filters.filters.numerics.student_t_mixtures import Mixture, first_components, mixture_cdf


class Outputs(NamedTuple):
    """Arrays to fill, named and shaped as on the wire; one with no rows was not asked for."""

    predictive_mean: Annotated[Floats, "rows"]
    predictive_std: Annotated[Floats, "rows"]
    predictive_interval: Annotated[Floats, "rows, 2"]
    log_evidence: Annotated[Floats, "rows"]
    pit: Annotated[Floats, "rows"]
    outlier_probability: Annotated[Floats, "rows"]
    model_weights: Annotated[Floats, "rows, variants"]
    intercept: Annotated[Floats, "rows, 3"]
    coefficients: Annotated[Floats, "rows, order, 3"]
    noise_std: Annotated[Floats, "rows, 3"]
    stationary_probability: Annotated[Floats, "rows"]
    drift_rate: Annotated[Floats, "rows"]
    effective_memory: Annotated[Floats, "rows"]


OUTPUTS = Layout(Outputs, Sizes)
view_outputs = OUTPUTS.report_viewer()


@compiled
def report_predictive(
    grid: Grid, belief: Belief, work: Work, mixture: Mixture, value: float, t: int, out: Outputs
) -> None:
    """Write row t's outputs of the predictive; value is centred."""
    centre, unit = belief.scales[CENTRE], belief.scales[UNIT]
    if out.predictive_mean.shape[0] + out.predictive_std.shape[0] > 0:
        mean, std = predictive_moments(grid, belief, work)
        if out.predictive_mean.shape[0] > 0:
            out.predictive_mean[t] = centre + unit * mean
        if out.predictive_std.shape[0] > 0:
            out.predictive_std[t] = unit * std
    scored = out.pit.shape[0] > 0 and not math.isnan(value)
    if out.predictive_interval.shape[0] == 0 and not scored:
        return
    m = gather_predictive(grid, belief, work, mixture)
    if out.predictive_interval.shape[0] > 0:
        interval = out.predictive_interval[t]
        quantiles(mixture, m, grid.ends[1:], interval)
        interval[0] = centre + unit * interval[0]
        interval[1] = centre + unit * interval[1]
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
    heavy, unit = separate(belief.weight, work), belief.scales[UNIT]
    if out.intercept.shape[0] > 0:
        quantiles(mixture, gather_intercept(belief, work, mixture, heavy), grid.ends, out.intercept[t])
        for i in range(3):
            out.intercept[t, i] *= unit
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
        band[0] = median**-1.5 * unit
        band[1] = upper**-1.5 * unit
        band[2] = max(lower, 0.2 * median) ** -1.5 * unit
