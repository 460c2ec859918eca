"""h-step forecasts of an autoregression, with the uncertainty of its parameters and their drift, compiled.

Given a path of the parameters a forecast is Gaussian, exactly. So a fixed cloud of parameter paths is drawn from the
posterior and its Gaussian forecasts are mixed: only the parameters are sampled, never the noise
(Rao-Blackwell; Robert & Casella, Monte Carlo Statistical Methods, section 4.2). The first step is exact.
"""

import math
from typing import Annotated, NamedTuple

import numpy as np

from stream_filters.filters.autoregression.equations import cholesky
from stream_filters.filters.autoregression.grid import predict_row
from stream_filters.filters.autoregression.records import CENTRE, ORIGIN, UNIT, Belief, Grid, Sizes
from stream_filters.filters.autoregression.report import gather_predictive, predictive_moments, quantiles
from stream_filters.filters.autoregression.stationarity import is_stationary, noise_scale
from stream_filters.filters.autoregression.views import Parts, belief_of, load, view_grid, view_scratch, view_state
from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled
from stream_filters.filters.numerics.declarations import Integers
from stream_filters.filters.numerics.elementary import dot
from stream_filters.filters.numerics.layout import Layout
from stream_filters.filters.numerics.student_t_mixtures import PADDING, Mixture

PATHS = 256
_SIGNS = 4
_LARGEST = 1e150
# a factor of a root to a millionth, and the least one
_BISECTIONS = 20
_LEAST_FACTOR = 1e-3
# With a smaller share of stationary paths the belief is that the series explodes.
_EXPLODES = 0.05


class Paths(NamedTuple):
    """A cloud of paths [s]: node, parameters theta [s, d], variance V, and their lags' means and covs.

    covs [2, s, p, p]: of the lags without outliers, and of the outliers' share for a unit of excess noise. cross [p]:
    room.
    """

    node: Annotated[Integers, "paths"]
    theta: Annotated[Floats, "paths, order + 1"]
    variance: Annotated[Floats, "paths"]
    centres: Annotated[Floats, "paths, order"]
    covs: Annotated[Floats, "2, paths, order, order"]
    cross: Annotated[Floats, "order"]


class Cloud(NamedTuple):
    """The paths, and the mixture of their forecasts: each path with and without outliers."""

    paths: Paths
    branches: Annotated[Mixture, {"components": f"2 * paths + {PADDING}"}]


CLOUD = Layout(Cloud, Sizes, names={"paths": str(PATHS)})
_view_cloud = CLOUD.viewer()


def cloud(horizon: int, dimension: int) -> Floats:
    """Standard normal deviates [horizon, PATHS, dimension + 1], always the same ones.

    Every four are one with all signs of the first column, which belongs to the level, and of the others together: the
    forecasts of a stream turned upside down are the same, upside down. A longer horizon only appends. The last column
    of the first step belongs to the noise variance.
    """
    drawn = np.random.default_rng(20_000).standard_normal((horizon, PATHS // _SIGNS, 1, dimension + 1))
    level = np.array([1.0, -1.0, 1.0, -1.0])[:, None]
    others = np.array([1.0, 1.0, -1.0, -1.0])[:, None]
    signs = np.where(np.arange(dimension + 1) == 0, level, others)
    return np.asarray((drawn * signs).reshape(horizon, PATHS, dimension + 1))


@compiled
def forecast_rows(deviates: Floats, parts: Parts, room: Floats, out: Floats, sizes: Sizes) -> None:
    """Fill out [h, 4]: mean, std, lower and upper end of the interval. room: words of `CLOUD`, zeros."""
    grid, state, scratch = (
        view_grid(parts.grid, sizes),
        view_state(parts.state, sizes),
        view_scratch(parts.scratch, sizes),
    )
    belief, work, mixture = belief_of(state, scratch), scratch.work, scratch.mixture
    load(state, grid, belief, work, sizes)
    cloud = _view_cloud(room, sizes)
    paths, branches = cloud.paths, cloud.branches
    predict_row(grid, belief, work, math.nan, 1.0)
    mean, std = predictive_moments(grid, belief, work)
    ends, scales = grid.ends[1:], belief.scales
    _write(out[0], scales, mean, std, mixture, gather_predictive(grid, belief, work, mixture), ends)
    _draw(belief, deviates[0], paths, work.factor)
    limit = _limit(belief, paths, work.room)
    _hold(paths, limit, work.room)
    branches.dofs[:] = math.inf
    for h in range(deviates.shape[0]):
        if h > 0:
            _drift(grid, deviates[h], belief.scales[ORIGIN], paths)
            _hold(paths, limit, work.room)
        mean, std = _advance(grid, h, paths, branches)
        if h > 0:
            _write(out[h], scales, mean, std, branches, 2 * PATHS, ends)


@compiled
def _write(row: Floats, scales: Floats, mean: float, std: float, mixture: Mixture, m: int, ends: Floats) -> None:
    """Write one forecast, row [4], from the first m components of a centred mixture."""
    centre, unit = scales[CENTRE], scales[UNIT]
    quantiles(mixture, m, ends, row[2:])
    row[0] = centre + unit * mean
    row[1] = unit * std
    row[2] = centre + unit * row[2]
    row[3] = centre + unit * row[3]


@compiled
def _draw(belief: Belief, deviates: Floats, paths: Paths, factor: Floats) -> None:
    """Draw nodes by systematic sampling of the weights, and from each its theta, V and lags."""
    count, d = paths.theta.shape
    lanes = belief.weight.shape[0] // belief.lags.shape[0]
    j = -1
    cumulative = 0.0
    for s in range(count):
        fresh = False
        drawn = (s // _SIGNS + 0.5) * _SIGNS / count
        while j < 0 or (cumulative < drawn and j < belief.weight.shape[0] - 1):
            j += 1
            cumulative += belief.weight[j]
            fresh = True
        if fresh:
            cholesky(j, belief.cov, 0.0, 0.0, factor)
        scale = noise_scale(belief.half_dof[j], belief.b[j], deviates[s, d])
        paths.node[s] = j
        paths.variance[s] = scale * scale
        for i in range(d):
            paths.theta[s, i] = belief.mean[i, j]
            for k in range(i + 1):
                paths.theta[s, i] += scale * factor[i, k] * deviates[s, k]
        for k in range(d - 1):
            paths.centres[s, k] = belief.lags[j // lanes, k]
            paths.covs[0, s, k, k] = belief.lag_variances[j // lanes, k]


@compiled
def _drift(grid: Grid, deviates: Floats, origin: float, paths: Paths) -> None:
    """One step of each path's random walk, in place."""
    theta = paths.theta
    for s in range(theta.shape[0]):
        j = paths.node[s]
        reversion = 1.0
        for i in range(1, theta.shape[1]):
            reversion -= theta[s, i]
        theta[s, 0] += reversion * math.sqrt(grid.level_drift[j] * paths.variance[s]) * deviates[s, 0]
        coefficient = math.sqrt(grid.coefficient_drift[j])
        for i in range(1, theta.shape[1]):
            theta[s, i] += coefficient * deviates[s, i]
            theta[s, 0] -= grid.pivot[j] * origin * coefficient * deviates[s, i]


@compiled
def _limit(belief: Belief, paths: Paths, room: Floats) -> float:
    """The spectral radius that paths are held within: 1, or that of the mean coefficients where all but all explode."""
    inside = 0
    for s in range(paths.theta.shape[0]):
        inside += is_stationary(paths.theta[s, 1:], room[2])
    if inside > _EXPLODES * paths.theta.shape[0]:
        return 1.0
    none, all_of_them = np.uint64(0), np.uint64(belief.weight.shape[0])
    for k in range(room.shape[1]):
        room[0, k] = dot(belief.weight, belief.mean[k + 1], none, all_of_them)
    return 1.0 / _shrink(room[0], 1.0, room[1], room[2])


@compiled
def _hold(paths: Paths, limit: float, room: Floats) -> None:
    """Shrink the roots of paths that explode faster than the belief does to the limit."""
    for s in range(paths.theta.shape[0]):
        coefficients = paths.theta[s, 1:]
        factor = _shrink(coefficients, limit, room[1], room[2])
        power = 1.0
        for k in range(coefficients.shape[0]):
            power *= factor
            coefficients[k] *= power


@compiled
def _shrink(coefficients: Floats, limit: float, scaled: Floats, room: Floats) -> float:
    """Largest factor, at most 1, by which all roots must be multiplied to come within the limit, by bisection."""
    low, high = 0.0, 1.0
    factor = 1.0
    for _ in range(_BISECTIONS):
        power = 1.0
        for k in range(coefficients.shape[0]):
            power *= factor / limit
            scaled[k] = coefficients[k] * power
        inside = is_stationary(scaled, room)
        if inside:
            low = factor
        else:
            high = factor
        if low == 1.0:
            return 1.0
        factor = 0.5 * (low + high)
    return max(low, _LEAST_FACTOR)


@compiled
def _advance(grid: Grid, h: int, paths: Paths, branches: Mixture) -> tuple[float, float]:
    """Move every path's lags one step on; returns the forecast's mean and std.

    branches receives two components for each path: no outlier up to now, at least one.
    """
    kappa = grid.settings[3]
    count, d = paths.theta.shape
    lanes = grid.prior.shape[0] // grid.clean.shape[0]
    total = 0.0
    square = 0.0
    for s in range(count):
        j, noise = paths.node[s], paths.variance[s]
        eps, clean = grid.outlier_share[j], grid.clean[j // lanes] > 0.0
        coefficients, cross = paths.theta[s, 1:], paths.cross
        mean = paths.theta[s, 0]
        for k in range(d - 1):
            mean += coefficients[k] * paths.centres[s, k]
        mean = min(max(mean, -_LARGEST), _LARGEST)
        core = _shift(paths.covs[0, s], coefficients, cross, noise, True)
        # An outlier of a clean variant is in the observation alone: the lags never see it.
        gathered = _shift(paths.covs[1, s], coefficients, cross, 1.0, not clean) if eps > 0.0 else 0.0
        excess = eps * (kappa - 1.0) * noise * gathered
        chance = 1.0 - (1.0 - eps) ** min(max(gathered, 1.0), h + 1.0)
        for k in range(d - 2, 0, -1):
            paths.centres[s, k] = paths.centres[s, k - 1]
        paths.centres[s, 0] = mean
        branches.weights[s] = (1.0 - chance) / count
        branches.weights[count + s] = chance / count
        branches.locations[s] = branches.locations[count + s] = mean
        branches.scales[s] = math.sqrt(core)
        branches.scales[count + s] = math.sqrt(core + excess / chance) if chance > 0.0 else 1.0
        total += mean / count
        square += (core + excess) / count
    for s in range(count):
        square += (branches.locations[s] - total) ** 2 / count
    return total, math.sqrt(square)


@compiled
def _shift(cov: Floats, coefficients: Floats, cross: Floats, noise: float, remember: bool) -> float:
    """Variance of the next value from the lags' cov [p, p], which then has it as its newest lag, if remembered."""
    p = cov.shape[0]
    variance = noise
    for i in range(p):
        cross[i] = 0.0
        for k in range(p):
            cross[i] += cov[i, k] * coefficients[k]
        variance += coefficients[i] * cross[i]
    variance = min(variance, _LARGEST)
    if not remember:
        return variance
    for i in range(p - 1, 0, -1):
        for k in range(p - 1, 0, -1):
            cov[i, k] = cov[i - 1, k - 1]
    for i in range(p - 1, 0, -1):
        cov[0, i] = cov[i, 0] = cross[i - 1]
    cov[0, 0] = variance
    return variance
