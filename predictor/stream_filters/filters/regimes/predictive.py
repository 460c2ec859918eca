"""The predictive of the next rows: a Student-t mixture over hypotheses, regimes and their variants."""

import math

import numpy as np

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import dot, total
from stream_filters.filters.numerics.student_t import cdf
from stream_filters.filters.numerics.student_t_mixtures import Mixture, first_components, mixture_quantiles
from stream_filters.filters.regimes.expectations import base_spread
from stream_filters.filters.regimes.records import (
    BASE_MEAN,
    BORN,
    CONSTANT,
    DRIFTING,
    DRIFTS,
    LEVEL,
    LEVEL_VAR,
    RATE,
    SHAPE,
    SLOPE,
    SLOPE_COV,
    SLOPE_VAR,
    Belief,
    Settings,
    Work,
)

# Quantiles leave out components lighter than this; before alike ones are united, only much lighter ones.
_NEGLIGIBLE = 1e-4
_NEGLIGIBLE_ALONE = 1e-6
# Error of quantiles, in standard deviations of the mixture.
_TOLERANCE = 1e-3
# Improbable components so many scales of the base measure from its centre are left out of means.
_FAR_OFF = 10.0
# Components whose locations and scales differ by less than this share of a scale count as one for quantiles.
_ALIKE = 0.1


@inlined
def predictive(belief: Belief, settings: Settings, work: Work, ahead: float, mixture: Mixture) -> int:
    """Fill `mixture`; returns how many components it has, those of weight 0 included.

    The constant variant of every regime of every hypothesis stands before all drifting ones, the base measure last;
    `work.masses` say where the row in question is expected to come from.
    ahead: how many rows drifting levels have yet to move to get there.
    """
    regimes, fields, shape, drifts = work.share.shape[1], work.fields, work.fields[SHAPE], work.fields[DRIFTS]
    mass, half = work.scores, drifts.shape[0]
    base = 0.0
    for m in range(work.weight.shape[0]):
        weight = work.weight[m]
        base += weight * (work.masses.fresh[m] + work.masses.outlier[m]) if weight > 0.0 else 0.0
        for k in range(regimes):
            met = weight > 0.0 and k < belief.status[m, BORN]
            mass[m * regimes + k] = weight * work.masses.known[m, k] if met else 0.0
    for i in range(half):
        mixture.weights[i], mixture.dofs[i] = mass[i] * (1.0 - drifts[i]), 2.0 * shape[i]
        mixture.locations[i] = fields[LEVEL + CONSTANT, i] + work.shift[i]
    for i in range(half):
        scale2 = (
            fields[RATE + CONSTANT, i] / shape[i] * (work.noise[i] + work.lever[i] * fields[LEVEL_VAR + CONSTANT, i])
        )
        mixture.scales[i] = math.sqrt(scale2)
    n = half
    if settings.drifting > 0.0:
        n = 2 * half
        weights, locations, scales, dofs = (
            mixture.weights[half:n],
            mixture.locations[half:n],
            mixture.scales[half:n],
            mixture.dofs[half:n],
        )
        for i in range(half):
            weights[i], dofs[i] = mass[i] * drifts[i], 2.0 * shape[i]
            locations[i] = fields[LEVEL + DRIFTING, i] + ahead * fields[SLOPE, i] + work.shift[i]
        for i in range(half):
            moved = ahead * (2.0 * fields[SLOPE_COV, i] + ahead * fields[SLOPE_VAR, i])
            level_var = fields[LEVEL_VAR + DRIFTING, i] + moved
            scale2 = fields[RATE + DRIFTING, i] / shape[i] * (work.noise[i] + work.lever[i] * level_var)
            scales[i] = math.sqrt(scale2)
    scale2 = base_spread(belief, settings) / settings.variance_shape
    mixture.weights[n], mixture.locations[n] = base, belief.units[BASE_MEAN]
    mixture.scales[n], mixture.dofs[n] = math.sqrt(scale2), 2.0 * settings.variance_shape
    return n + 1


@inlined
def mean_and_std(mixture: Mixture, n: int) -> tuple[float, float]:
    """Moments of the first n components, those left out that are both improbable and far off.

    Nothing else can be said of a mean: one gross error makes it probable, a little, that more will come.
    """
    none, components = np.uint64(0), np.uint64(n)
    own, weights = mixture.terms[0], mixture.terms[1]
    centre, limit = mixture.locations[n - 1], _FAR_OFF * mixture.scales[n - 1]
    for i in range(n):
        counts = mixture.weights[i] > _NEGLIGIBLE or abs(mixture.locations[i] - centre) < limit
        weights[i] = mixture.weights[i] if counts else 0.0
    mass = total(weights, none, components)
    mean = dot(weights, mixture.locations, none, components) / mass
    for i in range(n):
        offset = mixture.locations[i] - mean
        own[i] = mixture.scales[i] * mixture.scales[i] * mixture.dofs[i] / (mixture.dofs[i] - 2.0) + offset * offset
    return mean, math.sqrt(dot(weights, own, none, components) / mass)


@compiled
def distribution(mixture: Mixture, n: int, y: float) -> float:
    """P(next <= y) under the first n components."""
    mass = below = 0.0
    for i in range(n):
        if mixture.weights[i] > 0.0:
            mass += mixture.weights[i]
            below += mixture.weights[i] * cdf((y - mixture.locations[i]) / mixture.scales[i], mixture.dofs[i])
    return min(below / mass, 1.0)


@inlined
def _condense(mixture: Mixture, n: int, half: int) -> int:
    """Drop negligible components and unite those alike, in place; returns how many are left.

    half: regimes of which both variants are there. Those come one after the other: which components are united depends
    on the order.
    """
    weights, locations, scales, dofs, terms = mixture
    united, inverse = terms[:4], terms[4]
    kept = 0
    for place in range(n):
        i = place // 2 + (place % 2) * half if place < 2 * half else place
        if weights[i] < _NEGLIGIBLE_ALONE:
            continue
        location, scale, per_dof = locations[i], scales[i], 1.0 / dofs[i]
        j = 0
        while j < kept:
            close = _ALIKE * united[2, j]
            alike = abs(location - united[1, j]) < close and abs(scale - united[2, j]) < close
            if alike and abs(per_dof - inverse[j]) < 0.2 * _ALIKE:
                break
            j += 1
        if j == kept:
            kept += 1
            united[0, j], united[1, j], united[2, j], united[3, j] = 0.0, location, scale, dofs[i]
        united[0, j] += weights[i]
        step = weights[i] / united[0, j]
        united[1, j] += step * (location - united[1, j])
        united[2, j] += step * (scale - united[2, j])
        united[3, j] += step * (dofs[i] - united[3, j])
        inverse[j] = 1.0 / united[3, j]
    count = 0
    mass = 0.0
    for j in range(kept):
        if united[0, j] >= _NEGLIGIBLE:
            weights[count], locations[count], scales[count], dofs[count] = (
                united[0, j],
                united[1, j],
                united[2, j],
                united[3, j],
            )
            mass += united[0, j]
            count += 1
    for j in range(count):
        weights[j] /= mass
    return count


@compiled
def central_interval(mixture: Mixture, n: int, half: int, probabilities: Floats, out: Floats) -> None:
    """Quantiles at two probabilities of the first n components, which are condensed in place, into out [2].

    half: regimes of which both variants are there.
    """
    kept = _condense(mixture, n, half)
    mixture_quantiles(probabilities, first_components(mixture, kept), out, _TOLERANCE)
