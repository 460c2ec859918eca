"""streaming_kalman: position and velocity from noisy positions, all noise learnt.

Exact Bayes on small moving grids over two noise ratios with the noise scale integrated out: a bank of Kalman filters
with Student-t predictives, weighted by their evidence, averaged over models that differ in what they assume.

The default average is the smallest that does well on clean data, outliers and jumps of the noise alike, measured on
200 streams beside a Kalman filter that is told every covariance:

    7 x 7  plain                 the exact answer on clean data: its gap to the truth is the theoretical 3 / (2n)
    5 x 5  robust                5 % outliers of ten deviations: position RMSE 0.54 of a filter told the clean noise,
                                 instead of 0.90; a coarse grid is enough, RMSE 1.010 against 1.008 at 200 to 500
    5      no position noise     a target without any: the plain grid's bands of the position are too narrow there
    5, 1   no velocity           a level that wanders, or stands: RMSE 1.1 times that of a filter made for it, not 5
    5 x 5  memory 200            noise that becomes 16 times as large: gap of the next 400 rows -0.01 instead of -0.5
    5      memory 50             the same, sooner; so few rows cannot tell position noise apart

Together they cost less than 0.002 nats per observation on clean data. The fixed share is 1e-4: at 5e-4 a target that
stands is followed too readily, and jumps are noticed no sooner. The member without position noise gets none of it: it
is a special case of the others, and coming back by a lucky stretch would put the median of `position_noise` to 0. The
short memories start eight observations late, so that first values far from the rest cannot mislead every member.
"""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from stream_filters.filters.base import TIME, Array, Batch, FilterConfig, FilterOfMany, Step, Tensor, common_outputs
from stream_filters.filters.kalman.outputs import (
    INNOVATIONS,
    PREDICTIVE,
    add_innovations,
    join_reports,
    report_room,
)
from stream_filters.filters.kalman.records import Bank, Member, Sizes
from stream_filters.filters.kalman.rows import Parts, begin_group, filter_streams
from stream_filters.filters.kalman.verification import verify_state
from stream_filters.filters.kalman.views import BANK, SCRATCH, STATE
from stream_filters.filters.numerics.declarations import Integers
from stream_filters.filters.numerics.workspace import PerThread

_LN10 = float(np.log(10.0))
# Prior weight of a level that wanders, and of one that stands: more would narrow far forecasts of what moves.
WANDERING, STANDING = 0.02, 0.003
# Observations from which on a forgetting member has position noise of its own.
LONG_MEMORY = 100.0
Choice = Literal["average", "always", "never"]


class StreamingKalmanConfig(FilterConfig):
    """Settings of `streaming_kalman`. The defaults suit most streams; set `time_delta` and `dimension`."""

    dimension: int = Field(default=1, ge=1, le=3, description="axes of one observation")
    noise: Literal["per_axis", "shared"] = Field(
        default="per_axis",
        description="per_axis: each axis learns its own noise and may be missing alone; "
        "shared: one noise for all axes, a row with any NaN is missing",
    )
    process: Literal["ct", "diag"] = Field(
        default="ct",
        description="ct: white acceleration in continuous time, right for irregular steps; "
        "diag: independent steps of position and velocity",
    )
    time_delta: float | None = Field(
        default=None,
        ge=1e-12,
        le=1e12,
        description="nominal time between observations, in which settings are counted; null: the median of the first "
        "ones. 1e-9 to 1e9 of it are told apart",
    )
    position_noise: Choice = Field(
        default="average", description="whether the position has noise of its own, beside that of the velocity"
    )
    robust: Choice = Field(
        default="average", description="whether observations may be outliers or gross errors, and the target may jump"
    )
    standing: Literal["average", "never"] = Field(
        default="average", description="whether the target may have no velocity: a level that wanders, or stands"
    )
    memories: tuple[Annotated[float, Field(ge=10.0, le=1e6)], ...] = Field(
        default=(200.0, 50.0),
        max_length=4,
        description="observations that a forgetting member remembers, one member each; none: noise never changes",
    )
    memory: float | None = Field(
        default=None, ge=10.0, le=1e9, description="observations that the main members remember; null: all"
    )
    grid_size: Literal[5, 7, 9, 11] = Field(default=7, description="grid points per unknown noise ratio")
    outlier_share: float = Field(default=0.02, gt=0.0, le=0.5, description="prior probability of an outlier")
    outlier_scale: float = Field(
        default=10.0, ge=1.5, le=1e3, description="standard deviation of an outlier in those of the noise"
    )
    agility_mean: float = Field(
        default=-1.0,
        ge=-20.0,
        le=20.0,
        description="prior mean of log10 of velocity noise x time_delta^3 / (observation noise + position noise)",
    )
    agility_std: float = Field(default=1.5, ge=0.1, le=10.0, description="prior standard deviation of the same")
    switching: float = Field(
        default=1e-4, ge=0.0, le=0.5, description="prior probability at each observation that another member is best"
    )

    def members(self) -> tuple[Member, ...]:
        """The models that are averaged."""
        memory = math.inf if self.memory is None else self.memory
        axes = 1 if self.position_noise == "never" else 2
        only_robust = self.robust == "always"
        members = []
        if not only_robust:
            members.append(Member(axes, self.grid_size, memory, robust=False, share=0.6))
        if self.robust != "never":
            members.append(Member(axes, self.grid_size if only_robust else 5, memory, robust=True, share=0.2))
        if self.position_noise == "average":
            members.append(Member(1, 5, memory, robust=only_robust, share=0.1, returns=False))
        if self.standing == "average":
            if self.position_noise != "never":
                members.append(Member(1, 5, memory, robust=only_robust, share=WANDERING, moves=False))
            members.append(Member(0, 1, memory, robust=only_robust, share=STANDING, moves=False))
        fading = (self._fading(length, axes, robust=only_robust) for length in self.memories)
        return (*members, *fading)

    def _fading(self, memory: float, axes: int, *, robust: bool) -> Member:
        """A member that forgets; one that remembers little cannot tell position noise apart."""
        return Member(axes if memory >= LONG_MEMORY else 1, 5, memory, robust=robust, delay=8, share=0.05)


class StreamingKalman(FilterOfMany[StreamingKalmanConfig]):
    """A constant-velocity Kalman filter that learns its noise."""

    name: ClassVar[str] = "streaming_kalman"
    description: ClassVar[str] = "position and velocity from noisy positions; observation and process noise are learnt"
    schema_version: ClassVar[int] = 2
    config_type: ClassVar[type[FilterConfig]] = StreamingKalmanConfig
    takes_time_deltas: ClassVar[bool] = True
    takes_observation_scales: ClassVar[bool] = True

    def __init__(self, config: StreamingKalmanConfig) -> None:
        super().__init__(config)
        self.members = config.members()
        shared = config.noise == "shared"
        self._groups, self._axes = (1, config.dimension) if shared else (config.dimension, 1)
        nodes = sum(member.size for member in self.members)
        sizes = Sizes(self._groups, nodes, len(self.members), self._axes)
        # a plain tuple takes a fifth of the time to hand over
        self._sizes = tuple(sizes)
        self._dtype = STATE.dtype(sizes)
        self._bank = BANK.pack(self._build_bank(), sizes)
        self._scratch = PerThread(lambda: SCRATCH.zeros(sizes))
        self._room = report_room(self.declared, sizes)

    def _build_bank(self) -> Bank:
        config, members = self.config, self.members
        shares = np.array([member.share for member in members])
        returning = np.array([member.share * member.returns for member in members])
        steps = np.concatenate([member.steps() for member in members])
        return Bank(
            first=np.cumsum([0, *(member.size for member in members)], dtype=np.uint64),
            across=steps[:, 0],
            along=steps[:, 1],
            nodes=np.array([member.nodes for member in members], np.int64),
            axes=np.array([member.axes for member in members], np.int64),
            moves=np.array([int(member.moves) for member in members], np.int64),
            delay=np.array([member.delay for member in members], np.int64),
            keep=np.array([1.0 - 1.0 / member.memory for member in members]),
            base=shares / shares.sum(),
            dealt=returning / returning.sum(),
            outlier_share=np.array([config.outlier_share if member.robust else 0.0 for member in members]),
            outlier_variance=config.outlier_scale**2,
            prior=np.array([config.agility_mean, config.agility_std]) * _LN10,
            share=config.switching,
            continuous=config.process == "ct",
            doubts=config.robust != "never",
            time_delta=config.time_delta or 0.0,
            quantiles=np.array([0.5 - 0.5 * config.interval, 0.5 + 0.5 * config.interval, 0.5]),
        )

    @property
    def dimension(self) -> int:
        """Axes of one observation."""
        return self.config.dimension

    @property
    def time_unit_free(self) -> bool:
        """Not where `time_delta` says in which unit the settings count."""
        return self.config.time_delta is None

    @property
    def nominal_time_delta(self) -> float:
        """The configured `time_delta`, 1 where there is none."""
        return self.config.time_delta or 1.0

    @property
    def state_dtype(self) -> np.dtype[np.void]:
        """Fields of `Belief`, each with a leading size for axes that are independent of each other."""
        return self._dtype

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The common outputs, then position, velocity and noise."""
        d, members = self.config.dimension, len(self.members)
        length, speed = "unit of the observations", "unit of the observations per unit of time"
        return (
            *common_outputs(d),
            Tensor("model_weights", (TIME, members), "weights of the averaged models, mean over axes", "probability"),
            Tensor("position_mean", (TIME, d), "filtered position", length, default=True),
            Tensor("position_std", (TIME, d), "standard deviation of the position", length, default=True),
            Tensor("velocity_mean", (TIME, d), "filtered velocity", speed, default=True),
            Tensor("velocity_std", (TIME, d), "standard deviation of the velocity", speed, default=True),
            Tensor("state_cov", (TIME, 2 * d, 2 * d), "filtered covariance, all positions before all velocities"),
            Tensor(
                "observation_noise_std",
                (TIME, d, 3),
                "median, lower and upper end of the observation noise's standard deviation",
                length,
                default=True,
            ),
            Tensor("position_noise", (TIME, d, 3), "the same for the variance q_pos per unit time"),
            Tensor("velocity_noise", (TIME, d, 3), "the same for the variance q_vel per unit time"),
            Tensor("innovation", (TIME, d), "observation minus predictive mean", length),
            Tensor("nis", (TIME,), "squared innovations over predictive variances, summed over axes"),
        )

    def initial_state(self) -> Array:
        """The prior: nothing observed, every grid as wide as its prior."""
        state = np.zeros((), self._dtype)
        parts = Parts(self._bank, self._scratch.value, np.ndarray((1, state.nbytes // 8), np.float64, state))
        for group in range(self._groups):
            begin_group(parts, self._sizes, group)
        return state

    def run_many(self, states: Array, batch: Batch, bounds: Integers, names: frozenset[str]) -> Step:
        """Filter R rows; a time delta is the time since the row before, of a stream's first row it is not used."""
        needed = names if names.isdisjoint(INNOVATIONS) else names | PREDICTIVE
        plan = self._room.plan(len(batch.observations), needed)
        # Copies: a read-only array would be another type, and have the kernel compiled again.
        words = np.frombuffer(states, np.float64).reshape(len(states), -1).copy()
        observations = np.array(batch.observations, np.float64, order="C")
        deltas = np.array(batch.time_deltas, np.float64, order="C")
        scales = np.array(batch.observation_scales, np.float64, order="C")
        buffers = np.empty((self._groups, plan.size))
        parts = Parts(self._bank, self._scratch.value, words)
        filter_streams((observations, deltas, scales), bounds, parts, (buffers, plan.starts), self._sizes)
        reports = [plan.arrays(buffer) for buffer in buffers]
        info = reports[0] if self.dimension == 1 else join_reports(reports, needed, self._axes)
        if needed is not names:
            add_innovations(info, batch.observations)
            info = {name: info[name] for name in names}
        return Step(np.ndarray(len(states), self._dtype, words), info)

    def verify(self, state: Array) -> None:
        """Raise ValueError for a state that no run can have left."""
        verify_state(state, self.members, (self.config.agility_mean * _LN10, self.config.agility_std * _LN10))

    def forecast(self, state: Array, horizon: int) -> Mapping[str, Array]:
        """The predictive of steps 1..horizon: rows without observations at the nominal step, which may be learnt."""
        step = float(state["step"].max())
        missing = np.full((horizon, self.dimension), np.nan)
        batch = Batch(missing, np.full(horizon, step if step > 0.0 else self.nominal_time_delta))
        names = {f"forecast_{what}": f"predictive_{what}" for what in ("mean", "std", "interval")}
        info = self.run(state, batch, frozenset(names.values())).info
        return {name: info[source] for name, source in names.items()}
