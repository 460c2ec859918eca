"""What a drift-grid autoregression is made of: its nodes, what is believed of them, and room to work in."""

from typing import NamedTuple

import numpy as np

from stream_filters.filters.base import Array, Floats

# A posterior noise variance stays above this part of the warm-up variance, so that a stuck sensor has a log evidence.
SMALLEST_VARIANCE = 1e-12


class Grid(NamedTuple):
    """What the configuration fixes: nodes [n], variants [v], groups of one noise memory [g].

    level_drift (in units of V), coefficient_drift (absolute), prior: [n]. variant, group: index of a node's variant and
    noise memory, [n]. restarts: whether a node's parameters jump, bool [n]. robust, clean: bool [v]. retain: share of
    a, b that a step keeps, [g]. settings: weight retain, floor, eps, kappa, jump rate, jump variance of a coefficient.
    """

    level_drift: Floats
    coefficient_drift: Floats
    prior: Floats
    variant: Array
    group: Array
    restarts: Array
    robust: Array
    clean: Array
    retain: Floats
    settings: Floats


class Belief(NamedTuple):
    """Views of a state's fields: mean [n, d], cov [n, packed], b [n], weight [n], a [g], lags and lag_variances [v, p].

    scales [2]: the centre c, and the warm-up variance.
    """

    mean: Floats
    cov: Floats
    b: Floats
    weight: Floats
    a: Floats
    lags: Floats
    lag_variances: Floats
    scales: Floats


class Work(NamedTuple):
    """What one row computes on the way: arrays [n] beside regressors [v, d] and product [n, d].

    location, spread (S in units of V): of each node's predictive. log_likelihood: at the observation.
    outlier: posterior probability of a node's wide branch. moments [v, 3]: mass, mean, variance of each variant's
    predictive without the wide branch. pooled_mean [v, d], pooled_cov [v, packed], absolute: theta over all nodes of a
    variant. pooled [v, 4]: their mass, their prior, their mean noise variance, the mass that it is the mean over.
    """

    regressors: Floats
    product: Floats
    location: Floats
    spread: Floats
    log_likelihood: Floats
    outlier: Floats
    moments: Floats
    pooled_mean: Floats
    pooled_cov: Floats
    pooled: Floats


def work_space(belief: Belief) -> Work:
    """Uninitialised working arrays for a belief's sizes."""
    n, d = belief.mean.shape
    v = belief.lags.shape[0]
    return Work(
        regressors=np.ones((v, d)),
        product=np.empty((n, d)),
        location=np.empty(n),
        spread=np.empty(n),
        log_likelihood=np.empty(n),
        outlier=np.zeros(n),
        moments=np.empty((v, 3)),
        pooled_mean=np.empty((v, d)),
        pooled_cov=np.empty((v, belief.cov.shape[1])),
        pooled=np.empty((v, 4)),
    )
