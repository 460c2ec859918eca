"""Distribution functions and quantiles of Student-t mixtures, compiled for use inside the filters' kernels.

A mixture is four one-dimensional float64 arrays [n]: weights, locations, scales, dofs. Components of weight 0 have no
say, whatever else they hold.
"""

import math

from numba import njit

from stream_filters.filters.base import Floats
from stream_filters.filters.student_t import cdf, cdf_and_slopes

_MAX_ITERATIONS = 200

Shape = tuple[float, float, float, float, float]


@njit(nogil=True, cache=True, error_model="numpy")
def _component_cdf(value: float, location: float, scale: float, dof: float) -> float:
    """P(component <= value); a component without spread is a point mass."""
    if scale > 0.0:
        return cdf((value - location) / scale, dof)
    return 1.0 if value >= location else 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def mixture_cdf(value: float, weights: Floats, locations: Floats, scales: Floats, dofs: Floats) -> float:
    """P(mixture <= value) of a Student-t mixture; all arrays [n], weights sum to 1, absolute error 1e-9."""
    total = 0.0
    for k in range(weights.shape[0]):
        if weights[k] > 0.0:
            total += weights[k] * _component_cdf(value, locations[k], scales[k], dofs[k])
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def _normal_quantile(probability: float) -> float:
    """Standard normal quantile, error 5e-4: Abramowitz & Stegun 26.2.23, a start for Newton's method."""
    tail = min(probability, 1.0 - probability)
    r = math.sqrt(-2.0 * math.log(tail))
    z = r - (2.515517 + r * (0.802853 + r * 0.010328)) / (1.0 + r * (1.432788 + r * (0.189269 + r * 0.001308)))
    return -z if probability < 0.5 else z


@njit(nogil=True, cache=True, error_model="numpy")
def _shape(weights: Floats, locations: Floats, scales: Floats, dofs: Floats, tolerance: float) -> Shape:
    """Mean, standard deviation, skewness, excess kurtosis and smallest scale of the mixture, for a start.

    Components without a variance count with three scales; ones lighter than the tolerance have no say in the scale.
    """
    mass = 0.0
    mean = 0.0
    for k in range(weights.shape[0]):
        if weights[k] > 0.0:
            mass += weights[k]
            mean += weights[k] * locations[k]
    mean /= mass
    second = 0.0
    third = 0.0
    fourth = 0.0
    finest = math.inf
    for k in range(weights.shape[0]):
        if weights[k] > 0.0:
            excess = 1.0 / (dofs[k] - 2.0) if dofs[k] > 2.25 else 4.0
            own = scales[k] * scales[k] * (1.0 + 2.0 * excess)
            offset = locations[k] - mean
            offset2 = offset * offset
            second += weights[k] * (own + offset2)
            third += weights[k] * offset * (3.0 * own + offset2)
            fourth += weights[k] * (offset2 * (offset2 + 6.0 * own) + 3.0 * own * own * (1.0 + 2.0 * excess))
            if weights[k] > tolerance:
                finest = min(finest, scales[k])
    variance = second / mass
    spread = math.sqrt(variance)
    return mean, spread, third / (mass * variance * spread), fourth / (mass * variance * variance) - 3.0, finest


@njit(nogil=True, cache=True, error_model="numpy")
def _start(probability: float, mean: float, spread: float, skewness: float, kurtosis: float) -> float:
    """Quantile by Cornish & Fisher's expansion, kept within two standard deviations of the normal one."""
    z = _normal_quantile(probability)
    z2 = z * z
    step = skewness * (z2 - 1.0) / 6 + kurtosis * z * (z2 - 3.0) / 24 - skewness * skewness * z * (2.0 * z2 - 5.0) / 36
    if not abs(step) <= 2.0:
        step = 0.0
    return mean + spread * (z + step)


@njit(nogil=True, cache=True, error_model="numpy")
def _cdf_and_slopes_of_mixture(
    value: float, weights: Floats, locations: Floats, scales: Floats, dofs: Floats, negligible: float
) -> tuple[float, float, float]:
    """Distribution function, density and its slope, of the mixture's components heavier than `negligible`."""
    probability = 0.0
    density = 0.0
    slope = 0.0
    mass = 0.0
    for k in range(weights.shape[0]):
        if weights[k] > negligible:
            mass += weights[k]
            if scales[k] > 0.0:
                inverse = 1.0 / scales[k]
                below, height, fall = cdf_and_slopes((value - locations[k]) * inverse, dofs[k])
                probability += weights[k] * below
                density += weights[k] * height * inverse
                slope += weights[k] * fall * inverse * inverse
            elif value >= locations[k]:
                probability += weights[k]
    return probability / mass, density / mass, slope / mass


@njit(nogil=True, cache=True, error_model="numpy")
def mixture_quantile(
    probability: float, weights: Floats, locations: Floats, scales: Floats, dofs: Floats, tolerance: float = 1e-6
) -> float:
    """The value below which a Student-t mixture has `probability`; all arrays [n], weights sum to 1.

    tolerance: error allowed, in standard deviations of the mixture; 1e-3 is half the work of 1e-6. Components that
    weigh less than a hundredth of it together are left out. NaN if a parameter is NaN; -inf, inf for 0 and 1.
    """
    shape = _shape(weights, locations, scales, dofs, tolerance)
    return _solve(probability, shape, weights, locations, scales, dofs, tolerance)


@njit(nogil=True, cache=True, error_model="numpy")
def mixture_quantiles(
    probabilities: Floats,
    weights: Floats,
    locations: Floats,
    scales: Floats,
    dofs: Floats,
    out: Floats,
    tolerance: float = 1e-6,
) -> None:
    """`mixture_quantile` of each of the probabilities [q] into out [q]; the mixture's moments are found once."""
    shape = _shape(weights, locations, scales, dofs, tolerance)
    for i in range(probabilities.shape[0]):
        out[i] = _solve(probabilities[i], shape, weights, locations, scales, dofs, tolerance)


@njit(nogil=True, cache=True, error_model="numpy")
def _solve(
    probability: float, shape: Shape, weights: Floats, locations: Floats, scales: Floats, dofs: Floats, tolerance: float
) -> float:
    """Halley's steps inside a bracket that every evaluation shrinks.

    Bisection where a step would leave the bracket, or is more than half the one before the last: between two modes
    the steps can go back and forth for ever.
    """
    if probability <= 0.0:
        return -math.inf
    if probability >= 1.0:
        return math.inf
    mean, spread, skewness, kurtosis, finest = shape
    if not (math.isfinite(mean) and math.isfinite(spread)):
        return math.nan
    low, high = -math.inf, math.inf
    value = _start(probability, mean, spread, skewness, kurtosis)
    # A step h leaves about h³/finest² (or h itself): the finest scale bends the distribution most.
    settled = max(0.1 * tolerance * spread, 0.6 * (tolerance * spread * min(spread, finest) ** 2) ** (1.0 / 3.0))
    negligible = 0.01 * tolerance / weights.shape[0]
    stride = spread
    bend = 0.0
    last, before_last = math.inf, math.inf
    for _ in range(_MAX_ITERATIONS):
        reached, density, slope = _cdf_and_slopes_of_mixture(value, weights, locations, scales, dofs, negligible)
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
