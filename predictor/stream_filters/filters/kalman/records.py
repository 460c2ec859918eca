"""The plain records of a bank of Kalman filters: what is carried, what is fixed, what is scratch."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.declarations import Indices, Integers
from stream_filters.filters.numerics.student_t_lanes import TERMS

# Rows that are kept, so that a belief can go through them again; time deltas that set the unit of time.
RECENT = 8
FIRST_DELTAS = 5


class Sizes(NamedTuple):
    """What the lengths of all arrays follow from; axes: of one group."""

    groups: int
    nodes: int
    members: int
    axes: int


@dataclass(frozen=True, slots=True)
class Member:
    """One model of the average: a grid of Kalman filters over unknown noise ratios.

    axes: noise ratios unknown. With a velocity 2 = of position and velocity, 1 = no position noise; without one
    1 = the level wanders, 0 = it stands.
    moves: whether there is a velocity. nodes: grid points per axis.
    memory: observations after which evidence has faded to 1/e, inf = never.
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
    moves: bool = True

    @property
    def size(self) -> int:
        """Number of grid points."""
        return self.nodes**self.axes

    def steps(self) -> Floats:
        """Steps of every node from the centre of the grid, [size, 2]; the first are 0 with one axis."""
        half = self.nodes // 2 if self.axes > 0 else 0
        along = np.arange(-half, half + 1.0)
        across = along if self.axes == 2 else np.zeros(1)
        return np.stack(np.meshgrid(across, along, indexing="ij"), axis=-1).reshape(-1, 2)


class Bank(NamedTuple):
    """Everything fixed by the configuration; the members and all their nodes.

    first: index of a member's first node. across, along: a node's steps from the centre of its grid, in
    logit f and in log lam. keep: 1 - 1/memory. base: prior weights, dealt: of the fixed share.
    outlier_share: 0 for plain members. prior: mean and standard deviation of log lam.
    share: probability a row that another member becomes the best. continuous: process noise accumulates over time.
    doubts: odd observations may be gross errors, or tell of a jump.
    moves: 1 with a velocity, 0 without. time_delta: the unit of time, 0 = learnt from the first rows.
    quantiles: probabilities of the lower end, upper end and median of intervals.
    """

    first: Annotated[Indices, "members + 1"]
    across: Annotated[Floats, "nodes"]
    along: Annotated[Floats, "nodes"]
    nodes: Annotated[Integers, "members"]
    axes: Annotated[Integers, "members"]
    moves: Annotated[Integers, "members"]
    delay: Annotated[Integers, "members"]
    keep: Annotated[Floats, "members"]
    base: Annotated[Floats, "members"]
    dealt: Annotated[Floats, "members"]
    outlier_share: Annotated[Floats, "members"]
    outlier_variance: float
    prior: Annotated[Floats, "2"]
    share: float
    continuous: bool
    doubts: bool
    time_delta: float
    quantiles: Annotated[Floats, "3"]


class Belief(NamedTuple):
    """What is carried for E axes that share their noise, in units of `unit` and of `step`.

    Node j: position variance P and the regression of velocity on position (slope c, residual variance d), all
    in units of the node's s2; the covariance is [[P, cP], [cP, d + c²P]]. s2 ~ InverseGamma(shape, rate).
    """

    unit: Annotated[Floats, "1"]  # a power of two, 1 for any common magnitude; 0 until an observation is not zero
    position_variance: Annotated[Floats, "nodes"]
    slope: Annotated[Floats, "nodes"]
    velocity_variance: Annotated[Floats, "nodes"]
    rate: Annotated[Floats, "nodes"]
    weight: Annotated[Floats, "nodes"]  # sums to 1 over each member's nodes
    position: Annotated[Floats, "axes, nodes"]
    velocity: Annotated[Floats, "axes, nodes"]
    shape: Annotated[Floats, "members"]
    age: Annotated[Integers, "members"]  # observations absorbed, -delay before the first
    centre: Annotated[Floats, "members, 2"]  # of the grid, in (logit f, log lam)
    cholesky: Annotated[Floats, "members, 3"]  # node spacing: 00, 10, 11
    log_share: Annotated[Floats, "members"]  # log weight in the average
    deficit: Annotated[Floats, "members"]  # recent evidence lost to the average, nats per observation
    step: Annotated[Floats, "1"]  # the unit of time; 0 until it is known
    elapsed: Annotated[Floats, "1"]  # time since the last row observed
    first_deltas: Annotated[Floats, f"{FIRST_DELTAS}"]
    deltas_seen: Annotated[Integers, "1"]  # rows observed, up to FIRST_DELTAS + 1: the first has none
    recent: Annotated[Floats, f"{RECENT}, axes + 2"]  # last rows observed, newest last: values, time between, scale
    recent_rows: Annotated[Integers, "1"]
    suspect_rows: Annotated[Integers, "1"]  # rows observed since an odd one that may be a jump, itself included
    jump_noise: Annotated[Floats, "3"]  # R, q_pos, q_vel as they were believed before it
    jump_velocity: Annotated[Floats, "axes"]
    jump_velocity_variance: Annotated[Floats, "2"]  # if the velocity went on, if it changed too
    jump_log_odds: Annotated[Floats, "1"]
    owed: Annotated[Floats, "2"]  # odd rows that teach the noise if there was no jump, and their squares
    fresh_lead: Annotated[Floats, "1"]  # evidence that a belief without a past predicts better, nats


class Scratch(NamedTuple):
    """Room for one run; nothing in it outlives a row but the ratios, which follow from centre and cholesky."""

    noise: Annotated[Floats, "nodes"]  # R / s2
    log_noise: Annotated[Floats, "nodes"]
    position_drift: Annotated[Floats, "nodes"]  # q_pos dt0 / s2
    velocity_drift: Annotated[Floats, "nodes"]  # q_vel dt0³ / s2
    log_prior: Annotated[Floats, "nodes"]
    squared: Annotated[Floats, "nodes"]  # innovations, summed over the axes
    likelihood: Annotated[Floats, "nodes"]  # up to a constant for each member
    narrow: Annotated[Floats, "nodes"]  # the same, of this observation as no outlier
    outlier: Annotated[Floats, "nodes"]  # posterior probability of an outlier
    log_density: Annotated[Floats, "members"]  # of this observation
    member: Annotated[Floats, "members"]  # weights of the members that take part
    member_outlier: Annotated[Floats, "members"]  # posterior probability of an outlier
    observation: Annotated[Floats, "axes"]
    ahead: Annotated[Floats, "nodes"]  # position variance to be
    det: Annotated[Floats, "nodes"]  # velocity's residual variance to be
    gain: Annotated[Floats, "nodes"]
    surprise: Annotated[Floats, "nodes"]  # 1 / S, expected over the branches
    moment: Annotated[Floats, "nodes"]
    old: Annotated[Floats, "nodes"]  # a quantity before the grid moves
    corner: Annotated[Integers, "nodes, 2"]  # lowest node of the interpolation stencil
    stencil: Annotated[Floats, "nodes, 2, 4"]  # interpolation weights
    weights: Annotated[Floats, "components"]  # of a predictive mixture, and the fields of `Mixture`
    locations: Annotated[Floats, "components"]
    scales: Annotated[Floats, "components"]
    dofs: Annotated[Floats, "components"]
    terms: Annotated[Floats, f"{TERMS}, components"]
    quantiles: Annotated[Floats, "3"]
    probabilities: Annotated[Floats, "3"]
    widened: Annotated[Floats, "1"]  # variance of this row's noise over the usual one
    log_narrow: Annotated[Floats, "members"]  # log density of this observation as no outlier
    log_gross: Annotated[Floats, "1"]  # log joint density of this observation and of its being a gross error
    predicted: Annotated[Floats, "axes"]  # mean of the average's predictive
    leap_position: Annotated[Floats, "2, axes"]  # means after a jump, velocity kept or not
    leap_velocity: Annotated[Floats, "2, axes"]
    leap_variance: Annotated[Floats, "2"]  # of the position
    leap_weight: Annotated[Floats, "2"]  # of each, sum to 1
    leap_share: Annotated[Floats, "1"]  # probability that there was a jump


class Report(NamedTuple):
    """Outputs over T rows and E axes in the observations' unit, each filled if its length is not 0."""

    predictive_mean: Annotated[Floats, "rows, axes"]
    predictive_std: Annotated[Floats, "rows, axes"]
    predictive_interval: Annotated[Floats, "rows, axes, 2"]
    log_evidence: Annotated[Floats, "rows"]
    pit: Annotated[Floats, "rows, axes"]
    outlier_probability: Annotated[Floats, "rows"]
    model_weights: Annotated[Floats, "rows, members"]
    position_mean: Annotated[Floats, "rows, axes"]
    position_std: Annotated[Floats, "rows, axes"]
    velocity_mean: Annotated[Floats, "rows, axes"]
    velocity_std: Annotated[Floats, "rows, axes"]
    state_cov: Annotated[Floats, "rows, 2 * axes, 2 * axes"]  # positions first
    observation_noise_std: Annotated[Floats, "rows, 3"]
    position_noise: Annotated[Floats, "rows, 3"]
    velocity_noise: Annotated[Floats, "rows, 3"]
