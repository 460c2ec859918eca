"""Numerics for loops over many nodes: exp and log that the compiler can vectorise, and sums.

All have neither branches nor calls. Their results follow from IEEE arithmetic alone: they are the same bits on every
processor, however wide its vectors are.
"""

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import inlined

_LOG2_E = 1.4426950408889634
# log 2 in two parts: the first times any exponent is exact
_LOG_2_HIGH = 6.93147180369123816490e-01
_LOG_2_LOW = 1.90821492927058770002e-10
# adding it leaves a whole number in the lowest bits
_ROUND = 1.5 * 2.0**52
_LEAST_EXPONENT = -708.0
_MANTISSA_BITS = np.uint64(52)
_MANTISSA = np.uint64(2**52 - 1)
_EXPONENT_BIAS = np.uint64(1023)
# bits of sqrt(1/2) in [1/2, 1): mantissas are taken from there to sqrt(2)
_SQRT_HALF = np.uint64(0x3FE6A09E667F3BCD)
_SHIFTED_BIAS = np.uint64(1024 << 52)
_TWO_52 = 2.0**52
_TWO_52_BITS = np.uint64(0x4330000000000000)


@intrinsic
def _bits(context: Any, value: Any) -> Any:
    """The 64 bits of a double."""
    del context, value
    return types.uint64(types.float64), lambda _, builder, __, args: builder.bitcast(args[0], ir.IntType(64))


@intrinsic
def _double(context: Any, bits: Any) -> Any:
    """The double of 64 bits."""
    del context, bits
    return types.float64(types.uint64), lambda _, builder, __, args: builder.bitcast(args[0], ir.DoubleType())


@intrinsic
def fma(context: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once."""
    del context, a, b, c
    signature = types.float64(types.float64, types.float64, types.float64)
    return signature, lambda _, builder, __, args: builder.fma(*args)


@inlined
def exp(x: float) -> float:
    """e^x for x <= 709, relative error 3e-16; 3e-308 for anything below -708. Not for NaN."""
    x = max(x, _LEAST_EXPONENT)
    shifted = x * _LOG2_E + _ROUND
    whole = shifted - _ROUND
    r = (x - whole * _LOG_2_HIGH) - whole * _LOG_2_LOW
    # Taylor's series, |r| <= log(2) / 2
    p = 1 / 6227020800
    p = fma(p, r, 1 / 479001600)
    p = fma(p, r, 1 / 39916800)
    p = fma(p, r, 1 / 3628800)
    p = fma(p, r, 1 / 362880)
    p = fma(p, r, 1 / 40320)
    p = fma(p, r, 1 / 5040)
    p = fma(p, r, 1 / 720)
    p = fma(p, r, 1 / 120)
    p = fma(p, r, 1 / 24)
    p = fma(p, r, 1 / 6)
    p = fma(p, r, 1 / 2)
    return fma(p * r, r, r + 1.0) * _double((_bits(shifted) + _EXPONENT_BIAS) << _MANTISSA_BITS)


@inlined
def log(x: float) -> float:
    """log x for positive normal doubles, absolute error 3e-16 near 1, relative elsewhere."""
    shifted = _bits(x) - _SQRT_HALF + _SHIFTED_BIAS
    exponent = _double((shifted >> _MANTISSA_BITS) | _TWO_52_BITS) - (_TWO_52 + 1024.0)
    mantissa = _double((shifted & _MANTISSA) + _SQRT_HALF)
    # log m = 2 artanh s
    s = (mantissa - 1.0) / (mantissa + 1.0)
    q = s * s
    p = 2 / 21
    p = fma(p, q, 2 / 19)
    p = fma(p, q, 2 / 17)
    p = fma(p, q, 2 / 15)
    p = fma(p, q, 2 / 13)
    p = fma(p, q, 2 / 11)
    p = fma(p, q, 2 / 9)
    p = fma(p, q, 2 / 7)
    p = fma(p, q, 2 / 5)
    p = fma(p, q, 2 / 3)
    return exponent * _LOG_2_HIGH + (s * q * p + (exponent * _LOG_2_LOW + 2.0 * s))


@inlined
def log1p(x: float) -> float:
    """log(1 + x) for 0 <= x <= 1e300, relative error 1e-15."""
    whole = 1.0 + x
    return log(whole) + (x - (whole - 1.0)) / whole


@inlined
def largest(values: Floats, low: int, high: int) -> float:
    """Largest of values[low:high], -inf for none, in four chains that need not wait for each other."""
    a = b = c = d = -math.inf
    whole = high - (high - low) % np.uint64(4)
    for j in range(low, whole, np.uint64(4)):
        a = max(a, values[j])
        b = max(b, values[j + np.uint64(1)])
        c = max(c, values[j + np.uint64(2)])
        d = max(d, values[j + np.uint64(3)])
    for j in range(whole, high):
        a = max(a, values[j])
    return max(a, b, c, d)


@inlined
def total(values: Floats, low: int, high: int) -> float:
    """Sum of values[low:high], in four sums that need not wait for each other."""
    a = b = c = d = 0.0
    whole = high - (high - low) % np.uint64(4)
    for j in range(low, whole, np.uint64(4)):
        a += values[j]
        b += values[j + np.uint64(1)]
        c += values[j + np.uint64(2)]
        d += values[j + np.uint64(3)]
    for j in range(whole, high):
        a += values[j]
    return (a + b) + (c + d)


@inlined
def dot(values: Floats, others: Floats, low: int, high: int) -> float:
    """Sum of the products over [low:high], in four sums that need not wait for each other."""
    a = b = c = d = 0.0
    whole = high - (high - low) % np.uint64(4)
    for j in range(low, whole, np.uint64(4)):
        a += values[j] * others[j]
        b += values[j + np.uint64(1)] * others[j + np.uint64(1)]
        c += values[j + np.uint64(2)] * others[j + np.uint64(2)]
        d += values[j + np.uint64(3)] * others[j + np.uint64(3)]
    for j in range(whole, high):
        a += values[j] * others[j]
    return (a + b) + (c + d)
