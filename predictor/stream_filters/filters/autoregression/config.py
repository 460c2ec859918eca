"""What of an autoregression can be set, and the grid of nodes that follows from it."""

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from stream_filters.filters.autoregression.records import NO_WEIGHT, Grid, Sizes, stride
from stream_filters.filters.base import FilterConfig

_MAX_NODES = 512
# Share of all weight that returns to the prior at each observation.
_FLOOR = 5e-4
# A coefficient's jump, in standard deviations of its prior.
_COEFFICIENT_JUMP = 0.5
# Prior weight of a restart node beside that of a node without drift: what it weighs flows in by the jump rate.
_RESTART_PRIOR = 0.01
# Log prior of what cannot be.
_NEVER = -1e300
_OF_THE_GRID = (
    "models",
    "level_drift",
    "coefficient_drift",
    "centre_drift",
    "noise_memory",
    "level_penalty",
    "coefficient_penalty",
    "jump_rate",
    "weight_memory",
    "outlier_share",
    "outlier_variance",
    "gross_share",
    "origin_weight",
)


class Config(FilterConfig):
    """Settings of online_ar_learning."""

    order: int = Field(default=1, ge=1, le=12, description="order p: how many past observations predict the next")
    window: int | None = Field(
        default=None,
        ge=5,
        le=1000,
        description="rows of an exact regression that takes the place of the grid and the models; null = no window",
    )
    models: tuple[Literal["plain", "robust", "clean"], ...] = Field(
        default=("plain", "robust", "clean"),
        min_length=1,
        max_length=3,
        description="averaged variants: Gaussian noise; noise with outliers; and those outliers kept out of the lags",
    )
    level_drift: tuple[float, ...] = Field(
        default=(0.0, 1e-2, 1e-1),
        min_length=1,
        max_length=8,
        description="grid of drift variances of the mean level per observation, in units of the noise variance",
    )
    coefficient_drift: tuple[float, ...] = Field(
        default=(0.0, 3e-5, 3e-4, 3e-3),
        min_length=1,
        max_length=8,
        description="grid of drift variances of each coefficient per observation",
    )
    noise_memory: tuple[float | None, ...] = Field(
        default=(None, 50.0),
        min_length=1,
        max_length=4,
        description="grid of memories of the noise variance, in observations; null = it is constant",
    )
    centre_drift: tuple[float, ...] = Field(
        default=(3e-4, 3e-3),
        max_length=8,
        description="the same of drift about where the series is; coefficient_drift turns about where it began",
    )
    level_penalty: float = Field(
        default=0.7,
        ge=0.0,
        le=10.0,
        description="prior log odds against each step up in level_drift, and against a changing noise, nats",
    )
    coefficient_penalty: float = Field(
        default=0.7, ge=0.0, le=10.0, description="prior log odds against each step up in coefficient_drift, nats"
    )
    jump_rate: float = Field(
        default=2e-4,
        ge=0.0,
        le=0.1,
        description="prior probability at each observation that level and coefficients jump; 0 = they only drift",
    )
    weight_memory: float = Field(
        default=800.0, ge=10.0, le=1e9, description="memory of the evidence that weighs the grid, in observations"
    )
    prior_mean: float = Field(default=0.0, ge=-2.0, le=2.0, description="prior mean of the first coefficient")
    prior_std: float = Field(default=1.0, ge=1e-3, le=1e3, description="prior standard deviation of each coefficient")
    outlier_share: float = Field(default=0.02, ge=1e-6, le=0.5, description="prior probability of an outlier")
    outlier_variance: float = Field(
        default=100.0, ge=2.0, le=1e6, description="variance of an outlier, in units of the noise variance"
    )
    gross_share: float = Field(
        default=1e-4,
        ge=0.0,
        le=0.1,
        description="prior probability of a gross error, of any size, that teaches nothing; 0 = there are none",
    )
    origin_weight: float = Field(
        default=1.0,
        ge=0.0,
        le=100.0,
        description="prior weight of a near unit root without intercept, beside that of no drift; 0 = none",
    )

    @model_validator(mode="after")
    def _check_grid(self) -> "Config":
        if self.window is not None:
            self._check_window(self.window)
        if len(set(self.models)) < len(self.models):
            raise ValueError("models must not repeat")
        drifts = self.level_drift + self.coefficient_drift + self.centre_drift
        if min(drifts) < 0.0 or max(drifts) > 10.0:
            raise ValueError("drift variances must lie between 0 and 10")
        if any(memory is not None and not 2.0 <= memory <= 1e9 for memory in self.noise_memory):
            raise ValueError("noise_memory must lie between 2 and 1e9, or be null")
        nodes = _nodes_of_a_variant(self) * len(self.models)
        if nodes > _MAX_NODES:
            raise ValueError(f"the grids and models make {nodes} nodes, more than {_MAX_NODES}")
        return self

    def _check_window(self, window: int) -> None:
        if window < self.order + 4:
            raise ValueError(f"window must be at least order + 4, {self.order + 4}, not {window}")
        fields = type(self).model_fields
        unused = [name for name in _OF_THE_GRID if getattr(self, name) != fields[name].default]
        if unused:
            raise ValueError(f"window takes the place of the grid: leave out {', '.join(unused)}")

    @property
    def variants(self) -> tuple[str, ...]:
        """The models that are averaged; with a window there is one."""
        return self.models if self.window is None else ("plain",)

    @property
    def memories(self) -> tuple[float | None, ...]:
        """The memories of the noise variance; with a window it is constant."""
        return self.noise_memory if self.window is None else (None,)


def _nodes_of_a_variant(config: Config) -> int:
    """Drifting nodes, the restart and those without intercept."""
    drifts = len(config.level_drift) * len(config.coefficient_drift) + len(config.centre_drift)
    drifts += config.origin_weight > 0.0
    return drifts * len(config.noise_memory) + (config.jump_rate > 0.0)


def sizes_of(config: Config) -> Sizes:
    """The lengths that a configuration asks for."""
    nodes = 1 if config.window is not None else _nodes_of_a_variant(config)
    return Sizes(len(config.variants), nodes, config.order, len(config.memories), config.window or 0)


def grid_of(config: Config) -> Grid:
    """The nodes that a configuration asks for, and their prior: for each variant the drifting ones, then the others."""
    sizes = sizes_of(config)
    lanes = stride(sizes)
    level_drift, coefficient_drift, pivot, group, restarts, own, prior = (
        np.pad(column, (0, lanes - sizes.nodes), mode="edge") for column in np.array(_nodes(config), float).T
    )
    restarts[sizes.nodes :] = own[sizes.nodes :] = 0.0
    prior /= sizes.variants * prior[: sizes.nodes].sum()
    prior[sizes.nodes :] = NO_WEIGHT
    robust = np.array([model != "plain" for model in config.variants])
    real = np.tile(np.arange(lanes) < sizes.nodes, sizes.variants)
    outlier_share = np.repeat(np.where(robust, config.outlier_share, 0.0), lanes)
    retain = np.array([1.0 if memory is None else 1.0 - 1.0 / memory for memory in config.memories])
    of_weights = [1.0 - 1.0 / config.weight_memory, _FLOOR, config.outlier_share, config.outlier_variance]
    gross = config.gross_share if config.window is None else 0.0
    tail = 0.5 - 0.5 * config.interval
    return Grid(
        level_drift=np.tile(level_drift, sizes.variants),
        coefficient_drift=np.tile(coefficient_drift, sizes.variants),
        pivot=np.tile(pivot, sizes.variants),
        prior=np.tile(prior, sizes.variants),
        restarts=np.tile(restarts, sizes.variants),
        own=np.tile(own, sizes.variants),
        retain=np.tile(retain[group.astype(np.int64)], sizes.variants),
        outlier_share=outlier_share,
        narrow=np.where(real, np.log1p(-outlier_share), _NEVER),
        wide=np.where(real & (outlier_share > 0.0), math.log(config.outlier_share), _NEVER),
        group=np.tile(group.astype(np.uint64), sizes.variants),
        clean=np.array([float(model == "clean") for model in config.variants]),
        mass=np.full(sizes.variants, prior.sum()),
        settings=np.array([*of_weights, config.jump_rate, (_COEFFICIENT_JUMP * config.prior_std) ** 2, gross]),
        window_prior=np.array([config.prior_mean, config.prior_std]),
        ends=np.array([0.5, tail, 1.0 - tail]),
    )


def without_intercept(config: Config) -> NDArray[np.bool_]:
    """Which nodes [n] of a state have no intercept of their own."""
    own = grid_of(config).own.reshape(len(config.variants), -1)[:, : sizes_of(config).nodes]
    return np.asarray(own.ravel() > 0.0)


class _Node(NamedTuple):
    """One node of a variant; its prior is up to a constant. pivot: its drift turns about where the stream began."""

    level: float
    coefficient: float
    pivot: bool
    group: int
    restarts: bool
    own: bool
    prior: float


def _nodes(config: Config) -> list[_Node]:
    if config.window is not None:
        return [_Node(0.0, 0.0, False, 0, False, False, 1.0)]
    nodes = []
    steps = sorted(config.coefficient_drift)
    for i, level in enumerate(sorted(config.level_drift)):
        drifts = [(drift, True) for drift in steps]
        # where the level itself drifts, it does not matter what the coefficients turn about
        drifts += [(drift, False) for drift in config.centre_drift if i == 0]
        for coefficient, pivot in drifts:
            k = int(np.searchsorted(steps, coefficient))
            for g, memory in enumerate(config.memories):
                penalty = config.level_penalty * (i + (memory is not None)) + config.coefficient_penalty * k
                nodes.append(_Node(level, coefficient, pivot, g, False, False, math.exp(-penalty)))
    if config.jump_rate > 0.0:
        nodes.append(_Node(0.0, 0.0, False, 0, True, False, _RESTART_PRIOR))
    if config.origin_weight > 0.0:
        for g, memory in enumerate(config.memories):
            weight = config.origin_weight * math.exp(-config.level_penalty * (memory is not None))
            nodes.append(_Node(0.0, 0.0, False, g, False, True, weight))
    return nodes
