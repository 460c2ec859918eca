"""h-step forecasts of an autoregression, with the uncertainty of its parameters and their drift, compiled.

Given a path of the parameters a forecast is Gaussian, exactly. So a fixed cloud of parameter paths is drawn from the
posterior and its Gaussian forecasts are mixed: only the parameters are sampled, never the noise
(Rao-Blackwell; Robert & Casella, Monte Carlo Statistical Methods, section 4.2). The first step is exact.
"""

import math

import numpy as np
from numba import njit

from stream_filters.filters.ar_belief import Belief, Grid, Work
from stream_filters.filters.ar_kernels import predict_row
from stream_filters.filters.ar_nodes import cholesky
from stream_filters.filters.ar_report import gather_predictive, predictive_moments, quantiles
from stream_filters.filters.ar_stationarity import noise_scale
from stream_filters.filters.base import Array, Floats
from stream_filters.filters.student_t_lanes import TERMS
from stream_filters.filters.student_t_mixtures import PADDING, Mixture

PATHS = 256
_LARGEST = 1e150


def cloud(horizon: int, dimension: int) -> Floats:
    """Standard normal deviates [horizon, PATHS, dimension + 1], in antithetic pairs, always the same ones.

    A longer horizon only appends. The last column of the first step belongs to the noise variance.
    """
    half = np.random.default_rng(20_000).standard_normal((horizon, PATHS // 2, dimension + 1))
    return np.stack([half, -half], axis=2).reshape(horizon, PATHS, dimension + 1)


@njit(nogil=True, cache=True, error_model="numpy")
def forecast_rows(
    grid: Grid, belief: Belief, work: Work, mixture: Mixture, deviates: Floats, level: float, out: Floats
) -> None:
    """Fill out [h, 4]: mean, std, lower and upper end of the interval. Moves belief one step on."""
    predict_row(grid, belief, work)
    mean, std = predictive_moments(grid, belief, work)
    ends = np.array([0.5 - 0.5 * level, 0.5 + 0.5 * level])
    _write(out[0], belief.scales[0], mean, std, mixture, gather_predictive(grid, belief, work, mixture), ends)
    horizon, paths = deviates.shape[:2]
    d = belief.mean.shape[1]
    theta = np.empty((paths, d))
    variance = np.empty(paths)
    node = np.empty(paths, np.int64)
    _draw(grid, belief, deviates[0], theta, variance, node)
    centres = np.empty((paths, d - 1))
    covs = np.zeros((2, paths, d - 1, d - 1))
    for s in range(paths):
        centres[s] = belief.lags[grid.variant[node[s]]]
        for k in range(d - 1):
            covs[0, s, k, k] = belief.lag_variances[grid.variant[node[s]], k]
    room = 2 * paths + PADDING
    branches = Mixture(np.empty(room), np.empty(room), np.empty(room), np.full(room, math.inf), np.empty((TERMS, room)))
    for h in range(horizon):
        if h > 0:
            _drift(grid, deviates[h], node, variance, theta)
        mean, std = _advance(grid, h, node, theta, variance, centres, covs, branches)
        if h > 0:
            _write(out[h], belief.scales[0], mean, std, branches, 2 * paths, ends)


@njit(nogil=True, cache=True, error_model="numpy")
def _write(row: Floats, centre: float, mean: float, std: float, mixture: Mixture, m: int, ends: Floats) -> None:
    """Write one forecast, row [4], from the first m components of a centred mixture."""
    row[0] = mean
    row[1] = std
    quantiles(mixture, m, ends, row[2:])
    row[0] += centre
    row[2] += centre
    row[3] += centre


@njit(nogil=True, cache=True, error_model="numpy")
def _draw(grid: Grid, belief: Belief, deviates: Floats, theta: Floats, variance: Floats, node: Array) -> None:
    """Draw nodes by systematic sampling of the weights, and from each its theta [s, d] and V [s]."""
    paths, d = theta.shape
    factor = np.zeros((d, d))
    j = -1
    cumulative = 0.0
    for s in range(paths):
        fresh = False
        while j < 0 or (cumulative < (s + 0.5) / paths and j < belief.weight.shape[0] - 1):
            j += 1
            cumulative += belief.weight[j]
            fresh = True
        if fresh:
            cholesky(belief.cov[j], 0.0, 0.0, factor)
        scale = noise_scale(belief.a[grid.group[j]], belief.b[j], deviates[s, d])
        node[s] = j
        variance[s] = scale * scale
        for i in range(d):
            theta[s, i] = belief.mean[j, i]
            for k in range(i + 1):
                theta[s, i] += scale * factor[i, k] * deviates[s, k]


@njit(nogil=True, cache=True, error_model="numpy")
def _drift(grid: Grid, deviates: Floats, node: Array, variance: Floats, theta: Floats) -> None:
    """One step of each path's random walk, in place."""
    for s in range(theta.shape[0]):
        theta[s, 0] += math.sqrt(grid.level_drift[node[s]] * variance[s]) * deviates[s, 0]
        coefficient = math.sqrt(grid.coefficient_drift[node[s]])
        for i in range(1, theta.shape[1]):
            theta[s, i] += coefficient * deviates[s, i]


@njit(nogil=True, cache=True, error_model="numpy")
def _advance(
    grid: Grid,
    h: int,
    node: Array,
    theta: Floats,
    variance: Floats,
    centres: Floats,
    covs: Floats,
    branches: Mixture,
) -> tuple[float, float]:
    """Move every path's lags, means [s, p] and covs [2, s, p, p], one step on; returns the forecast's mean and std.

    covs[0] is of the lags without outliers, covs[1] of the outliers' share for a unit of excess noise. branches
    receives two components for each path: no outlier up to now, at least one.
    """
    eps, kappa = grid.settings[2], grid.settings[3]
    paths, d = theta.shape
    total = 0.0
    square = 0.0
    for s in range(paths):
        v = grid.variant[node[s]]
        coefficients = theta[s, 1:]
        mean = theta[s, 0]
        for k in range(d - 1):
            mean += coefficients[k] * centres[s, k]
        mean = min(max(mean, -_LARGEST), _LARGEST)
        core = _shift(covs[0, s], coefficients, variance[s], True)
        # An outlier of a clean variant is in the observation alone: the lags never see it.
        gathered = _shift(covs[1, s], coefficients, 1.0, not grid.clean[v]) if grid.robust[v] else 0.0
        excess = eps * (kappa - 1.0) * variance[s] * gathered
        chance = 1.0 - (1.0 - eps) ** min(max(gathered, 1.0), h + 1.0) if grid.robust[v] else 0.0
        for k in range(d - 2, 0, -1):
            centres[s, k] = centres[s, k - 1]
        centres[s, 0] = mean
        branches.weights[s] = (1.0 - chance) / paths
        branches.weights[paths + s] = chance / paths
        branches.locations[s] = branches.locations[paths + s] = mean
        branches.scales[s] = math.sqrt(core)
        branches.scales[paths + s] = math.sqrt(core + excess / chance) if chance > 0.0 else 1.0
        total += mean / paths
        square += (core + excess) / paths
    for s in range(paths):
        square += (branches.locations[s] - total) ** 2 / paths
    return total, math.sqrt(square)


@njit(nogil=True, cache=True, error_model="numpy")
def _shift(cov: Array, coefficients: Floats, noise: float, remember: bool) -> float:
    """Variance of the next value from the lags' cov [p, p], which then has it as its newest lag, if remembered."""
    p = cov.shape[0]
    cross = np.zeros(p)
    variance = noise
    for i in range(p):
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
