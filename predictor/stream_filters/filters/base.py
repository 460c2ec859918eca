"""What a filter is: a declaration, and a pure function over plain NumPy records."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Array = NDArray[Any]
Floats = NDArray[np.float64]
Datatype = Literal["FP64", "INT64"]

TIME = "T"
HORIZON = "h"

_UNSAID: Floats = np.empty(0)


def _unsaid() -> Floats:
    """The scales of a batch that was made without any: `Batch` puts ones in their place."""
    return _UNSAID


class FilterConfig(BaseModel):
    """Settings that every filter has; a filter's own config extends it.

    Instances are immutable, refuse unknown keys and never hold Inf or NaN.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    interval: float = Field(
        default=0.9,
        gt=0.0,
        lt=1.0,
        description="probability inside every reported interval and band",
    )


ConfigT = TypeVar("ConfigT", bound=FilterConfig)


@dataclass(frozen=True, slots=True)
class Tensor:
    """One named output: its wire type, its shape and what it holds.

    `shape` mixes fixed sizes with the symbols "T" (rows of the request) and "h" (forecast steps).
    `on_horizon` marks outputs that exist only when a forecast is asked for.
    """

    name: str
    shape: tuple[int | str, ...]
    description: str
    unit: str = ""
    datatype: Datatype = "FP64"
    default: bool = False
    on_horizon: bool = False

    @property
    def wire_shape(self) -> tuple[int, ...]:
        """The shape with -1 for every size that a request decides."""
        return tuple(-1 if isinstance(size, str) else size for size in self.shape)


@dataclass(frozen=True, slots=True)
class Batch:
    """The next rows of one stream.

    observations: [T, D], oldest first; NaN = missing.
    time_deltas: [T], time since the previous observation, > 0.
    observation_scales: [T], > 0, the standard deviation of a row's noise over the usual one: R_t = R s_t².
    """

    observations: Floats
    time_deltas: Floats
    observation_scales: Floats = field(default_factory=_unsaid)

    def __post_init__(self) -> None:
        if self.observation_scales is _UNSAID:
            object.__setattr__(self, "observation_scales", np.ones(len(self.observations)))

    def part(self, first: int, last: int) -> "Batch":
        """The rows from `first` up to `last`."""
        rows = slice(first, last)
        return Batch(self.observations[rows], self.time_deltas[rows], self.observation_scales[rows])


@dataclass(frozen=True, slots=True)
class Step:
    """What a run gives: `state` is carried to the next run, `info` is only worth reporting.

    info: output name -> array of the declared shape.
    """

    state: Array
    info: Mapping[str, Array] = field(default_factory=dict)


class Filter(ABC, Generic[ConfigT]):
    """An online Bayesian filter bound to one configuration.

    A state is a zero-dimensional structured array of `state_dtype`; its bytes are all that there is to save.
    `run` and `forecast` never change their arguments, hold no memory of earlier calls, and give bit-equal
    states and outputs however a stream is cut into runs.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    schema_version: ClassVar[int]
    config_type: ClassVar[type[FilterConfig]]
    takes_time_deltas: ClassVar[bool] = False
    # whether `Batch.observation_scales` is honoured; ignored otherwise
    takes_observation_scales: ClassVar[bool] = False
    # whether y -> c y + d changes nothing but the unit of the answers; not so with priors in that unit
    unit_free: ClassVar[bool] = True

    def __init__(self, config: ConfigT) -> None:
        self.config = config
        self.config_json = config.model_dump_json()

    @property
    def dimension(self) -> int:
        """Size D of one observation."""
        return 1

    @property
    def time_unit_free(self) -> bool:
        """Whether time deltas t -> c t change nothing but the unit of the answers."""
        return True

    @property
    def nominal_time_delta(self) -> float:
        """Time between observations where a request gives none."""
        return 1.0

    @property
    @abstractmethod
    def state_dtype(self) -> np.dtype[np.void]:
        """Layout of one stream's state."""

    @property
    @abstractmethod
    def outputs(self) -> tuple[Tensor, ...]:
        """Every output that `run` and `forecast` can give, those common to all filters first."""

    @cached_property
    def declared(self) -> Mapping[str, Tensor]:
        """The outputs by name."""
        return {output.name: output for output in self.outputs}

    @cached_property
    def default_names(self) -> tuple[str, ...]:
        """The outputs that are sent when none is asked for, forecasts left out."""
        return tuple(output.name for output in self.outputs if output.default and not output.on_horizon)

    @cached_property
    def horizon_names(self) -> tuple[str, ...]:
        """The outputs that `forecast` gives."""
        return tuple(output.name for output in self.outputs if output.on_horizon)

    @abstractmethod
    def initial_state(self) -> Array:
        """The prior: a zero-dimensional array of `state_dtype`."""

    @abstractmethod
    def run(self, state: Array, batch: Batch, names: frozenset[str]) -> Step:
        """Filter T rows.

        names: the outputs to compute, none of them `on_horizon`.
        Returns the new state (a copy) and the outputs named. Rows that could not be scored yet hold NaN.
        """

    def run_many(self, states: Array, batch: Batch, bounds: NDArray[np.int64], names: frozenset[str]) -> Step:
        """Filter the rows of S streams, which stand one behind the other in the batch.

        states [S]: their states. bounds [S + 1]: the rows of stream s are those from bounds[s] up to bounds[s + 1].
        Returns the new states [S], and the outputs named of all rows.
        """
        steps = [
            self.run(state, batch.part(first, last), names)
            for state, (first, last) in zip(_each(states), itertools.pairwise(bounds.tolist()), strict=True)
        ]
        after = np.stack([step.state for step in steps])
        return Step(after, {name: np.concatenate([step.info[name] for step in steps]) for name in names})

    @abstractmethod
    def forecast(self, state: Array, horizon: int) -> Mapping[str, Array]:
        """The `on_horizon` outputs for steps 1..horizon after the last row, at the nominal time delta."""

    def upgrade(self, state: bytes, from_version: int) -> Array:
        """The state whose bytes the older schema `from_version` laid out, as a record of `state_dtype`.

        A filter that raises its schema_version overrides this to read the one before. Raises ValueError for versions
        that it can't read.
        """
        raise ValueError(f"{len(state)} bytes of schema version {from_version} cannot be read any more")

    def verify(self, state: Array) -> None:
        """Raise ValueError for a state that no run can have left.

        For states that come from outside: a checksum shows an accident, not an intent, and kernels trust the integers
        that they index by. A filter whose state holds such integers overrides this.
        """

    def warm_up(self) -> None:
        """Compile every kernel before the first request: one run of every output, and one forecast."""
        observations = np.linspace(0.0, 1.0, 16)[:, None] * np.ones(self.dimension)
        batch = Batch(observations, np.full(16, self.nominal_time_delta))
        names = frozenset(output.name for output in self.outputs if not output.on_horizon)
        self.forecast(self.run(self.initial_state(), batch, names).state, 2)


class FilterOfMany(Filter[ConfigT]):
    """A filter that takes many streams in one call; of one stream it is the same call."""

    @abstractmethod
    def run_many(self, states: Array, batch: Batch, bounds: NDArray[np.int64], names: frozenset[str]) -> Step:
        """Filter the rows of S streams; see `Filter.run_many`."""

    def run(self, state: Array, batch: Batch, names: frozenset[str]) -> Step:
        """Filter T rows of one stream."""
        step = self.run_many(state.reshape(1), batch, _bounds_of_one(len(batch.observations)), names)
        return Step(step.state.reshape(()), step.info)


@lru_cache(maxsize=64)
def _bounds_of_one(rows: int) -> NDArray[np.int64]:
    """The bounds of one stream of so many rows."""
    return np.array((0, rows), np.int64)


def _each(states: Array) -> Iterator[Array]:
    """The states [S] one by one, as zero-dimensional arrays."""
    return (states[index : index + 1].reshape(()) for index in range(len(states)))


def common_outputs(dimension: int) -> tuple[Tensor, ...]:
    """The outputs that every filter declares, for observations of `dimension` D."""
    axes: tuple[int, ...] = () if dimension == 1 else (dimension,)
    per_row: tuple[int | str, ...] = (TIME, *axes)
    per_step: tuple[int | str, ...] = (HORIZON, *axes)
    unit = "unit of the observations"
    return (
        Tensor("predictive_mean", per_row, "mean of the one-step-ahead predictive", unit, default=True),
        Tensor("predictive_std", per_row, "standard deviation of the one-step-ahead predictive", unit, default=True),
        Tensor(
            "predictive_interval",
            (*per_row, 2),
            "lower and upper end of the central interval of the full predictive mixture",
            unit,
            default=True,
        ),
        Tensor("log_evidence", (TIME,), "log predictive density of the observation", "nats", default=True),
        Tensor("pit", per_row, "predictive CDF at the observation, uniform when calibrated", "probability"),
        Tensor(
            "outlier_probability",
            (TIME,),
            "posterior probability that this observation was an outlier",
            "probability",
        ),
        Tensor("forecast_mean", per_step, "mean of the h-step forecast", unit, default=True, on_horizon=True),
        Tensor(
            "forecast_std", per_step, "standard deviation of the h-step forecast", unit, default=True, on_horizon=True
        ),
        Tensor(
            "forecast_interval",
            (*per_step, 2),
            "lower and upper end of the central interval of the h-step forecast",
            unit,
            default=True,
            on_horizon=True,
        ),
    )
