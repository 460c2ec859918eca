"""Many Student-t distribution functions at once, in loops that the compiler can vectorise.

Where z is moderate and there are degrees of freedom enough, Hill's normalising transformation of student_t.py is
computed without logarithms; the few components that are elsewhere are computed one by one.
"""

import math

import numpy as np

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import exp, fma
from stream_filters.filters.numerics.student_t import cdf, log_pdf

# rows of working space for each component
TERMS = 10
_BELOW, _HEIGHT, _FALL, _Z, _DEVIATE, _STRETCH, _PER_SCALE, _PER_DOF, _SHIFT, _UNIT = range(TERMS)

# where Hill's transformation is exact to 5e-9
_FROM_DOF = 8.0
_MODERATE = 1.0
# sqrt(log(1 + s) / s) on [0, 1], least squares at Chebyshev points, error 3e-10.
_ROOT_LOG = (
    0.9999999997850404,
    -0.24999994611207513,
    0.13541441521322561,
    -0.09110872532804337,
    0.06772588328119536,
    -0.05234216867161913,
    0.03912052820641561,
    -0.025467465493193064,
    0.012665143242990031,
    -0.004066406874009029,
    0.0006133540645930953,
)
# Upper tail of the normal over exp(-x²/2) t with t = 1 / (1 + 0.3 x), least squares: absolute error 1e-10.
_MILLS = (
    0.11920679393108823,
    0.12683919526760096,
    0.06324118503787918,
    0.25041803223650233,
    -0.2991474193046601,
    0.5143299540247652,
    -0.3928064234636914,
    0.1363390509058241,
    -0.018420368575459225,
)
_MILLS_SLOPE = 0.3
_PEAK = 1.0 / math.sqrt(2.0 * math.pi)


@inlined
def prepare(scales: Floats, dofs: Floats, terms: Floats) -> None:
    """Fill what `cdfs_and_slopes` needs of every component [n] at whatever value; terms: [TERMS, n or more]."""
    for k in range(scales.shape[0]):
        terms[_PER_SCALE, k] = 1.0 / scales[k]
    for k in range(scales.shape[0]):
        terms[_PER_DOF, k] = 1.0 / dofs[k]
    for k in range(scales.shape[0]):
        shift = 1.0 - 0.5 * terms[_PER_DOF, k]
        ratio = terms[_PER_DOF, k] / shift
        terms[_SHIFT, k] = math.sqrt(shift)
        terms[_UNIT, k] = ratio * ratio / 48.0


@inlined
def cdfs_and_slopes(value: float, locations: Floats, scales: Floats, dofs: Floats, terms: Floats) -> None:
    """For each component [n], at `value`: distribution function, density and its slope, into terms[:3].

    terms: as `prepare` left them. Absolute error 5e-9; of the density and the slope relative 1e-5. A component
    without spread is a point mass.
    """
    n = locations.shape[0]
    for k in range(n):
        terms[_Z, k] = (value - locations[k]) * terms[_PER_SCALE, k]
    for k in range(n):
        z2 = terms[_Z, k] * terms[_Z, k]
        s = z2 * terms[_PER_DOF, k]
        unit = terms[_UNIT, k]
        root = _ROOT_LOG[10]
        root = fma(root, s, _ROOT_LOG[9])
        root = fma(root, s, _ROOT_LOG[8])
        root = fma(root, s, _ROOT_LOG[7])
        root = fma(root, s, _ROOT_LOG[6])
        root = fma(root, s, _ROOT_LOG[5])
        root = fma(root, s, _ROOT_LOG[4])
        root = fma(root, s, _ROOT_LOG[3])
        root = fma(root, s, _ROOT_LOG[2])
        root = fma(root, s, _ROOT_LOG[1])
        root = fma(root, s, _ROOT_LOG[0])
        ratio = root * terms[_SHIFT, k]
        y = z2 * ratio * ratio
        tail = ((-0.4 * y - 3.3) * y - 24.0) * y - 85.5
        stretched = 1.0 + (y + 3.0 + tail * unit * (1.0 - unit * (0.8 * y * y + 100.0))) * unit
        terms[_DEVIATE, k] = terms[_Z, k] * ratio * stretched
        narrowed = terms[_SHIFT, k] * (stretched + 2.0 * y * unit)
        terms[_STRETCH, k] = narrowed * terms[_PER_SCALE, k] / (root * (1.0 + s))
    for k in range(n):
        x = abs(terms[_DEVIATE, k])
        bell = exp(-0.5 * x * x)
        t = 1.0 / (1.0 + _MILLS_SLOPE * x)
        tail = _MILLS[8]
        tail = fma(tail, t, _MILLS[7])
        tail = fma(tail, t, _MILLS[6])
        tail = fma(tail, t, _MILLS[5])
        tail = fma(tail, t, _MILLS[4])
        tail = fma(tail, t, _MILLS[3])
        tail = fma(tail, t, _MILLS[2])
        tail = fma(tail, t, _MILLS[1])
        tail = fma(tail, t, _MILLS[0])
        tail *= bell * t
        terms[_BELOW, k] = tail if terms[_DEVIATE, k] < 0.0 else 1.0 - tail
        terms[_HEIGHT, k] = _PEAK * bell * terms[_STRETCH, k]
    for k in range(n):
        z, per_dof = terms[_Z, k], terms[_PER_DOF, k]
        flattened = (1.0 + per_dof) * terms[_PER_SCALE, k] / (1.0 + z * z * per_dof)
        terms[_FALL, k] = -terms[_HEIGHT, k] * z * flattened
    for k in range(n):
        z2 = terms[_Z, k] * terms[_Z, k]
        if not (z2 < _MODERATE * dofs[k] and dofs[k] >= _FROM_DOF):
            _one(value, locations[k], scales[k], dofs[k], terms[:, k])


@compiled
def _one(value: float, location: float, scale: float, dof: float, term: Floats) -> None:
    """The same for one component, wherever the value is; a component without spread is a point mass."""
    if scale > 0.0:
        z = (value - location) / scale
        density = math.exp(log_pdf(z, 1.0, dof))
        inverse = 1.0 / dof
        term[_BELOW] = cdf(z, dof)
        term[_HEIGHT] = density / scale
        term[_FALL] = -density * z * (1.0 + inverse) / ((1.0 + z * z * inverse) * scale * scale)
    else:
        term[_BELOW] = 1.0 if value >= location else 0.0
        term[_HEIGHT] = 0.0
        term[_FALL] = 0.0


def terms_for(components: int) -> Floats:
    """Working space for so many components."""
    return np.zeros((TERMS, components))
