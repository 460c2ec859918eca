"""Between the user's units and the internal ones, in which a stream begins with mean 0 and variance 1."""

import math

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled
from stream_filters.filters.regimes.records import (
    BASE_COUNT,
    BASE_MEAN,
    BASE_VAR,
    LAST,
    LAST_NOISE,
    ORIGIN,
    PACE,
    SCALE,
    SEEN,
    SPREAD,
    STEP,
    STEPS,
    UNVARIED,
    WARM_UP,
    Belief,
    Settings,
)

_LARGEST = 1.7976931348623157e308
# Beyond this many scales from the origin squares would overflow; nothing honest is out there.
_FARTHEST = 1e60
# Deviations count up to so many standard deviations, so that one wild value does not set the scale of the stream.
_WINSOR = 10.0
_LEAST_BASE_VAR = 1e-20
_LEAST_STEP = 1e-150
# a squared difference of two normals has twice their variance, and its log is less on average, by -psi(1/2) - log 2
_LOG_STEP_TO_VARIANCE = 1.2703628454614782 - math.log(2.0)
# What one unit is while all observations are equal, relative to them.
_UNVARIED_SCALE = 1e-6


@compiled
def prepare(belief: Belief, memory: float, values: Floats) -> None:
    """Choose origin, scale and base measure from the warm-up: its median, and a winsorised standard deviation.

    memory: of a regime's estimates. values: room [WARM_UP].
    """
    peak = 0.0
    for i in range(WARM_UP):
        peak = max(peak, abs(belief.latest[i]))
    # A power of two, so that dividing by it is exact, and squares stay in range.
    exponent = math.frexp(peak)[1]
    for i in range(WARM_UP):
        values[i] = math.ldexp(math.ldexp(belief.latest[i], -(exponent // 2)), -(exponent - exponent // 2))
    origin = _sorted_median(values)
    for i in range(WARM_UP):
        values[i] = abs(values[i] - origin)
    scale = 1.4826 * _sorted_median(values)
    if scale == 0.0:
        for i in range(WARM_UP):
            scale += values[i] / WARM_UP
    variance = 0.0
    for i in range(WARM_UP):
        variance += min(values[i], _WINSOR * scale) ** 2 / WARM_UP
    belief.units[BASE_MEAN] = 0.0
    belief.units[BASE_VAR] = 1.0
    belief.units[BASE_COUNT] = float(WARM_UP)
    belief.units[ORIGIN] = math.ldexp(math.ldexp(origin, exponent // 2), exponent - exponent // 2)
    scale = math.ldexp(math.ldexp(math.sqrt(variance), exponent // 2), exponent - exponent // 2)
    belief.clock[UNVARIED] = 1 if scale == 0.0 else 0
    belief.units[SCALE] = scale
    if scale == 0.0:
        set_unvaried(belief, belief.units[ORIGIN])
    belief.course[:] = 0.0
    belief.course[LAST_NOISE] = belief.course[SPREAD] = 1.0
    belief.course[PACE] = memory
    if belief.clock[UNVARIED] == 0:
        belief.course[LAST] = to_internal(belief, belief.latest[0])
        for i in range(1, WARM_UP):
            _learn_step(belief.course, math.inf, to_internal(belief, belief.latest[i]), 1.0)


@compiled
def set_unvaried(belief: Belief, value: float) -> None:
    """Units of a stream all of whose values are equal."""
    scale = _UNVARIED_SCALE * abs(value)
    belief.units[ORIGIN] = value
    belief.units[SCALE] = scale if scale > 0.0 else _UNVARIED_SCALE


@compiled
def _sorted_median(values: Floats) -> float:
    """The median of an even number of values, which are sorted."""
    for i in range(1, values.shape[0]):
        value, place = values[i], i
        while place > 0 and values[place - 1] > value:
            values[place] = values[place - 1]
            place -= 1
        values[place] = value
    half = values.shape[0] // 2
    return 0.5 * (values[half - 1] + values[half])


@compiled
def to_internal(belief: Belief, y: float) -> float:
    """The observation y in internal units."""
    return min(max((y - belief.units[ORIGIN]) / belief.units[SCALE], -_FARTHEST), _FARTHEST)


@compiled
def location_out(belief: Belief, x: float) -> float:
    """An internal location in the user's units."""
    return min(max(belief.units[ORIGIN] + belief.units[SCALE] * x, -_LARGEST), _LARGEST)


@compiled
def std_out(belief: Belief, x: float) -> float:
    """An internal standard deviation in the user's units."""
    return min(belief.units[SCALE] * x, _LARGEST)


@compiled
def learn_scale(belief: Belief, settings: Settings, y: float) -> None:
    """The first observation that differs from all before it says what a unit is.

    Until then every quantity is as many units as it was, whatever a unit may be: nothing but `SCALE` changes.
    """
    difference = abs(y / 2.0 - belief.units[ORIGIN] / 2.0)
    if belief.clock[UNVARIED] == 0 or difference == 0.0:
        return
    seen = min(float(belief.clock[SEEN]), settings.base_memory)
    scale = 2.0 * (difference / math.sqrt(seen))
    belief.clock[UNVARIED] = 0
    belief.units[SCALE] = scale if scale > 0.0 else difference
    belief.units[BASE_COUNT] = seen


@compiled
def _learn_step(course: Floats, memory: float, y: float, scale2: float) -> None:
    """The typical step follows that from the last observation to y, internal; equal ones say nothing of noise."""
    difference = abs(y - course[LAST])
    noise = 0.5 * (scale2 + course[LAST_NOISE])
    course[LAST], course[LAST_NOISE] = y, scale2
    if difference == 0.0:
        return
    step = 2.0 * math.log(max(difference, _LEAST_STEP)) - math.log(noise) + _LOG_STEP_TO_VARIANCE
    course[STEPS] = min(course[STEPS] + 1.0, memory)
    course[STEP] += (step - course[STEP]) / course[STEPS]


@compiled
def learn_base(belief: Belief, settings: Settings, y: float, scale2: float) -> None:
    """The base measure follows the mean and variance of the stream, y being internal; a fixed one stays."""
    units: Floats = belief.units
    if belief.clock[UNVARIED] == 1 or settings.fixed:
        return
    if belief.clock[SEEN] >= WARM_UP:
        _learn_step(belief.course, settings.base_memory, y, scale2)
    else:
        belief.course[LAST], belief.course[LAST_NOISE] = y, scale2
    units[BASE_COUNT] = min(units[BASE_COUNT] + 1.0, settings.base_memory)
    gain = 1.0 / (units[BASE_COUNT] * max(scale2, 1.0))
    limit = _WINSOR * math.sqrt(units[BASE_VAR])
    deviation = min(max(y - units[BASE_MEAN], -limit), limit)
    units[BASE_MEAN] += gain * deviation
    units[BASE_VAR] += gain * (deviation * deviation * (1.0 - gain) - units[BASE_VAR])
    units[BASE_VAR] = max(units[BASE_VAR], _LEAST_BASE_VAR)
