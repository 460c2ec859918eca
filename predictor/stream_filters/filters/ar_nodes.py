"""One node of the autoregression: a dynamic regression with conjugate noise variance, as compiled functions.

A node's model, with c the stream's fixed centre, F_t = (1, y_{t-1} - c, ..., y_{t-p} - c) and d = p + 1:

    y_t - c = F_t' theta_t + e_t,   e_t ~ N(0, V),   theta_t = theta_{t-1} + N(0, diag(V la, wb, ..., wb))
    theta_t | V ~ N(mean, V cov),   V ~ IG(a, b)

(West & Harrison, Bayesian Forecasting and Dynamic Models, chapter 4.) Covariances are in units of V and packed by
rows of the upper triangle: (0,0), (0,1), ..., (0,p), (1,1), ... Functions take all nodes' arrays and the index j of
one: mean, product [n, d], cov [n, d(d+1)/2]; cutting rows out of arrays would cost more than the arithmetic.
"""

import math

from numba import njit

from stream_filters.filters.base import Array, Floats


@njit(nogil=True, cache=True, error_model="numpy")
def drift(j: int, mean: Floats, cov: Floats, level_drift: float, coefficient_drift: float) -> None:
    """Add one step of drift, both variances in units of V, to node j's cov."""
    d = mean.shape[1]
    cov[j, 0] += level_drift
    place = d
    for i in range(1, d):
        cov[j, place] += coefficient_drift
        place += d - i


@njit(nogil=True, cache=True, error_model="numpy")
def locate(j: int, mean: Floats, v: int, regressors: Floats) -> float:
    """F'mean of node j with the regressors [v, d] of variant v."""
    location = 0.0
    for i in range(mean.shape[1]):
        location += regressors[v, i] * mean[j, i]
    return location


@njit(nogil=True, cache=True, error_model="numpy")
def project(j: int, cov: Floats, v: int, regressors: Floats, product: Floats) -> float:
    """F'RF of node j, R = cov; product[j] receives R F."""
    d = product.shape[1]
    for i in range(d):
        product[j, i] = 0.0
    place = 0
    for i in range(d):
        product[j, i] += cov[j, place] * regressors[v, i]
        place += 1
        for k in range(i + 1, d):
            product[j, i] += cov[j, place] * regressors[v, k]
            product[j, k] += cov[j, place] * regressors[v, i]
            place += 1
    spread = 0.0
    for i in range(d):
        spread += regressors[v, i] * product[j, i]
    return spread


@njit(nogil=True, cache=True, error_model="numpy")
def repair(j: int, mean: Floats, cov: Floats) -> None:
    """Drop the correlations of node j that rounding has left indefinite."""
    d = mean.shape[1]
    place = 0
    for i in range(d):
        cov[j, place] = max(cov[j, place], 0.0)
        for k in range(place + 1, place + d - i):
            cov[j, k] = 0.0
        place += d - i


@njit(nogil=True, cache=True, error_model="numpy")
def lag_noise(j: int, mean: Floats, cov: Floats, v: int, lag_variances: Floats, noise_variance: float) -> float:
    """Extra predictive variance, in units of V, from lags that are known with variance lag_variances[v] only."""
    d = mean.shape[1]
    extra = 0.0
    place = d
    for k in range(1, d):
        extra += (mean[j, k] * mean[j, k] / noise_variance + cov[j, place]) * lag_variances[v, k - 1]
        place += d - k
    return extra


@njit(nogil=True, cache=True, error_model="numpy")
def update(j: int, mean: Floats, cov: Floats, product: Floats, gain: float, shrink: float) -> None:
    """mean += gain RF and cov -= shrink RF RF' for node j; the Kalman update has gain = e/S, shrink = 1/S."""
    d = mean.shape[1]
    place = 0
    for i in range(d):
        mean[j, i] += gain * product[j, i]
        # The part of a variance that cannot come from rounding is kept, so that it stays positive.
        cov[j, place] = max(cov[j, place] - shrink * product[j, i] * product[j, i], 1e-15 * cov[j, place])
        place += 1
        for k in range(i + 1, d):
            cov[j, place] -= shrink * product[j, i] * product[j, k]
            place += 1


@njit(nogil=True, cache=True, error_model="numpy")
def cholesky(cov: Floats, level_drift: float, coefficient_drift: float, factor: Array) -> None:
    """Lower Cholesky factor [d, d] of a packed covariance plus drift; rounding below zero counts as zero."""
    d = factor.shape[0]
    place = 0
    for k in range(d):
        for i in range(k, d):
            entry = cov[place]
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
