"""How fast an autoregression's parameters move, and how much of the past that leaves in them, compiled."""

import math

from numba import njit

from stream_filters.filters.ar_belief import Belief, Grid
from stream_filters.filters.ar_nodes import cholesky
from stream_filters.filters.base import Array, Floats


@njit(nogil=True, cache=True, error_model="numpy")
def drift_rate(grid: Grid, belief: Belief) -> float:
    """Root mean squared change of a coefficient per observation under the posterior weights."""
    total = 0.0
    for j in range(belief.weight.shape[0]):
        total += belief.weight[j] * grid.coefficient_drift[j]
    return math.sqrt(total)


@njit(nogil=True, cache=True, error_model="numpy")
def effective_memory(grid: Grid, belief: Belief, absorbed: float, factor: Array) -> float:
    """Observations in the exponential window that loses information as fast as drift does, at most those absorbed.

    A step of drift D turns cov C into R = C + D; as a discount, det(C) / det(R) = delta^d and the window holds
    1 / (1 - delta) observations. factor: working room [d, d].
    """
    d = belief.mean.shape[1]
    memory = 0.0
    for j in range(belief.weight.shape[0]):
        variance = belief.b[j] / max(belief.a[grid.group[j]], 0.6)
        before = _log_determinant(belief.cov[j], 0.0, 0.0, factor)
        after = _log_determinant(belief.cov[j], grid.level_drift[j], grid.coefficient_drift[j] / variance, factor)
        lost = -math.expm1((before - after) / d)
        memory += belief.weight[j] * (absorbed if lost * absorbed <= 1.0 else 1.0 / lost)
    return memory


@njit(nogil=True, cache=True, error_model="numpy")
def _log_determinant(cov: Floats, level_drift: float, coefficient_drift: float, factor: Array) -> float:
    """log det(cov + drift) of a packed cov by Cholesky; factor [d, d] receives the lower triangle."""
    cholesky(cov, level_drift, coefficient_drift, factor)
    total = 0.0
    for i in range(factor.shape[0]):
        total += 2.0 * math.log(max(factor[i, i], 1e-300))
    return total
