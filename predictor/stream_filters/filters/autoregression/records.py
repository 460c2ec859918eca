"""What a drift-grid autoregression is made of: its nodes, what is believed of them, and room to work in.

Kernels see nodes side by side: entry j of every array [m] belongs to node j, so that loops over nodes are vectorised.
Each variant has `Sizes.nodes` of them, filled up to whole vectors with nodes that have next to no weight.
"""

from typing import Annotated, NamedTuple

from numba.extending import register_jitable

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.declarations import Indices, Integers
from stream_filters.filters.numerics.student_t_mixtures import PADDING, Mixture

# A posterior noise variance stays above this part of the warm-up variance, so that a stuck sensor has a log evidence.
SMALLEST_VARIANCE = 1e-12
# doubles in the widest vector
LANES = 8
# Weight of the nodes that fill up vectors: too little to change a sum.
NO_WEIGHT = 1e-200
# A belief about V that rests on less has no mean; it counts as this shape where one is needed.
LEAST_SHAPE = 0.6


# Nats by which the rival must be ahead for a belief to be beaten.
AHEAD = 30.0
# numbers about the whole belief, see `Belief.scales`
CENTRE, UNIT, VARIANCE, LATEST, RIVAL_VARIANCE, LEAD, ROWS_AHEAD, ORIGIN = range(8)


@register_jitable
def longest_burst(order: int) -> int:
    """Rows that a burst of gross errors may last: what beats the belief for longer is the stream."""
    return 2 * (order + 4) + 1


class Sizes(NamedTuple):
    """What the lengths of all arrays follow from; window: rows kept, 0 = no window."""

    variants: int
    nodes: int
    order: int
    memories: int
    window: int


@register_jitable
def stride(sizes: Sizes) -> int:
    """Nodes of one variant, those that fill up vectors included."""
    return sizes.nodes + (-sizes.nodes) % LANES


# What shapes speak of: d regressors, a symmetric d x d matrix as its upper triangle, n nodes, m with those that fill up
# vectors, a window or none, values that a stream can gather before it starts, and most components of a mixture: every
# node, the wide branch of each variant, and a common one.
NAMES = {
    "d": "order + 1",
    "packed": "d * (d + 1) // 2",
    "n": "variants * nodes",
    "stride": f"nodes + (-nodes) % {LANES}",
    "m": "variants * stride",
    "kept": "min(window, 1)",
    "gathered": "2 * (order + 4)",
    "components": f"m + variants + 1 + {PADDING}",
}


class Grid(NamedTuple):
    """What the configuration fixes: nodes [m], variants [v], groups of one noise memory [g].

    level_drift (of the mean, in units of V), coefficient_drift (absolute), prior: [m]. pivot [m]: 1 where coefficients
    drift about where the stream began, 0 about the centre. restarts [m]: 1 where a node's parameters jump, else 0.
    own [m]: 1 for a node that takes nothing from the others. retain [m]: share of a, b that a step keeps.
    outlier_share [m]: 0 in plain variants. narrow, wide [m]: log priors of an observation that is none and of one that
    is. group [m]: index of a node's noise memory; nodes 0..g - 1 have the groups 0..g - 1. clean [v]: 1 or 0. mass [v]:
    prior of all its nodes. settings: weight retain, floor, eps, kappa, jump rate, jump variance of a coefficient, share
    of gross errors. window_prior [2]: mean of the first coefficient, standard deviation of each. ends [3]:
    probabilities of a band's median and ends.
    """

    level_drift: Annotated[Floats, "m"]
    coefficient_drift: Annotated[Floats, "m"]
    pivot: Annotated[Floats, "m"]
    prior: Annotated[Floats, "m"]
    restarts: Annotated[Floats, "m"]
    own: Annotated[Floats, "m"]
    retain: Annotated[Floats, "m"]
    outlier_share: Annotated[Floats, "m"]
    narrow: Annotated[Floats, "m"]
    wide: Annotated[Floats, "m"]
    group: Annotated[Indices, "m"]
    clean: Annotated[Floats, "variants"]
    mass: Annotated[Floats, "variants"]
    settings: Annotated[Floats, "7"]
    window_prior: Annotated[Floats, "2"]
    ends: Annotated[Floats, "3"]


class State(NamedTuple):
    """What a store keeps, a node's numbers together. started: 0 while the values are gathered that a start needs.

    latest [2, w]: the latest observations and the scales of their noise; before the start, `warm_count` gathered ones.
    absorbed: observations. a [g], the other nodes' arrays and scales: see `Belief`. window: see `Window`.
    """

    started: Annotated[Integers, ""]
    absorbed: Annotated[Integers, ""]
    warm_count: Annotated[Integers, ""]
    latest: Annotated[Floats, "2, gathered"]
    scales: Annotated[Floats, "8"]
    lags: Annotated[Floats, "variants, order"]
    lag_variances: Annotated[Floats, "variants, order"]
    a: Annotated[Floats, "memories"]
    b: Annotated[Floats, "n"]
    weight: Annotated[Floats, "n"]
    mean: Annotated[Floats, "n, d"]
    cov: Annotated[Floats, "n, packed"]
    window_rows: Annotated[Floats, "kept * window, d"]
    window_latest: Annotated[Floats, "kept * order"]
    window_place: Annotated[Integers, "kept * 2"]


class Nodes(NamedTuple):
    """The nodes of a state, each number beside that of the next node; see `Belief`."""

    mean: Annotated[Floats, "d, m"]
    cov: Annotated[Floats, "packed, m"]
    b: Annotated[Floats, "m"]
    half_dof: Annotated[Floats, "m"]
    weight: Annotated[Floats, "m"]


class Belief(NamedTuple):
    """What is believed, of `Nodes` and of a `State`: mean and cov, b, half_dof (a of the node's group), weight.

    lags and lag_variances of each variant, centred. scales: the centre c, in the unit of the observations; the unit, a
    power of two, of all others; the warm-up's variance; the latest observation, centred; of a simple rival its
    variance, how many nats it is ahead and for how many rows; and the centre that the stream began with, centred.
    """

    mean: Floats
    cov: Floats
    b: Floats
    half_dof: Floats
    weight: Floats
    lags: Floats
    lag_variances: Floats
    scales: Floats


class Work(NamedTuple):
    """What one row computes on the way: arrays [m] beside regressors and product [d, m].

    variance: a node's noise variance as of its mean. noise: b / a, the squared scale of its Student-t. location, spread
    (S in units of V): of its predictive. log_likelihood: at the observation. outlier: posterior probability of its wide
    branch. share: of a node's weight that flowed in. light: weight of the nodes that share a component of a mixture,
    else 0. heavy [m]: the other nodes, in order. first, second, third, fourth: for whatever a function needs.
    moments [v, 2]: mean and variance of each variant's predictive without the wide branch. pooled_mean [v, d],
    pooled_cov [v, packed]: theta over all nodes of a variant. pooled [v, 2]: their mass, their mean noise variance.
    normaliser [g]: log of the Student-t's constant. reading [2]: the squared scale of the row's noise, and the
    probability that its observation is a gross error. factor [d, d], room [3, p]: for covariances and stationarity.
    """

    regressors: Annotated[Floats, "d, m"]
    product: Annotated[Floats, "d, m"]
    variance: Annotated[Floats, "m"]
    location: Annotated[Floats, "m"]
    spread: Annotated[Floats, "m"]
    log_likelihood: Annotated[Floats, "m"]
    outlier: Annotated[Floats, "m"]
    share: Annotated[Floats, "m"]
    light: Annotated[Floats, "m"]
    first: Annotated[Floats, "m"]
    second: Annotated[Floats, "m"]
    third: Annotated[Floats, "m"]
    fourth: Annotated[Floats, "m"]
    noise: Annotated[Floats, "m"]
    heavy: Annotated[Indices, "m"]
    moments: Annotated[Floats, "variants, 2"]
    pooled_mean: Annotated[Floats, "variants, d"]
    pooled_cov: Annotated[Floats, "variants, packed"]
    pooled: Annotated[Floats, "variants, 2"]
    normaliser: Annotated[Floats, "memories"]
    reading: Annotated[Floats, "2"]
    factor: Annotated[Floats, "d, d"]
    room: Annotated[Floats, "3, order"]


class Scratch(NamedTuple):
    """Memory of a run."""

    nodes: Nodes
    work: Work
    mixture: Mixture
