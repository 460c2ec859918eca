"""What `adaptive_mixture` carries of one stream: weighted hypotheses about its regimes.

A hypothesis says which regime the stream is in, since when, what is known of each regime that it has met, and how
often each followed which. K regimes, M hypotheses. Everything is kept in internal units: observations minus `ORIGIN`,
divided by `SCALE`.
"""

import math
from typing import Annotated, NamedTuple

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.declarations import Integers, Same
from stream_filters.filters.numerics.student_t_mixtures import PADDING, Mixture

# How one regime's level may move.
CONSTANT, DRIFTING = 0, 1

# Fields of `status`: the current regime, rows since the last change, how many regimes were met.
CURRENT, RUN_LENGTH, BORN = range(3)
# Fields of `regimes`: V ~ IG(shape, rate), the probability that the level has a slope, level and slope with covariances
# in units of V. Those that differ between CONSTANT and DRIFTING come in pairs, to be added to the field's number.
SHAPE, DRIFTS, SLOPE, SLOPE_COV, SLOPE_VAR, LEVEL, LEVEL_VAR, RATE = 0, 1, 2, 3, 4, 5, 7, 9
REGIME_FIELDS = 11

# Fields of `units`.
ORIGIN, SCALE, BASE_MEAN, BASE_VAR, BASE_COUNT = range(5)
# Fields of `clock`: rows since the first observation, observations, missing rows since the last observation,
# announced label, whether all observations so far are equal.
ROWS, SEEN, GAP, ANNOUNCED, UNVARIED = range(5)
# Fields of `reference`: what was last announced of each label.
MEAN, VARIANCE, KNOWN = range(3)

WARM_UP = 10
EMPTY = -math.inf


class Sizes(NamedTuple):
    """What the lengths of all arrays follow from; variants: of a regime that `model_weights` tells apart."""

    hypotheses: int
    regimes: int
    variants: int


class Belief(NamedTuple):
    """Views into one state. The regimes of a hypothesis are in order of birth; `label` gives their announced names."""

    log_weight: Annotated[Floats, "hypotheses"]  # -inf = unused slot
    outliers: Annotated[Floats, "hypotheses"]  # expected number of outliers so far
    status: Annotated[Integers, "hypotheses, 3"]
    occupancy: Annotated[Floats, "hypotheses, regimes"]  # distribution of the regime after the missing rows
    transitions: Annotated[Floats, "hypotheses, regimes, regimes"]  # how often the column followed the row
    label: Annotated[Integers, "hypotheses, regimes"]
    last_used: Annotated[Integers, "hypotheses, regimes"]  # row of the regime's last observation
    regimes: Annotated[
        Floats, f"{REGIME_FIELDS}, hypotheses, regimes"
    ]  # a field beside that of the next regime, so that loops are vectorised
    reference: Annotated[Floats, "regimes, 3"]
    units: Annotated[Floats, "5"]
    clock: Annotated[Integers, "5"]
    warm_up: Annotated[Floats, f"{WARM_UP}"]  # the first observations as they came


class Masses(NamedTuple):
    """Where each hypothesis expects the next observation to come from; a hypothesis's masses sum to 1."""

    arrival: Annotated[Floats, "hypotheses, regimes"]  # distribution of the regime
    known: Annotated[Floats, "hypotheses, regimes"]  # of being in a regime that was met, as a regular observation
    fresh: Annotated[Floats, "hypotheses"]  # of being in a regime never met
    outlier: Annotated[Floats, "hypotheses"]  # of being an outlier


class Work(NamedTuple):
    """Scratch of a run. Slot k < K of the changes: to regime k; slot K: to a regime that replaces an old one."""

    masses: Masses
    weight: Annotated[Floats, "hypotheses"]  # exp of the log weights, 0 for unused slots
    row: Annotated[Floats, "regimes"]
    fields: Annotated[Floats, f"{REGIME_FIELDS}, hypotheses * regimes"]  # the belief's regimes
    regimes: Annotated[Floats, f"{REGIME_FIELDS}, hypotheses, regimes", Same("work.fields")]
    flat_known: Annotated[Floats, "hypotheses * regimes", Same("work.masses.known")]  # the masses' known
    flat_share: Annotated[Floats, "hypotheses * regimes", Same("work.share")]
    normaliser: Annotated[Floats, "hypotheses * regimes"]  # log_normaliser of each regime
    density: Annotated[Floats, "hypotheses * regimes"]  # log density of the observation
    scores: Annotated[Floats, "hypotheses * regimes"]  # log mass times density
    other: Annotated[Floats, "hypotheses * regimes"]
    active: Annotated[Floats, "hypotheses * regimes"]  # 1 for the regimes that were met by hypotheses in use, else 0
    share: Annotated[Floats, "hypotheses, regimes"]  # posterior probability of the drifting variant
    grow: Annotated[Floats, "hypotheses"]  # log weight when the regime stays
    responsibility: Annotated[Floats, "hypotheses"]  # probability that the observation was no outlier
    beside: Annotated[Floats, "hypotheses"]
    begun: Annotated[Floats, "hypotheses"]
    offer: Annotated[Floats, "regimes + 1, hypotheses"]  # log weight of each hypothesis's change into each slot
    change: Annotated[Floats, "regimes + 1"]  # log of their sums
    source: Annotated[Integers, "regimes + 1"]  # the hypothesis that offers most
    target: Annotated[Integers, "regimes + 1"]  # hypothesis that the change takes the place of, -1 = none
    fresh: Annotated[Belief, {"hypotheses": "regimes + 1"}]  # one for each slot
    fresh_normaliser: Annotated[Floats, "regimes + 1, regimes"]
    probabilities: Annotated[Floats, "regimes"]  # of the labels
    matrix: Annotated[Floats, "regimes, regimes"]
    cost: Annotated[Floats, "regimes, regimes"]
    potentials: Annotated[Floats, "3, regimes + 1"]  # of an assignment
    columns: Annotated[Integers, "3, regimes + 1"]  # of an assignment
    ends: Annotated[Floats, "4"]  # probabilities of an interval's ends, and the ends


class Scratch(NamedTuple):
    """Memory of a run. Components of a mixture: both branches of every regime, and a common one."""

    work: Work
    mixture: Annotated[Mixture, {"components": f"2 * hypotheses * regimes + 1 + {PADDING}"}]


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


@inlined
def reset_regime(belief: Belief, settings: Settings, m: int, k: int) -> None:
    """Regime k of hypothesis m becomes one of which nothing is known: the base measure."""
    belief.regimes[SHAPE, m, k] = settings.variance_shape
    belief.regimes[DRIFTS, m, k] = settings.drifting
    belief.regimes[SLOPE, m, k] = 0.0
    belief.regimes[SLOPE_COV, m, k] = 0.0
    belief.regimes[SLOPE_VAR, m, k] = settings.slope_var
    for variant in range(2):
        belief.regimes[LEVEL + variant, m, k] = belief.units[BASE_MEAN]
        belief.regimes[LEVEL_VAR + variant, m, k] = 1.0 / settings.level_strength
        belief.regimes[RATE + variant, m, k] = base_rate(belief, settings)
    for target in range(belief.regimes.shape[2]):
        belief.transitions[m, k, target] = 0.0


@inlined
def base_rate(belief: Belief, settings: Settings) -> float:
    """Rate of the base measure's inverse gamma: a new regime has a fraction of the stream's variance."""
    return settings.variance_shape * settings.variance_fraction * belief.units[BASE_VAR]


@compiled
def start(belief: Belief, settings: Settings) -> None:
    """One hypothesis: the stream is in its first regime, of which nothing is known."""
    belief.log_weight[:] = EMPTY
    belief.log_weight[0] = 0.0
    belief.occupancy[:] = 0.0
    for m in range(belief.status.shape[0]):
        belief.status[m, CURRENT] = 0
        belief.status[m, RUN_LENGTH] = -1
        belief.status[m, BORN] = 1
        belief.outliers[m] = 0.0
        belief.occupancy[m, 0] = 1.0
        for k in range(belief.regimes.shape[2]):
            belief.label[m, k] = k
            belief.last_used[m, k] = -1
            reset_regime(belief, settings, m, k)
    belief.reference[:] = 0.0


@inlined
def copy_hypothesis(source: Belief, i: int, target: Belief, j: int) -> None:
    """Hypothesis j of `target` becomes hypothesis i of `source`, its weight excepted."""
    target.outliers[j] = source.outliers[i]
    for field in range(source.status.shape[1]):
        target.status[j, field] = source.status[i, field]
    for k in range(source.regimes.shape[2]):
        target.occupancy[j, k] = source.occupancy[i, k]
        target.label[j, k] = source.label[i, k]
        target.last_used[j, k] = source.last_used[i, k]
        for field in range(REGIME_FIELDS):
            target.regimes[field, j, k] = source.regimes[field, i, k]
        for other in range(source.regimes.shape[2]):
            target.transitions[j, k, other] = source.transitions[i, k, other]


@compiled
def heaviest(belief: Belief) -> int:
    """The most probable hypothesis."""
    best = 0
    for m in range(1, belief.log_weight.shape[0]):
        if belief.log_weight[m] > belief.log_weight[best]:
            best = m
    return best


@inlined
def change_rate(transitions: Floats, settings: Settings, m: int) -> float:
    """Expected share of changes over all regimes: the prior's, refined by hypothesis m's counts in [M, K, K]."""
    stays = 0.0
    total = 0.0
    for origin in range(transitions.shape[1]):
        stays += transitions[m, origin, origin]
        for target in range(transitions.shape[1]):
            total += transitions[m, origin, target]
    strength = settings.dwell_strength
    return (strength / settings.dwell + total - stays) / (strength + total)


@inlined
def transition_row(transitions: Floats, settings: Settings, m: int, origin: int, change: float, out: Floats) -> None:
    """Posterior mean [K] of the probabilities after `origin`: its own counts, and a prior around the rate of all.

    change: `change_rate` of hypothesis m.
    """
    regimes = out.shape[0]
    if regimes == 1:
        out[0] = 1.0
        return
    strength = settings.dwell_sharing
    total = strength
    for target in range(regimes):
        total += transitions[m, origin, target]
    scale = 1.0 / total
    other = strength * change / (regimes - 1)
    for target in range(regimes):
        out[target] = (other + transitions[m, origin, target]) * scale
    out[origin] = (strength * (1.0 - change) + transitions[m, origin, origin]) * scale


@inlined
def arrive(occupancy: Floats, transitions: Floats, settings: Settings, m: int, row: Floats, out: Floats) -> None:
    """Write to out[m] of out [M, K] the distribution of hypothesis m's regime at the next row.

    Without reuse a regime that was left never comes back: only the mass that stays is given. row: scratch [K].
    """
    change = change_rate(transitions, settings, m)
    for target in range(row.shape[0]):
        out[m, target] = 0.0
    for origin in range(row.shape[0]):
        held = occupancy[m, origin]
        if held == 0.0:
            continue
        transition_row(transitions, settings, m, origin, change, row)
        if settings.reuse:
            for target in range(row.shape[0]):
                out[m, target] += held * row[target]
        else:
            out[m, origin] += held * row[origin]
