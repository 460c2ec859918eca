"""What is expected before a regime was met: its level, its spread, and how gross errors are distributed.

A new regime's level is expected where the stream is, as wide as the stream is. Its spread is not: regimes can be far
apart for their spread. It is expected to be like a typical step from one row to the next, which is the spread inside a
regime as long as regimes last; or a share of the stream's; or, less probably, far less. While a regime is young, the
weights of these follow from its own observations.
"""

import math

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import exp, log, log1p
from stream_filters.filters.regimes.equations import log_normaliser, log_student
from stream_filters.filters.regimes.records import (
    BASE_MEAN,
    BASE_VAR,
    BORN,
    CONSTANT,
    CURRENT,
    DRIFTING,
    DRIFTS,
    EMPTY,
    FAULT,
    FAULTS,
    FAULTY,
    LEVEL,
    LEVEL_VAR,
    PRIOR_RATE,
    RATE,
    REPEATS,
    RUN_LENGTH,
    SEEN,
    SHAPE,
    SLOPE,
    SLOPE_COV,
    SLOPE_VAR,
    STEP,
    STEPS,
    VARIANCE,
    Belief,
    Settings,
)

# A new regime's variance is a share of the stream's, a typical step's, or a thirtieth or a thousandth of the lesser.
_LOG_STREAM, _LOG_STEP, _LOG_LESS, _LOG_FAR_LESS = math.log(0.35), math.log(0.5), math.log(0.1), math.log(0.05)
_LESS, _FAR_LESS = 1.0 / 30.0, 1.0 / 1000.0
# What of a typical squared step the prior expects: less, since the prior's tail is long.
_STEP_SHARE = 0.8
# Observations of a regime after which its own say enough.
_YOUNG = 10.0
# Share of the new levels, and of the outliers, that can be at any distance: their density falls with its square.
_LOG_FAR_LEVEL, _LOG_FAR_OUTLIER = math.log(1e-3), math.log(1e-2)
_LOG_HALF, _LOG_PI = math.log(0.5), math.log(math.pi)
# A gross error that comes again is expected within so many typical steps.
_FAULT_STEPS = 2.0
# Prior of the share of gross errors that another one follows: a beta, in observations.
_REPEATED, _ALL = 0.6, 2.0


@inlined
def base_rate(belief: Belief, settings: Settings) -> float:
    """Rate of the base measure's inverse gamma: a new regime has a fraction of the stream's variance."""
    return settings.variance_shape * settings.variance_fraction * belief.units[BASE_VAR]


@inlined
def base_spread(belief: Belief, settings: Settings) -> float:
    """Rate times the variance of a new regime's first observation, in units of its own.

    The variance between regimes is known from those met, few at first: more is expected then.
    """
    spread = base_rate(belief, settings) * (1.0 + 1.0 / settings.level_strength)
    if settings.fixed:
        return spread
    met = 1.0
    for label in range(1, belief.reference.shape[0]):
        met += 1.0 if belief.reference[label, VARIANCE] > 0.0 else 0.0
    return spread * (1.0 + 1.0 / met)


@inlined
def step_variance(belief: Belief, settings: Settings) -> float:
    """Variance of a typical step; the stream's share while there was none."""
    if belief.course[STEPS] == 0.0:
        return settings.variance_fraction * belief.units[BASE_VAR]
    return exp(min(max(belief.course[STEP], -600.0), 600.0))


@compiled
def expected_rate(stream: float, step: float, shape: float, squares: float, seen: float) -> float:
    """Rate after `seen` observations whose halved squares sum to `squares`.

    stream, step: rates by which a new regime's variance is expected. A mixture of inverse gammas of one shape is
    conjugate, its weights are w_j ~ p_j b_j^a (b_j + S)^-(a + n/2); the rates b_j + S are averaged by their logs.
    """
    least = min(stream, step)
    after = shape + 0.5 * seen
    whole, typical = log(stream + squares), log(step + squares)
    less, far_less = log(least * _LESS + squares), log(least * _FAR_LESS + squares)
    prior = shape * log(least)
    a = _LOG_STREAM + shape * log(stream) - after * whole
    b = _LOG_STEP + shape * log(step) - after * typical
    c = _LOG_LESS + prior + shape * math.log(_LESS) - after * less
    d = _LOG_FAR_LESS + prior + shape * math.log(_FAR_LESS) - after * far_less
    top = max(a, b, c, d)
    a, b, c, d = exp(a - top), exp(b - top), exp(c - top), exp(d - top)
    return exp((a * whole + b * typical + c * less + d * far_less) / (a + b + c + d))


@inlined
def reset_regime(belief: Belief, settings: Settings, m: int, k: int) -> None:
    """Regime k of hypothesis m becomes one of which nothing is known: the base measure."""
    regimes = belief.regimes
    regimes[SHAPE, m, k] = settings.variance_shape
    regimes[DRIFTS, m, k] = settings.drifting
    regimes[SLOPE, m, k] = 0.0
    regimes[SLOPE_COV, m, k] = 0.0
    regimes[SLOPE_VAR, m, k] = settings.slope_var
    rate = stream = base_rate(belief, settings)
    if not settings.fixed:
        step = _STEP_SHARE * settings.variance_shape * step_variance(belief, settings)
        rate = expected_rate(stream, step, settings.variance_shape, 0.0, 0.0)
    regimes[PRIOR_RATE, m, k] = 0.0 if settings.fixed else -rate
    for variant in range(2):
        regimes[LEVEL + variant, m, k] = belief.units[BASE_MEAN]
        regimes[LEVEL_VAR + variant, m, k] = stream / rate / settings.level_strength
        regimes[RATE + variant, m, k] = rate
    for target in range(regimes.shape[2]):
        belief.transitions[m, k, target] = 0.0


@compiled
def expect_again(belief: Belief, settings: Settings, m: int, k: int) -> None:
    """Weigh anew what is expected of a young regime's spread, by its own observations."""
    regimes = belief.regimes
    seen = 2.0 * (regimes[SHAPE, m, k] - settings.variance_shape)
    if not (regimes[PRIOR_RATE, m, k] > 0.0 and 0.0 < seen < _YOUNG):
        return
    before = regimes[PRIOR_RATE, m, k]
    drifting = regimes[DRIFTS, m, k]
    rate = (1.0 - drifting) * regimes[RATE + CONSTANT, m, k] + drifting * regimes[RATE + DRIFTING, m, k]
    squares = max(rate - before, 0.0)
    step = _STEP_SHARE * settings.variance_shape * step_variance(belief, settings)
    rate = expected_rate(base_rate(belief, settings), step, settings.variance_shape, squares, seen)
    after = max(rate - squares, 1e-3 * rate)
    for variant in range(2):
        regimes[RATE + variant, m, k] = max(regimes[RATE + variant, m, k] - before, 0.0) + after
    regimes[PRIOR_RATE, m, k] = after


@compiled
def start(belief: Belief, settings: Settings) -> None:
    """One hypothesis: the stream is in its first regime, of which nothing is known."""
    belief.log_weight[:] = EMPTY
    belief.log_weight[0] = 0.0
    belief.restless[:] = settings.restless
    belief.echo[:] = 0.0
    belief.occupancy[:] = 0.0
    for m in range(belief.status.shape[0]):
        belief.status[m, CURRENT] = 0
        belief.status[m, RUN_LENGTH] = -1
        belief.status[m, BORN] = 1
        belief.occupancy[m, 0] = 1.0
        for k in range(belief.regimes.shape[2]):
            belief.label[m, k] = k
            belief.last_used[m, k] = -1
            reset_regime(belief, settings, m, k)
    belief.transitions[:] = 0.0
    belief.reference[:] = 0.0


@inlined
def _log_sum(a: float, b: float) -> float:
    return max(a, b) + log1p(exp(-abs(a - b)))


@inlined
def base_log_densities(belief: Belief, settings: Settings, y: float, scale2: float) -> tuple[float, float]:
    """Log densities of y as the first of a new regime, and as an outlier.

    Both follow the base measure, and can be at any distance with a little probability (a Cauchy tail). An outlier may
    also be where the last gross error was: marks come again.
    """
    shape = settings.variance_shape
    normaliser = log_normaliser(shape)
    spread = base_spread(belief, settings) * max(scale2, 1.0)
    residual = y - belief.units[BASE_MEAN]
    near = log_student(normaliser, shape, residual, spread)
    if settings.fixed:
        return near, near
    scale = spread / shape
    far = -_LOG_PI - 0.5 * log(scale) - log1p(residual * residual / scale)
    outlier = _log_sum(near, _LOG_FAR_OUTLIER + far)
    if belief.course[FAULTS] > 0.5:
        spread = shape * _FAULT_STEPS * _FAULT_STEPS * step_variance(belief, settings)
        again = log_student(normaliser, shape, y - belief.course[FAULT], spread)
        outlier = _LOG_HALF + _log_sum(outlier, again)
    return _log_sum(near, _LOG_FAR_LEVEL + far), outlier


@inlined
def outlier_share(belief: Belief, settings: Settings) -> float:
    """Probability that the next observation is an outlier: learnt over the stream, and more likely after another."""
    if settings.outlier_rate == 0.0:
        return 0.0
    course = belief.course
    seen = min(float(belief.clock[SEEN]), settings.memory)
    strength = settings.outlier_strength
    share = min((strength * settings.outlier_rate + course[FAULTS]) / (strength + seen), 0.5)
    return share + (1.0 - share) * course[FAULTY] * (_REPEATED + course[REPEATS]) / (_ALL + course[FAULTS])


@inlined
def learn_faults(belief: Belief, settings: Settings, y: float, outlier: float) -> None:
    """Count y, which was an outlier with this probability."""
    course: Floats = belief.course
    keep = 1.0 if belief.clock[SEEN] < settings.memory else 1.0 - 1.0 / settings.memory
    course[REPEATS] = (course[REPEATS] + course[FAULTY] * outlier) * keep
    course[FAULTS] = (course[FAULTS] + outlier) * keep
    course[FAULTY] = outlier
    if outlier > 0.5:
        course[FAULT] = y
