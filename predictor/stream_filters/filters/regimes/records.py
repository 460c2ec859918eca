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
# in units of V, and what of the rate is still the prior's: minus it before the first observation, 0 where it is fixed.
# Those that differ between CONSTANT and DRIFTING come in pairs, to be added to the field's number.
SHAPE, DRIFTS, SLOPE, SLOPE_COV, SLOPE_VAR, LEVEL, LEVEL_VAR, RATE, PRIOR_RATE = 0, 1, 2, 3, 4, 5, 7, 9, 11
REGIME_FIELDS = 12

# Fields of `units`: what internal units are, and the mean and variance of the stream, from so many observations.
ORIGIN, SCALE, BASE_MEAN, BASE_VAR, BASE_COUNT = range(5)
# Fields of `course`: log of a typical squared step from row to row and how many it rests on, the last observation and
# its scale², the last gross error, whether the last observation was one, how many there were and how many of them
# followed one, how far a fresh belief is ahead; mean and variance of the latest standardised residuals, how much they
# would have helped, and the memory of regimes that follows.
STEP, STEPS, LAST, LAST_NOISE, FAULT, FAULTY, FAULTS, REPEATS, LOSS, OFFSET, SPREAD, MISFIT, PACE = range(13)
# Fields of `clock`: rows since the first observation, observations, missing rows since the last observation,
# announced label, whether all observations so far are equal, rows since the announced regime is all but excluded.
ROWS, SEEN, GAP, ANNOUNCED, UNVARIED, DOUBTED = range(6)
# Fields of `reference`: what was last announced of each label; variance 0 before it was.
MEAN, VARIANCE = range(2)

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
    restless: Annotated[Floats, "hypotheses"]  # probability that the chain has no memory
    echo: Annotated[Floats, "hypotheses"]  # sum of products of residuals one row apart, over the variance
    status: Annotated[Integers, "hypotheses, 3"]
    occupancy: Annotated[Floats, "hypotheses, regimes"]  # distribution of the regime after the missing rows
    transitions: Annotated[Floats, "hypotheses, regimes, regimes"]  # how often the column followed the row
    label: Annotated[Integers, "hypotheses, regimes"]
    last_used: Annotated[Integers, "hypotheses, regimes"]  # row of the regime's last observation
    regimes: Annotated[
        Floats, f"{REGIME_FIELDS}, hypotheses, regimes"
    ]  # a field beside that of the next regime, so that loops are vectorised
    reference: Annotated[Floats, "regimes, 2"]
    units: Annotated[Floats, "5"]
    course: Annotated[Floats, "13"]
    clock: Annotated[Integers, "6"]
    latest: Annotated[Floats, f"{WARM_UP}"]  # the last observations as they came, observation n in place n % WARM_UP


class Masses(NamedTuple):
    """Where each hypothesis expects the next observation to come from; a hypothesis's masses sum to 1."""

    arrival: Annotated[Floats, "hypotheses, regimes"]  # distribution of the regime
    aimless: Annotated[Floats, "hypotheses, regimes"]  # distribution of the regime if the chain has no memory
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
    noise: Annotated[Floats, "hypotheses * regimes"]  # variance of the observation's noise, in units of V
    shift: Annotated[Floats, "hypotheses * regimes"]  # what is left of the last residual
    lever: Annotated[Floats, "hypotheses * regimes"]  # how much of the level's error is in the residual
    memory: Annotated[Floats, "hypotheses"]  # correlation of the noise from row to row
    residual: Annotated[Floats, "hypotheses"]  # of the last observation
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
    outlier_strength: float
    fixed: bool
    restless: float
    noise_memory: float
    announce: float
    recent: int
    tail: float


@inlined
def copy_hypothesis(source: Belief, i: int, target: Belief, j: int) -> None:
    """Hypothesis j of `target` becomes hypothesis i of `source`, its weight excepted."""
    target.restless[j] = source.restless[i]
    target.echo[j] = source.echo[i]
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
