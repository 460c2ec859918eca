"""What `adaptive_mixture` carries of one stream: weighted hypotheses about its regimes.

A hypothesis says which regime the stream is in, since when, what is known of each regime that it has met, and how
often each followed which. K regimes, M hypotheses. Everything is kept in internal units: observations minus `ORIGIN`,
divided by `SCALE`.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from stream_filters.filters.base import Array, Floats

# How one regime's level may move; the first axis of `level`, `level_var` and `rate`.
CONSTANT, DRIFTING = 0, 1

# Fields of `units`.
ORIGIN, SCALE, BASE_MEAN, BASE_VAR, BASE_COUNT = range(5)
# Fields of `clock`: rows since the first observation, observations, missing rows since the last observation,
# announced label, whether all observations so far are equal.
ROWS, SEEN, GAP, ANNOUNCED, UNVARIED = range(5)
# Fields of `reference`: what was last announced of each label.
LEVEL, VARIANCE, KNOWN = range(3)

WARM_UP = 10
EMPTY = -math.inf


class Belief(NamedTuple):
    """Views into one state. The regimes of a hypothesis are in order of birth; `label` gives their announced names.

    A regime emits N(level, V) with V ~ IG(shape, rate); level (and slope) have covariances in units of V.
    """

    log_weight: Floats  # [M], -inf = unused slot
    regime: Array  # [M], the current one
    run_length: Array  # [M], rows since the last change
    born: Array  # [M], how many regimes were met
    outliers: Floats  # [M], expected number of outliers so far
    occupancy: Floats  # [M, K], distribution of the regime after the missing rows
    transitions: Floats  # [M, K, K], how often the column followed the row
    label: Array  # [M, K]
    last_used: Array  # [M, K], row of the regime's last observation
    shape: Floats  # [M, K]
    drifting: Floats  # [M, K], probability that the regime's level has a slope
    level: Floats  # [2, M, K], CONSTANT and DRIFTING
    level_var: Floats  # [2, M, K]
    rate: Floats  # [2, M, K]
    slope: Floats  # [M, K]
    slope_cov: Floats  # [M, K], of level and slope
    slope_var: Floats  # [M, K]
    reference: Floats  # [K, 3]
    units: Floats  # [5]
    clock: Array  # [5]
    warm_up: Floats  # [WARM_UP], the first observations as they came


class Settings(NamedTuple):
    """The numbers of the configuration that the kernels need."""

    dwell: float
    dwell_strength: float
    dwell_sharing: float
    reuse: bool
    level_strength: float
    variance_shape: float
    variance_fraction: float
    slope_var: float
    drifting: float
    memory: float
    base_memory: float
    recycle: float
    outlier_rate: float
    announce: float
    recent: int
    tail: float


def belief_dtype(hypotheses: int, regimes: int) -> np.dtype[np.void]:
    """Layout of a state with M hypotheses about K regimes: eight-byte fields only, so that all are aligned."""
    m, k = hypotheses, regimes
    whole = [("regime", (m,)), ("run_length", (m,)), ("born", (m,)), ("label", (m, k)), ("last_used", (m, k))]
    real = [("log_weight", (m,)), ("outliers", (m,)), ("occupancy", (m, k)), ("transitions", (m, k, k))]
    real += [(name, (m, k)) for name in ("shape", "drifting", "slope", "slope_cov", "slope_var")]
    real += [(name, (2, m, k)) for name in ("level", "level_var", "rate")]
    real += [("reference", (k, 3)), ("units", (5,)), ("warm_up", (WARM_UP,))]
    shapes = {name: ("<i8", shape) for name, shape in [*whole, ("clock", (5,))]}
    shapes |= {name: ("<f8", shape) for name, shape in real}
    return np.dtype([(name, *shapes[name]) for name in Belief._fields])


def views(state: Array) -> Belief:
    """The fields of a state, writable if the state is."""
    return Belief(*(state[name] for name in Belief._fields))


@njit(nogil=True, cache=True, error_model="numpy")
def reset_regime(belief: Belief, settings: Settings, m: int, k: int) -> None:
    """Regime k of hypothesis m becomes one of which nothing is known: the base measure."""
    belief.shape[m, k] = settings.variance_shape
    belief.drifting[m, k] = settings.drifting
    belief.slope[m, k] = 0.0
    belief.slope_cov[m, k] = 0.0
    belief.slope_var[m, k] = settings.slope_var
    for variant in range(2):
        belief.level[variant, m, k] = belief.units[BASE_MEAN]
        belief.level_var[variant, m, k] = 1.0 / settings.level_strength
        belief.rate[variant, m, k] = base_rate(belief, settings)
    for target in range(belief.shape.shape[1]):
        belief.transitions[m, k, target] = 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def base_rate(belief: Belief, settings: Settings) -> float:
    """Rate of the base measure's inverse gamma: a new regime has a fraction of the stream's variance."""
    return settings.variance_shape * settings.variance_fraction * belief.units[BASE_VAR]


@njit(nogil=True, cache=True, error_model="numpy")
def start(belief: Belief, settings: Settings) -> None:
    """One hypothesis: the stream is in its first regime, of which nothing is known."""
    belief.log_weight[:] = EMPTY
    belief.log_weight[0] = 0.0
    belief.occupancy[:] = 0.0
    for m in range(belief.regime.shape[0]):
        belief.regime[m] = 0
        belief.run_length[m] = -1
        belief.born[m] = 1
        belief.outliers[m] = 0.0
        belief.occupancy[m, 0] = 1.0
        for k in range(belief.shape.shape[1]):
            belief.label[m, k] = k
            belief.last_used[m, k] = -1
            reset_regime(belief, settings, m, k)
    belief.reference[:] = 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def copy_hypothesis(source: Belief, i: int, target: Belief, j: int) -> None:
    """Hypothesis j of `target` becomes hypothesis i of `source`, its weight excepted."""
    target.regime[j] = source.regime[i]
    target.run_length[j] = source.run_length[i]
    target.born[j] = source.born[i]
    target.outliers[j] = source.outliers[i]
    for k in range(source.shape.shape[1]):
        target.occupancy[j, k] = source.occupancy[i, k]
        target.label[j, k] = source.label[i, k]
        target.last_used[j, k] = source.last_used[i, k]
        target.shape[j, k] = source.shape[i, k]
        target.drifting[j, k] = source.drifting[i, k]
        target.slope[j, k] = source.slope[i, k]
        target.slope_cov[j, k] = source.slope_cov[i, k]
        target.slope_var[j, k] = source.slope_var[i, k]
        for variant in range(2):
            target.level[variant, j, k] = source.level[variant, i, k]
            target.level_var[variant, j, k] = source.level_var[variant, i, k]
            target.rate[variant, j, k] = source.rate[variant, i, k]
        for other in range(source.shape.shape[1]):
            target.transitions[j, k, other] = source.transitions[i, k, other]


@njit(nogil=True, cache=True, error_model="numpy")
def heaviest(belief: Belief) -> int:
    """The most probable hypothesis."""
    best = 0
    for m in range(1, belief.log_weight.shape[0]):
        if belief.log_weight[m] > belief.log_weight[best]:
            best = m
    return best


@njit(nogil=True, cache=True, error_model="numpy")
def change_rate(transitions: Floats, settings: Settings) -> float:
    """Expected share of changes over all regimes: the prior's, refined by the counts `transitions` [K, K]."""
    stays = 0.0
    total = 0.0
    for origin in range(transitions.shape[0]):
        stays += transitions[origin, origin]
        for target in range(transitions.shape[0]):
            total += transitions[origin, target]
    strength = settings.dwell_strength
    return (strength / settings.dwell + total - stays) / (strength + total)


@njit(nogil=True, cache=True, error_model="numpy")
def transition_row(transitions: Floats, settings: Settings, change: float, origin: int, out: Floats) -> None:
    """Posterior mean [K] of the probabilities after `origin`: its own counts, and a prior around the rate of all.

    transitions: counts [K, K]. change: `change_rate` of them.
    """
    regimes = out.shape[0]
    if regimes == 1:
        out[0] = 1.0
        return
    strength = settings.dwell_sharing
    total = strength
    for target in range(regimes):
        total += transitions[origin, target]
    for target in range(regimes):
        prior = 1.0 - change if target == origin else change / (regimes - 1)
        out[target] = (strength * prior + transitions[origin, target]) / total


@njit(nogil=True, cache=True, error_model="numpy")
def arrive(occupancy: Floats, transitions: Floats, settings: Settings, row: Floats, out: Floats) -> None:
    """Distribution [K] of the regime at the next row, from `occupancy` [K] and the counts `transitions` [K, K].

    Without reuse a regime that was left never comes back: only the mass that stays is given. row: scratch [K].
    """
    change = change_rate(transitions, settings)
    out[:] = 0.0
    for origin in range(out.shape[0]):
        held = occupancy[origin]
        if held == 0.0:
            continue
        transition_row(transitions, settings, change, origin, row)
        if settings.reuse:
            for target in range(out.shape[0]):
                out[target] += held * row[target]
        else:
            out[origin] += held * row[origin]
