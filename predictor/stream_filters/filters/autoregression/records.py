"""What a drift-grid autoregression is made of: its nodes, what is believed of them, and room to work in.

Kernels see nodes side by side: entry j of every array [m] belongs to node j, so that loops over nodes are vectorised.
Each variant has `Sizes.nodes` of them, filled up to whole vectors with nodes that have next to no weight.
"""

from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from stream_filters.filters.base import Floats

Integers = NDArray[np.int64]
# unsigned, so that no loop has to allow for an index that counts from the end: such loops are not vectorised
Indices = NDArray[np.uint64]

# A posterior noise variance stays above this part of the warm-up variance, so that a stuck sensor has a log evidence.
SMALLEST_VARIANCE = 1e-12
# doubles in the widest vector
LANES = 8
# Weight of the nodes that fill up vectors: too little to change a sum.
NO_WEIGHT = 1e-200
# A belief about V that rests on less has no mean; it counts as this shape where one is needed.
LEAST_SHAPE = 0.6


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


class Grid(NamedTuple):
    """What the configuration fixes: nodes [m], variants [v], groups of one noise memory [g].

    level_drift (in units of V), coefficient_drift (absolute), prior: [m]. restarts [m]: 1 where a node's parameters
    jump, else 0. retain [m]: share of a, b that a step keeps. outlier_share [m]: 0 in plain variants. narrow, wide [m]:
    log priors of an observation that is none and of one that is. group [m]: index of a node's noise memory; nodes
    0..g - 1 have the groups 0..g - 1. clean [v]: 1 or 0. mass [v]: prior of all its nodes. settings: weight retain,
    floor, eps, kappa, jump rate, jump variance of a coefficient. window_prior [2]: mean of the first coefficient,
    standard deviation of each. ends [3]: probabilities of a band's median and ends.
    """

    level_drift: Floats
    coefficient_drift: Floats
    prior: Floats
    restarts: Floats
    retain: Floats
    outlier_share: Floats
    narrow: Floats
    wide: Floats
    group: Indices
    clean: Floats
    mass: Floats
    settings: Floats
    window_prior: Floats
    ends: Floats


class Belief(NamedTuple):
    """What is believed: mean [d, m], cov [packed, m], b, half_dof (a of the node's group), weight [m].

    Views of a state's fields: lags and lag_variances [v, p]; scales [2]: the centre c, and the warm-up variance.
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
    normaliser [g]: log of the Student-t's constant. unit [2]: a power of two that brings variances near 1, and its log.
    factor [d, d], room [2, p]: for covariances and stationarity.
    """

    regressors: Floats
    product: Floats
    variance: Floats
    location: Floats
    spread: Floats
    log_likelihood: Floats
    outlier: Floats
    share: Floats
    light: Floats
    first: Floats
    second: Floats
    third: Floats
    fourth: Floats
    noise: Floats
    heavy: Indices
    moments: Floats
    pooled_mean: Floats
    pooled_cov: Floats
    pooled: Floats
    normaliser: Floats
    unit: Floats
    factor: Floats
    room: Floats
