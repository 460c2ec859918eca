"""Student-t densities, distribution functions and mixture quantiles, compiled for use inside the filters' kernels.

Every function takes plain floats or one-dimensional float64 arrays. dof is real, > 0; infinity is the normal limit.
"""

import math

import numpy as np
from numba import njit

from stream_filters.filters.base import Floats

# Normalising transformation of the t distribution, error below 2e-10 from this many degrees of freedom on.
_NORMALISE_FROM = 16.0
_NORMAL_FROM = 1e10
_MAX_ITERATIONS = 200

# Standard normal distribution function and density on a grid from 0: Taylor's series fills the gaps to 1e-12.
_GRID = 64.0
_GRID_END = 9.0
_KNOTS = np.arange(int(_GRID * _GRID_END) + 2) / _GRID
_KNOT_CDF = np.array([1.0 - 0.5 * math.erfc(knot * math.sqrt(0.5)) for knot in _KNOTS])
_KNOT_PDF = np.exp(-0.5 * _KNOTS**2) / math.sqrt(2.0 * math.pi)
# sqrt(log(1 + s) / s) on [0, 1/2], least squares at Chebyshev points, error 1e-10.
_ROOT_LOG = (
    0.999999999929,
    -0.249999976564,
    0.135415379153,
    -0.0911183471622,
    0.0677465609521,
    -0.0521201882545,
    0.0374682661709,
    -0.0207237979649,
    0.00605039502026,
)
_ROOT_LOG_END = 0.5

Shape = tuple[float, float, float, float, float]


@njit(nogil=True, cache=True, error_model="numpy")
def digamma(x: float) -> float:
    """d log Gamma(x) / dx for x > 0; relative error 1e-13 away from the zero at 1.46."""
    shift = 0.0
    while x < 10.0:
        shift -= 1.0 / x
        x += 1.0
    u = 1.0 / (x * x)
    series = u * (1 / 12 - u * (1 / 120 - u * (1 / 252 - u * (1 / 240 - u * (1 / 132 - u * 691 / 32760)))))
    return shift + math.log(x) - 0.5 / x - series


@njit(nogil=True, cache=True, error_model="numpy")
def trigamma(x: float) -> float:
    """d² log Gamma(x) / dx² for x > 0; relative error 1e-13."""
    shift = 0.0
    while x < 10.0:
        shift += 1.0 / (x * x)
        x += 1.0
    u = 1.0 / (x * x)
    series = u * (1 / 6 - u * (1 / 30 - u * (1 / 42 - u * (1 / 30 - u * (5 / 66 - u * 691 / 2730)))))
    return shift + (1.0 + 0.5 / x + series) / x


@njit(nogil=True, cache=True, error_model="numpy")
def _log_gamma_half_step(x: float) -> float:
    """log Gamma(x + 1/2) - log Gamma(x) for x > 0, without the cancellation of two log Gammas."""
    ratio = 1.0
    while x < 8.0:
        ratio *= x / (x + 0.5)
        x += 1.0
    u = 1.0 / (x * x)
    series = (1 / 8 - u * (1 / 192 - u * (1 / 640 - u * (17 / 14336 - u * 31 / 18432)))) / x
    return math.log(ratio * math.sqrt(x)) - series


@njit(nogil=True, cache=True, error_model="numpy")
def log_pdf(residual: float, scale2: float, dof: float) -> float:
    """Log density of the Student-t with squared scale `scale2` at `residual` = value minus location, nats."""
    if dof > _NORMAL_FROM:
        return -0.5 * (math.log(2.0 * math.pi * scale2) + residual * residual / scale2)
    kernel = 0.5 * (dof + 1.0) * math.log1p(residual * residual / (scale2 * dof))
    return _log_gamma_half_step(0.5 * dof) - 0.5 * math.log(math.pi * dof * scale2) - kernel


@njit(nogil=True, cache=True, error_model="numpy")
def _log_kernel(z: float, dof: float) -> float:
    """log(1 + z²/dof), also where z² overflows."""
    if abs(z) < 1e150:
        return math.log1p(z * z / dof)
    return 2.0 * math.log(abs(z)) - math.log(dof)


@njit(nogil=True, cache=True, error_model="numpy")
def _normalised_tail(log_kernel: float, dof: float) -> float:
    """Upper tail probability for log_kernel = log(1 + z²/dof), dof >= _NORMALISE_FROM.

    Hill (1970), Algorithm 395, Communications of the ACM 13, 617: z becomes a standard normal deviate.
    """
    a = dof - 0.5
    b = 48.0 * a * a
    y = a * log_kernel
    correction = (((-0.4 * y - 3.3) * y - 24.0) * y - 85.5) / (0.8 * y * y + 100.0 + b) + y + 3.0
    return 0.5 * math.erfc((correction / b + 1.0) * math.sqrt(0.5 * y))


@njit(nogil=True, cache=True, error_model="numpy")
def _tail(z: float, dof: float) -> float:
    """P(t > |z|); absolute error 1e-9 for every real dof > 0.

    With x = dof / (dof + z²) the tail is I_x(dof/2, 1/2) / 2. The recurrence
    I_x(a, b) = I_x(a+1, b) + x^a (1-x)^b / (a B(a, b)) keeps x and adds two degrees of freedom,
    up to where the normalising transformation is exact enough. All terms are positive.
    """
    if dof > _NORMAL_FROM:
        return 0.5 * math.erfc(abs(z) * math.sqrt(0.5))
    log_kernel = _log_kernel(z, dof)
    if dof >= _NORMALISE_FROM:
        return _normalised_tail(log_kernel, dof)
    x = math.exp(-log_kernel)
    a = 0.5 * dof
    sine = abs(z) / math.hypot(z, math.sqrt(dof)) if abs(z) < 1e150 else 1.0
    term = 0.5 * sine * math.exp(_log_gamma_half_step(a) - a * log_kernel) / (a * math.sqrt(math.pi))
    total = 0.0
    while 2.0 * a < _NORMALISE_FROM:
        total += term
        term *= x * (a + 0.5) / (a + 1.0)
        a += 1.0
    return total + _normalised_tail(log_kernel, 2.0 * a)


@njit(nogil=True, cache=True, error_model="numpy")
def cdf(z: float, dof: float) -> float:
    """Distribution function of the standard Student-t; absolute error 1e-9."""
    if math.isnan(z):
        return math.nan
    if math.isinf(z):
        return 0.0 if z < 0.0 else 1.0
    tail = _tail(z, dof)
    return tail if z < 0.0 else 1.0 - tail


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
def _normal_cdf_and_pdf(z: float) -> tuple[float, float]:
    """Standard normal distribution function and density, absolute error 1e-12."""
    size = abs(z)
    if size >= _GRID_END:
        return (0.0 if z < 0.0 else 1.0), 0.0
    knot = int(size * _GRID + 0.5)
    x = knot / _GRID
    h = size - x
    x2 = x * x
    pdf = _KNOT_PDF[knot]
    area = 1.0 - h * (x / 2 - h * ((x2 - 1.0) / 6 - h * (x * (x2 - 3.0) / 24)))
    slope = 1.0 - h * (x - h * ((x2 - 1.0) / 2 - h * (x * (x2 - 3.0) / 6)))
    upper = _KNOT_CDF[knot] + pdf * h * area
    return (1.0 - upper if z < 0.0 else upper), pdf * slope


@njit(nogil=True, cache=True, error_model="numpy")
def _cdf_and_slopes(z: float, dof: float) -> tuple[float, float, float]:
    """Standard Student-t distribution function, absolute error 1e-9, its density and the density's slope to 1e-5.

    Where z is moderate, the normalising transformation of `_normalised_tail` without logarithms.
    """
    inverse = 1.0 / dof
    s = z * z * inverse
    if not (s <= _ROOT_LOG_END and dof >= _NORMALISE_FROM):
        density = math.exp(log_pdf(z, 1.0, dof))
        return cdf(z, dof), density, -density * z * (1.0 + inverse) / (1.0 + s)
    root = _ROOT_LOG[8]
    for i in range(7, -1, -1):
        root = root * s + _ROOT_LOG[i]
    shift = 1.0 - 0.5 * inverse
    y = z * z * shift * root * root
    unit = inverse * inverse / (48.0 * shift * shift)
    tail = ((-0.4 * y - 3.3) * y - 24.0) * y - 85.5
    correction = (y + 3.0 + tail * unit * (1.0 - unit * (0.8 * y * y + 100.0))) * unit
    ratio = math.sqrt(shift) * root
    probability, density = _normal_cdf_and_pdf(z * ratio * (1.0 + correction))
    flatter = 1.0 / (1.0 + s)
    density *= flatter * shift * ((1.0 + correction) / ratio + 2.0 * z * z * ratio * unit)
    return probability, density, -density * z * (1.0 + inverse) * flatter


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
                below, height, fall = _cdf_and_slopes((value - locations[k]) * inverse, dofs[k])
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
