"""Distribution functions and quantiles of Student-t mixtures, compiled for use inside the filters' kernels.

Weights sum to 1. Components of weight 0 have no say, whatever else they hold.
"""

import math
from typing import Annotated, NamedTuple

import numpy as np

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import dot, total
from stream_filters.filters.numerics.student_t import cdf
from stream_filters.filters.numerics.student_t_lanes import TERMS, cdfs_and_slopes, prepare, terms_for

# eight doubles are the widest vector; one by one, the components left over would take as long as all others
PADDING = 7
_MAX_ITERATIONS = 200

Shape = tuple[float, float, float, float, float]


class Mixture(NamedTuple):
    """The components of a Student-t mixture, and working space for them."""

    weights: Annotated[Floats, "components"]
    locations: Annotated[Floats, "components"]
    scales: Annotated[Floats, "components"]
    dofs: Annotated[Floats, "components"]
    terms: Annotated[Floats, f"{TERMS}, components"]


def mixture_space(components: int) -> Mixture:
    """Room for so many components, and what `first_components` adds."""
    weights, locations, scales, dofs = np.zeros((4, components + PADDING))
    return Mixture(weights, locations, scales, dofs, terms_for(components + PADDING))


@inlined
def first_components(mixture: Mixture, n: int) -> Mixture:
    """The first n components alone, and up to `PADDING` of weight 0 that fill the last vector."""
    weights, locations, scales, dofs, terms = mixture
    padded = n + (-n) % (PADDING + 1)
    for k in range(n, padded):
        weights[k] = locations[k] = 0.0
        scales[k], dofs[k] = 1.0, math.inf
    return Mixture(weights[:padded], locations[:padded], scales[:padded], dofs[:padded], terms)


@compiled
def _component_cdf(value: float, location: float, scale: float, dof: float) -> float:
    """P(component <= value); a component without spread is a point mass."""
    if scale > 0.0:
        return cdf((value - location) / scale, dof)
    return 1.0 if value >= location else 0.0


@compiled
def mixture_cdf(value: float, mixture: Mixture) -> float:
    """P(mixture <= value), absolute error 1e-9."""
    weights, locations, scales, dofs, _ = mixture
    probability = 0.0
    for k in range(weights.shape[0]):
        if weights[k] > 0.0:
            probability += weights[k] * _component_cdf(value, locations[k], scales[k], dofs[k])
    return probability


@compiled
def _normal_quantile(probability: float) -> float:
    """Standard normal quantile, error 5e-4: Abramowitz & Stegun 26.2.23, a start for Newton's method."""
    tail = min(probability, 1.0 - probability)
    r = math.sqrt(-2.0 * math.log(tail))
    z = r - (2.515517 + r * (0.802853 + r * 0.010328)) / (1.0 + r * (1.432788 + r * (0.189269 + r * 0.001308)))
    return -z if probability < 0.5 else z


@compiled
def _shape(mixture: Mixture, tolerance: float) -> Shape:
    """Mean, standard deviation, skewness and excess kurtosis of the mixture, and how small the last step must be.

    Components without a variance count with three scales; ones lighter than the tolerance have no say in the scale.
    Prepares the mixture's terms.
    """
    weights, locations, scales, dofs, terms = mixture
    n = weights.shape[0]
    prepare(scales, dofs, terms)
    second, third, fourth, own = terms[0], terms[1], terms[2], terms[3]
    for k in range(n):
        second[k] = weights[k] if weights[k] > 0.0 else 0.0
        third[k] = weights[k] * locations[k] if weights[k] > 0.0 else 0.0
    none, all_of_them = np.uint64(0), np.uint64(n)
    mass = total(second, none, all_of_them)
    mean = total(third, none, all_of_them) / mass
    for k in range(n):
        own[k] = scales[k] * scales[k] * (1.0 + 2.0 * _excess(dofs[k]))
    for k in range(n):
        offset = locations[k] - mean
        second[k] = weights[k] * (own[k] + offset * offset) if weights[k] > 0.0 else 0.0
        third[k] = weights[k] * offset * (3.0 * own[k] + offset * offset) if weights[k] > 0.0 else 0.0
    for k in range(n):
        offset2 = (locations[k] - mean) * (locations[k] - mean)
        tails = 3.0 * own[k] * own[k] * (1.0 + 2.0 * _excess(dofs[k]))
        fourth[k] = weights[k] * (offset2 * (offset2 + 6.0 * own[k]) + tails) if weights[k] > 0.0 else 0.0
    finest = math.inf
    for k in range(n):
        if weights[k] > tolerance:
            finest = min(finest, scales[k])
    variance = total(second, none, all_of_them) / mass
    spread = math.sqrt(variance)
    skewness = total(third, none, all_of_them) / (mass * variance * spread)
    kurtosis = total(fourth, none, all_of_them) / (mass * variance * variance) - 3.0
    # A step h leaves about h³/finest² (or h itself): the finest scale bends the distribution most.
    bent = 0.6 * (tolerance * spread * min(spread, finest) ** 2) ** (1.0 / 3.0)
    return mean, spread, skewness, kurtosis, max(0.1 * tolerance * spread, bent)


@inlined
def _excess(dof: float) -> float:
    """1 / (dof - 2), for a component without a variance that of three scales."""
    return 1.0 / (dof - 2.0) if dof > 2.25 else 4.0


@compiled
def _start(probability: float, mean: float, spread: float, skewness: float, kurtosis: float) -> float:
    """Quantile by Cornish & Fisher's expansion, kept within two standard deviations of the normal one."""
    z = _normal_quantile(probability)
    z2 = z * z
    step = skewness * (z2 - 1.0) / 6 + kurtosis * z * (z2 - 3.0) / 24 - skewness * skewness * z * (2.0 * z2 - 5.0) / 36
    if not abs(step) <= 2.0:
        step = 0.0
    return mean + spread * (z + step)


@compiled
def _cdf_and_slopes(value: float, mixture: Mixture, negligible: float) -> tuple[float, float, float]:
    """Distribution function, density and its slope, of the mixture's components heavier than `negligible`."""
    weights, locations, scales, dofs, terms = mixture
    cdfs_and_slopes(value, locations, scales, dofs, terms)
    mass = 0.0
    for k in range(weights.shape[0]):
        if weights[k] > negligible:
            mass += weights[k]
        else:
            terms[:3, k] = 0.0
    none, all_of_them = np.uint64(0), np.uint64(weights.shape[0])
    below, height, fall = (
        dot(weights, terms[0], none, all_of_them),
        dot(weights, terms[1], none, all_of_them),
        dot(weights, terms[2], none, all_of_them),
    )
    return below / mass, height / mass, fall / mass


@compiled
def mixture_quantile(probability: float, mixture: Mixture, tolerance: float = 1e-6) -> float:
    """The value below which a Student-t mixture has `probability`.

    tolerance: error allowed, in standard deviations of the mixture; 1e-3 is half the work of 1e-6. Components that
    weigh less than a hundredth of it together are left out. NaN if a parameter is NaN; -inf, inf for 0 and 1.
    """
    return _solve(probability, _shape(mixture, tolerance), mixture, tolerance)


@compiled
def mixture_quantiles(probabilities: Floats, mixture: Mixture, out: Floats, tolerance: float = 1e-6) -> None:
    """`mixture_quantile` of each of the probabilities [q] into out [q]; the mixture's moments are found once."""
    shape = _shape(mixture, tolerance)
    for i in range(probabilities.shape[0]):
        out[i] = _solve(probabilities[i], shape, mixture, tolerance)


@compiled
def _solve(probability: float, shape: Shape, mixture: Mixture, tolerance: float) -> float:
    """Halley's steps inside a bracket that every evaluation shrinks.

    Bisection where a step would leave the bracket, or is more than half the one before the last: between two modes
    the steps can go back and forth for ever.
    """
    if probability <= 0.0:
        return -math.inf
    if probability >= 1.0:
        return math.inf
    mean, spread, skewness, kurtosis, settled = shape
    if not (math.isfinite(mean) and math.isfinite(spread)):
        return math.nan
    low, high = -math.inf, math.inf
    value = _start(probability, mean, spread, skewness, kurtosis)
    negligible = 0.01 * tolerance / mixture.weights.shape[0]
    stride = spread
    bend = 0.0
    last, before_last = math.inf, math.inf
    for _ in range(_MAX_ITERATIONS):
        reached, density, slope = _cdf_and_slopes(value, mixture, negligible)
        excess = reached - probability
        if excess >= 0.0:
            high = value
        else:
            low = value
        previous = value
        value = math.nan
        if density > 0.0:
            newton = excess / density
            bend = 0.5 * newton * slope / density
            value = previous - newton / min(max(1.0 - bend, 0.5), 2.0)
        step = abs(value - previous)
        before_last, last, limit = last, step, 0.5 * before_last
        if value >= low and value <= high and step <= 4.0 * stride and step <= limit:
            if step <= settled and abs(bend) < 0.2:
                break
            continue
        if math.isinf(low):
            value = high - stride
            stride *= 4.0
        elif math.isinf(high):
            value = low + stride
            stride *= 4.0
        else:
            value = 0.5 * (low + high)
        last = abs(value - previous)
        if high - low <= 0.1 * tolerance * spread or value == previous:
            break
    return value
