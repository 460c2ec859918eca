"""The nodes of the autoregression: dynamic regressions with conjugate noise variance, as compiled functions.

A node's model, with c the stream's fixed centre, F_t = (1, y_{t-1} - c, ..., y_{t-p} - c) and d = p + 1:

    y_t - c = F_t' theta_t + e_t,   e_t ~ N(0, V),   theta_t = theta_{t-1} + N(0, diag(V la, wb, ..., wb))
    theta_t | V ~ N(mean, V cov),   V ~ IG(a, b)

(West & Harrison, Bayesian Forecasting and Dynamic Models, chapter 4.) Covariances are in units of V and packed by
rows of the upper triangle: (0,0), (0,1), ..., (0,p), (1,1), ...

Loops over nodes have no branches, no sums and few arrays each, so that the compiler can vectorise them.
"""

import math

import numpy as np

from stream_filters.filters.autoregression.records import ORIGIN, Belief, Grid, Work
from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined


@inlined
def drift(grid: Grid, belief: Belief, work: Work) -> None:
    """Add one step of drift to every node's cov."""
    d = belief.mean.shape[0]
    for j in range(belief.b.shape[0]):
        work.second[j] = 1.0
        work.first[j] = grid.coefficient_drift[j] / work.variance[j]
    for i in range(1, d):
        for j in range(belief.b.shape[0]):
            work.second[j] -= belief.mean[i, j]
    for j in range(belief.b.shape[0]):
        belief.cov[0, j] += grid.level_drift[j] * work.second[j] * work.second[j]
    pivot = belief.scales[ORIGIN]
    place = d
    for i in range(1, d):
        for j in range(belief.b.shape[0]):
            belief.cov[place, j] += work.first[j]
            belief.cov[i, j] -= pivot * grid.pivot[j] * work.first[j]
            belief.cov[0, j] += pivot * pivot * grid.pivot[j] * work.first[j]
        place += d - i


@inlined
def locate(belief: Belief, work: Work) -> None:
    """Fill every node's location F'mean."""
    for j in range(belief.b.shape[0]):
        work.location[j] = belief.mean[0, j]
    for i in range(1, belief.mean.shape[0]):
        for j in range(belief.b.shape[0]):
            work.location[j] += work.regressors[i, j] * belief.mean[i, j]


@inlined
def project(belief: Belief, work: Work) -> None:
    """Fill every node's product R F, R = cov, and spread 1 + F'RF."""
    d = belief.mean.shape[0]
    for i in range(d):
        for j in range(belief.b.shape[0]):
            work.product[i, j] = belief.cov[i, j]
        for k in range(1, d):
            low, high = min(i, k), max(i, k)
            place = low * d - low * (low - 1) // 2 + high - low
            for j in range(belief.b.shape[0]):
                work.product[i, j] += belief.cov[place, j] * work.regressors[k, j]
    for j in range(belief.b.shape[0]):
        work.spread[j] = work.product[0, j]
    for i in range(1, d):
        for j in range(belief.b.shape[0]):
            work.spread[j] += work.regressors[i, j] * work.product[i, j]


@inlined
def any_indefinite(work: Work) -> bool:
    """Whether rounding has left a node's covariance indefinite."""
    indefinite = 0
    for j in range(work.spread.shape[0]):
        indefinite += 0 if work.spread[j] >= 0.0 else 1
    return indefinite > 0


@compiled
def repair(cov: Floats, spread: Floats, d: int) -> None:
    """Drop the correlations of the nodes that rounding has left indefinite."""
    for j in range(spread.shape[0]):
        if spread[j] >= 0.0:
            continue
        place = 0
        for i in range(d):
            cov[place, j] = max(cov[place, j], 0.0)
            for k in range(place + 1, place + d - i):
                cov[k, j] = 0.0
            place += d - i


@inlined
def add_noise(work: Work, scale2: float) -> None:
    """Add the observation's own noise, `scale2` in units of V, to every node's F'RF: its spread."""
    for j in range(work.spread.shape[0]):
        work.spread[j] += scale2


@inlined
def recentre(belief: Belief, shift: float) -> None:
    """Express the same belief about the same series with a centre that is `shift` further up.

    With F = (1, y - c): y - c' = theta_0 + shift (sum beta - 1) + beta'(y_ - c'), a linear map of theta.
    """
    d = belief.mean.shape[0]
    for j in range(belief.b.shape[0]):
        belief.mean[0, j] -= shift
    for i in range(1, d):
        for j in range(belief.b.shape[0]):
            belief.mean[0, j] += shift * belief.mean[i, j]
            belief.cov[0, j] += shift * belief.cov[i, j]
    place = d
    for i in range(1, d):
        for k in range(i, d):
            for j in range(belief.b.shape[0]):
                belief.cov[i, j] += shift * belief.cov[place, j]
            if k > i:
                for j in range(belief.b.shape[0]):
                    belief.cov[k, j] += shift * belief.cov[place, j]
            place += 1
    for i in range(1, d):
        for j in range(belief.b.shape[0]):
            belief.cov[0, j] += shift * belief.cov[i, j]
    for v in range(belief.lags.shape[0]):
        for k in range(d - 1):
            belief.lags[v, k] -= shift


@inlined
def add_lag_noise(belief: Belief, work: Work) -> None:
    """Add to every node's spread what lags contribute that are known with a variance only."""
    variants, order = belief.lag_variances.shape
    d, lanes = order + 1, np.uint64(belief.b.shape[0] // variants)
    for v in range(variants):
        low = np.uint64(v) * lanes
        place = d
        for k in range(1, d):
            doubt = belief.lag_variances[v, k - 1]
            if doubt != 0.0:
                for j in range(low, low + lanes):
                    own = belief.mean[k, j] * belief.mean[k, j] / work.variance[j] + belief.cov[place, j]
                    work.spread[j] += own * doubt
            place += d - k


@inlined
def update(belief: Belief, work: Work, gain: Floats, shrink: Floats) -> None:
    """mean += gain RF and cov -= shrink RF RF' for every node; the Kalman update has gain = e/S, shrink = 1/S."""
    d = belief.mean.shape[0]
    place = 0
    for i in range(d):
        for j in range(belief.b.shape[0]):
            belief.mean[i, j] += gain[j] * work.product[i, j]
        for j in range(belief.b.shape[0]):
            own = belief.cov[place, j]
            # The part of a variance that cannot come from rounding is kept, so that it stays positive.
            belief.cov[place, j] = max(own - shrink[j] * work.product[i, j] * work.product[i, j], 1e-15 * own)
        place += 1
        for k in range(i + 1, d):
            for j in range(belief.b.shape[0]):
                belief.cov[place, j] -= shrink[j] * work.product[i, j] * work.product[k, j]
            place += 1


@compiled
def cholesky(j: int, cov: Floats, level_drift: float, coefficient_drift: float, factor: Floats) -> None:
    """Lower Cholesky factor [d, d] of node j's covariance plus drift; rounding below zero counts as zero."""
    d = factor.shape[0]
    place = 0
    for k in range(d):
        for i in range(k, d):
            entry = cov[place, j]
            place += 1
            if i == k:
                entry += level_drift if k == 0 else coefficient_drift
            for m in range(k):
                entry -= factor[i, m] * factor[k, m]
            if i == k:
                factor[k, k] = math.sqrt(max(entry, 0.0))
            else:
                factor[i, k] = entry / factor[k, k] if factor[k, k] > 0.0 else 0.0
                factor[k, i] = 0.0
