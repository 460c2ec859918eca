"""How fast regimes forget: as fast as their residuals ask for.

Levels wander and noise grows in ways that no slope describes. A regime forgets after `memory` observations; while its
standardised residuals would have been predicted better by their own latest mean and variance, after fewer, down to a
few dozen, and after more again when they would not.
"""

import math

from stream_filters.filters.numerics.compiled import compiled
from stream_filters.filters.regimes.records import (
    CONSTANT,
    CURRENT,
    DRIFTING,
    DRIFTS,
    LEVEL,
    LEVEL_VAR,
    MISFIT,
    OFFSET,
    PACE,
    RATE,
    SHAPE,
    SPREAD,
    Belief,
    Settings,
    Work,
)

# Observations that the latest mean and variance, and the comparison, rest on.
_MEAN_ROWS, _VARIANCE_ROWS, _COMPARED = 30.0, 60.0, 100.0
# Nats by which they have to be ahead, and how fast the memory follows, to how little.
_AHEAD, _SHORTER, _LONGER, _LEAST = 3.0, 0.95, 1.01, 40.0
# Residuals count up to so many standard deviations; regimes with fewer observations are still being met.
_WINSOR, _MET = 4.0, 20.0


@compiled
def watch(belief: Belief, settings: Settings, work: Work, y: float, evidence: float) -> None:
    """Compare, for the likeliest hypothesis that y changes nothing, before it learns y."""
    best = 0
    for m in range(1, work.grow.shape[0]):
        if work.grow[m] > work.grow[best]:
            best = m
    k, regimes, course = belief.status[best, CURRENT], belief.regimes, belief.course
    met = 2.0 * (regimes[SHAPE, best, k] - settings.variance_shape) > min(_MET, 0.5 * settings.memory)
    if not (met and work.grow[best] > evidence - 1.0 and work.responsibility[best] > 0.9):
        return
    i = best * work.share.shape[1] + k
    variant = DRIFTING if regimes[DRIFTS, best, k] > 0.5 else CONSTANT
    variance = regimes[RATE + variant, best, k] / regimes[SHAPE, best, k]
    variance *= work.noise[i] + work.lever[i] * regimes[LEVEL_VAR + variant, best, k]
    z = (y - work.shift[i] - regimes[LEVEL + variant, best, k]) / math.sqrt(variance)
    z = min(max(z, -_WINSOR), _WINSOR)
    offset = z - course[OFFSET]
    ahead = 0.5 * (z * z - offset * offset / course[SPREAD] - math.log(course[SPREAD]))
    course[MISFIT] = course[MISFIT] * (1.0 - 1.0 / _COMPARED) + ahead
    course[OFFSET] += offset / _MEAN_ROWS
    course[SPREAD] += (offset * offset - course[SPREAD]) / _VARIANCE_ROWS
    course[SPREAD] = max(course[SPREAD], 1e-3)
    if course[MISFIT] > _AHEAD:
        course[PACE] = max(course[PACE] * _SHORTER, min(_LEAST, settings.memory))
    elif course[MISFIT] < 0.0:
        course[PACE] = min(course[PACE] * _LONGER, settings.memory)
