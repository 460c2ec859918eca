"""Probability that an autoregression is stationary under its posterior, compiled."""

import math

from stream_filters.filters.autoregression.equations import cholesky
from stream_filters.filters.autoregression.records import Belief
from stream_filters.filters.base import Floats
from stream_filters.filters.numerics import student_t
from stream_filters.filters.numerics.compiled import compiled

# Nodes below this weight cannot move the probability by a percent together.
_NEGLIGIBLE = 1e-4


@compiled
def is_stationary(coefficients: Floats, room: Floats) -> bool:
    """Whether all roots of 1 - b_1 z - ... - b_p z^p lie outside the unit circle; coefficients, room: [p].

    The step-down recursion: partial autocorrelations are all inside (-1, 1) exactly then.
    """
    p = coefficients.shape[0]
    for k in range(p):
        room[k] = coefficients[k]
    for k in range(p - 1, -1, -1):
        last = room[k]
        if not abs(last) < 1.0:
            return False
        scale = 1.0 / (1.0 - last * last)
        for i in range((k + 1) // 2):
            left, right = room[i], room[k - 1 - i]
            room[i] = (left + last * right) * scale
            room[k - 1 - i] = (right + last * left) * scale
    return True


@compiled
def stationary_probability(belief: Belief, points: Floats, factor: Floats, room: Floats) -> float:
    """P(stationary): exact for p = 1, else the share of fixed points [m, p + 1] of each node's posterior.

    points: rows of standard normals and a chi-square quantile level in the last column's place, see `cloud`.
    factor [d, d], room [2, p]: working room.
    """
    p = belief.mean.shape[0] - 1
    probability = 0.0
    mass = 0.0
    for j in range(belief.weight.shape[0]):
        if belief.weight[j] <= _NEGLIGIBLE:
            continue
        a = belief.half_dof[j]
        mass += belief.weight[j]
        if p == 1:
            scale = math.sqrt(belief.b[j] / a * belief.cov[2, j])
            inside = student_t.cdf((1.0 - belief.mean[1, j]) / scale, 2.0 * a)
            inside -= student_t.cdf((-1.0 - belief.mean[1, j]) / scale, 2.0 * a)
        else:
            inside = _share_of_points(j, belief, points, factor, room)
        probability += belief.weight[j] * inside
    return min(max(probability / mass, 0.0), 1.0)


@compiled
def _share_of_points(j: int, belief: Belief, points: Floats, factor: Floats, room: Floats) -> float:
    """Share of node j's fixed posterior points that are stationary."""
    p = belief.mean.shape[0] - 1
    cholesky(j, belief.cov, 0.0, 0.0, factor)
    inside = 0
    for s in range(points.shape[0]):
        scale = noise_scale(belief.half_dof[j], belief.b[j], points[s, p + 1])
        for k in range(p):
            room[0, k] = belief.mean[k + 1, j]
            for i in range(k + 2):
                room[0, k] += scale * factor[k + 1, i] * points[s, i]
        inside += is_stationary(room[0], room[1])
    return inside / points.shape[0]


@compiled
def noise_scale(a: float, b: float, normal: float) -> float:
    """sqrt(V) for V ~ IG(a, b) at a standard normal deviate: Wilson & Hilferty (1931), positive always."""
    root = 1.0 - 1.0 / (9.0 * a) + normal / math.sqrt(9.0 * a)
    return math.sqrt(b / a) * max(root, 0.05) ** -1.5
