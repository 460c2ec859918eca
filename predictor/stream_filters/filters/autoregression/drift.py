"""How fast an autoregression's parameters move, and how much of the past that leaves in them, compiled."""

import math

import numpy as np

from stream_filters.filters.autoregression.equations import cholesky
from stream_filters.filters.autoregression.records import LEAST_SHAPE, NO_WEIGHT, Belief, Grid
from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import dot


@inlined
def drift_rate(grid: Grid, belief: Belief) -> float:
    """Root mean squared change of a coefficient per observation under the posterior weights."""
    return math.sqrt(dot(belief.weight, grid.coefficient_drift, np.uint64(0), np.uint64(belief.weight.shape[0])))


@compiled
def effective_memory(grid: Grid, belief: Belief, absorbed: float, factor: Floats) -> float:
    """Observations in the exponential window that loses information as fast as drift does, at most those absorbed.

    A step of drift D turns cov C into R = C + D; as a discount, det(C) / det(R) = delta^d and the window holds
    1 / (1 - delta) observations. factor: working room [d, d].
    """
    memory = 0.0
    for j in range(belief.weight.shape[0]):
        if belief.weight[j] <= NO_WEIGHT:
            continue
        variance = belief.b[j] / max(belief.half_dof[j], LEAST_SHAPE)
        before = _log_determinant(j, belief.cov, 0.0, 0.0, factor)
        after = _log_determinant(j, belief.cov, grid.level_drift[j], grid.coefficient_drift[j] / variance, factor)
        lost = -math.expm1((before - after) / belief.mean.shape[0])
        memory += belief.weight[j] * (absorbed if lost * absorbed <= 1.0 else 1.0 / lost)
    return memory


@compiled
def _log_determinant(j: int, cov: Floats, level_drift: float, coefficient_drift: float, factor: Floats) -> float:
    """log det(cov + drift) of node j's covariance by Cholesky; factor [d, d] receives the lower triangle."""
    cholesky(j, cov, level_drift, coefficient_drift, factor)
    total = 0.0
    for i in range(factor.shape[0]):
        total += 2.0 * math.log(max(factor[i, i], 1e-300))
    return total
