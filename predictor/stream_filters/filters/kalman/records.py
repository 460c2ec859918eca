"""The plain records of a bank of Kalman filters: what is carried, what is fixed, what is scratch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream_filters.filters.base import Floats

Integers = NDArray[np.int64]
# unsigned, so that no loop has to allow for an index that counts from the end: such loops are not vectorised
Indices = NDArray[np.uint64]
# groups, nodes, members, and axes of a group
Sizes = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Member:
    """One model of the average: a grid of Kalman filters over unknown noise ratios.

    axes: 2 = position and velocity noise unknown, 1 = no position noise.
    nodes: grid points per axis. memory: observations after which evidence has faded to 1/e, inf = never.
    delay: observations that pass by before the member starts. share: prior weight, up to a constant.
    returns: whether the fixed share is dealt to it too, so that it can come back.
    """

    axes: int
    nodes: int
    memory: float
    robust: bool
    delay: int = 0
    share: float = 1.0
    returns: bool = True

    @property
    def size(self) -> int:
        """Number of grid points."""
        return self.nodes**self.axes

    def steps(self) -> Floats:
        """Steps of every node from the centre of the grid, [size, 2]; the first are 0 with one axis."""
        half = self.nodes // 2
        along = np.arange(-half, half + 1.0)
        across = along if self.axes == 2 else np.zeros(1)
        return np.stack(np.meshgrid(across, along, indexing="ij"), axis=-1).reshape(-1, 2)


class Bank(NamedTuple):
    """Everything fixed by the configuration; [K] members over J nodes in all.

    first: index of a member's first node, [K + 1]. across, along: a node's steps from the centre of its grid, in
    logit f and in log lam, [J]. keep: 1 - 1/memory. base: prior weights, dealt: of the fixed share.
    outlier_share: 0 for plain members. prior: mean and standard deviation of log lam.
    share: probability a row that another member becomes the best. continuous: process noise accumulates over time.
    quantiles: probabilities of the lower end, upper end and median of intervals.
    """

    first: Indices
    across: Floats
    along: Floats
    nodes: Integers
    axes: Integers
    delay: Integers
    keep: Floats
    base: Floats
    dealt: Floats
    outlier_share: Floats
    outlier_variance: float
    prior: Floats
    share: float
    continuous: bool
    time_delta: float
    quantiles: Floats


class Belief(NamedTuple):
    """What is carried for E axes that share their noise, in units of `unit` and of the nominal step.

    Node j: position variance P and the regression of velocity on position (slope c, residual variance d), all
    in units of the node's s2; the covariance is [[P, cP], [cP, d + c²P]]. s2 ~ InverseGamma(shape, rate).
    """

    unit: Floats  # [1] a power of two, 1 for any common magnitude; 0 until an observation is not zero
    position_variance: Floats  # [J]
    slope: Floats  # [J]
    velocity_variance: Floats  # [J]
    rate: Floats  # [J]
    weight: Floats  # [J] sums to 1 over each member's nodes
    position: Floats  # [E, J]
    velocity: Floats  # [E, J]
    shape: Floats  # [K]
    age: Integers  # [K] observations absorbed, -delay before the first
    centre: Floats  # [K, 2] of the grid, in (logit f, log lam)
    cholesky: Floats  # [K, 3] node spacing: 00, 10, 11
    log_share: Floats  # [K] log weight in the average
    deficit: Floats  # [K] recent evidence lost to the average, nats per observation


class Scratch(NamedTuple):
    """Room for one run; nothing in it outlives a row but the ratios, which follow from centre and cholesky."""

    noise: Floats  # [J] R / s2
    log_noise: Floats  # [J]
    position_drift: Floats  # [J] q_pos dt0 / s2
    velocity_drift: Floats  # [J] q_vel dt0³ / s2
    log_prior: Floats  # [J]
    squared: Floats  # [J] innovations, summed over the axes
    likelihood: Floats  # [J] up to a constant for each member
    outlier: Floats  # [J] posterior probability of an outlier
    log_density: Floats  # [K] of this observation
    member: Floats  # [K] weights of the members that take part
    member_outlier: Floats  # [K] posterior probability of an outlier
    observation: Floats  # [E]
    ahead: Floats  # [J] position variance to be
    det: Floats  # [J] velocity's residual variance to be
    gain: Floats  # [J]
    surprise: Floats  # [J] 1 / S, expected over the branches
    moment: Floats  # [J]
    old: Floats  # [J] a quantity before the grid moves
    corner: Integers  # [J, 2] lowest node of the interpolation stencil
    stencil: Floats  # [J, 2, 4] interpolation weights
    weights: Floats  # [2 J] components of a predictive mixture, and the fields of `Mixture`
    locations: Floats
    scales: Floats
    dofs: Floats
    terms: Floats
    quantiles: Floats  # [3]
    probabilities: Floats  # [3]
    widened: Floats  # [1] variance of this row's noise over the usual one


class Report(NamedTuple):
    """Outputs over T rows and E axes in the observations' unit, each filled if its length is not 0."""

    predictive_mean: Floats  # [T, E]
    predictive_std: Floats  # [T, E]
    predictive_interval: Floats  # [T, E, 2]
    log_evidence: Floats  # [T]
    pit: Floats  # [T, E]
    outlier_probability: Floats  # [T]
    model_weights: Floats  # [T, K]
    position_mean: Floats  # [T, E]
    position_std: Floats  # [T, E]
    velocity_mean: Floats  # [T, E]
    velocity_std: Floats  # [T, E]
    state_cov: Floats  # [T, 2E, 2E] positions first
    observation_noise_std: Floats  # [T, 3]
    position_noise: Floats  # [T, 3]
    velocity_noise: Floats  # [T, 3]


def belief_dtype(members: Sequence[Member], groups: int, axes: int) -> np.dtype[np.void]:
    """Layout of a state: `groups` independent beliefs over `axes` axes each; fields are [groups, ...]."""
    nodes = sum(member.size for member in members)
    count = len(members)
    shapes: dict[str, tuple[int, ...]] = {
        "unit": (1,),
        "position": (axes, nodes),
        "velocity": (axes, nodes),
        "shape": (count,),
        "age": (count,),
        "centre": (count, 2),
        "cholesky": (count, 3),
        "log_share": (count,),
        "deficit": (count,),
    }
    fields = [
        (name, np.int64 if name == "age" else np.float64, (groups, *shapes.get(name, (nodes,))))
        for name in Belief._fields
    ]
    return np.dtype(fields)
