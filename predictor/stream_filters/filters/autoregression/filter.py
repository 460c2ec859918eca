"""online_ar_learning: a time-varying autoregression of unknown drift and noise, learnt observation by observation."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from stream_filters.filters.autoregression.config import Config, grid_of, sizes_of
from stream_filters.filters.autoregression.forecast import CLOUD, cloud, forecast_rows
from stream_filters.filters.autoregression.outputs import Outputs
from stream_filters.filters.autoregression.records import NO_WEIGHT
from stream_filters.filters.autoregression.rows import begin_rows, filter_rows, filter_streams
from stream_filters.filters.autoregression.views import GRID, SCRATCH, STATE, Parts
from stream_filters.filters.autoregression.warm_up import Start, begin, remember
from stream_filters.filters.base import (
    TIME,
    Array,
    Batch,
    FilterConfig,
    FilterOfMany,
    Floats,
    Step,
    Tensor,
    common_outputs,
)
from stream_filters.filters.numerics.declarations import Integers
from stream_filters.filters.numerics.workspace import PerThread, ReportRoom


class OnlineArLearning(FilterOfMany[Config]):
    """Autoregression of order p whose intercept, coefficients and noise variance are learnt, and may drift.

    The default grid has 3 level drifts x 4 coefficient drifts x 2 noise memories and a restart for each of three
    variants: 75 nodes, 4.4 kB at p = 1. Measured on 200 streams beside a filter that is told the drift: a fastest level
    drift of 3e-2 instead of 1e-2 takes the intercept's error from 1.23 to 1.49 of that filter's, where a coefficient
    near 1 leaves the level free to wander; mixing and restarts take what a break costs from 31 nats to 23; a weight
    memory of 600 covers coefficients 1 % more often, and costs 0.0004 nats on constant parameters. Bands and intervals
    join nodes lighter than 1 % and are exact to a thousandth of their standard deviation.
    """

    name: ClassVar[str] = "online_ar_learning"
    description: ClassVar[str] = "time-varying autoregression of unknown drift and noise"
    schema_version: ClassVar[int] = 1
    config_type: ClassVar[type[FilterConfig]] = Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.grid = grid_of(config)
        self._sizes = sizes_of(config)
        self._dtype = STATE.dtype(self._sizes)
        self._grid = GRID.pack(self.grid, self._sizes)
        self._scratch = PerThread(lambda: SCRATCH.zeros(self._sizes))
        self._points = cloud(1, config.order + 1)[0]
        shapes = {output.name: output.wire_shape[1:] for output in self.outputs if not output.on_horizon}
        self._room = ReportRoom({name: shapes[name] for name in Outputs._fields})

    @property
    def state_dtype(self) -> np.dtype[np.void]:
        """Layout of one stream's state."""
        return self._dtype

    @property
    def _wanted(self) -> int:
        """Finite values that a warm-up wants."""
        return self.config.order + 4

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Every output: the common ones, then the autoregression's own."""
        p, unit = self.config.order, "unit of the observations"
        return (
            *common_outputs(1),
            Tensor(
                "model_weights", (TIME, len(self.config.variants)), "weights of the averaged variants", "probability"
            ),
            Tensor("intercept", (TIME, 3), "median, lower and upper end of the intercept", unit, default=True),
            Tensor("coefficients", (TIME, p, 3), "median, lower and upper end of each coefficient", default=True),
            Tensor("noise_std", (TIME, 3), "median, lower and upper end of the noise's std", unit, default=True),
            Tensor(
                "stationary_probability", (TIME,), "probability that the autoregression is stationary", "probability"
            ),
            Tensor("drift_rate", (TIME,), "root mean squared change of a coefficient per observation"),
            Tensor(
                "effective_memory", (TIME,), "observations in the window that forgets as fast as drift", "observations"
            ),
        )

    def initial_state(self) -> Array:
        """The prior: a stream without observations."""
        return np.zeros((), self._dtype)

    def verify(self, state: Array) -> None:
        """Raise ValueError unless the counts fit the warm-up."""
        if state["started"] not in (0, 1) or not 0 <= state["warm_count"] <= len(state["warm_values"]):
            raise ValueError("its counts are out of range")
        if state["absorbed"] < 0:
            raise ValueError("its count of observations is below 0")
        if self.config.window is not None:
            count, following = state["window_place"]
            if not 0 <= count <= self.config.window or not 0 <= following < self.config.window:
                raise ValueError("its window's places are out of range")

    def run_many(self, states: Array, batch: Batch, bounds: Integers, names: frozenset[str]) -> Step:
        """Filter R rows; outputs of the warm-up's rows, and of a stream that has not changed yet, are NaN.

        A stream whose unit changes by a factor of 1e60 begins again.
        """
        observations = batch.observations[:, 0].copy()
        plan = self._room.plan(observations.size, names)
        buffer = plan.new_buffer()
        out = (buffer, plan.starts, self._points)
        # A read-only array would be another type, and have the kernels compiled again.
        words = np.frombuffer(states).reshape(len(states), -1).copy()
        came_to = np.empty(len(states), np.int64)
        parts = Parts(self._grid, self._scratch.value, words[0])
        filter_streams(observations, bounds, words, parts, out, self._sizes, came_to)
        # of one stream without arrays: this is asked of every request
        alone = len(states) == 1
        for s in range(came_to.item() < observations.size) if alone else np.flatnonzero(came_to < bounds[1:]):
            self._go_on(observations[: bounds[s + 1]], int(came_to[s]), parts._replace(state=words[s]), out)
        return Step(np.ndarray(len(states), self._dtype, words), plan.arrays(buffer))

    def _go_on(self, observations: Floats, row: int, parts: Parts, out: tuple[Floats, Integers, Floats]) -> None:
        """Take one stream from `row` on to the last one: it has not started, or its unit has changed."""
        state = np.ndarray((), self._dtype, parts.state)
        while row < observations.size:
            if state["started"]:
                parts.state[:] = 0.0
            row += self._warm_up(parts, observations[row:])
            if row < observations.size:
                row = filter_rows(observations, row, observations.size, parts, out, self._sizes)

    def _parts(self, state: Array) -> tuple[Parts, Array]:
        """What kernels work with, on a copy of the state, and that copy."""
        # A read-only array would be another type, and have the kernels compiled again.
        words = np.frombuffer(state).copy()
        return Parts(self._grid, self._scratch.value, words), np.ndarray((), self._dtype, words)

    def forecast(self, state: Array, horizon: int) -> Mapping[str, Array]:
        """Forecasts for steps 1..horizon; NaN during the warm-up."""
        out = np.full((horizon, 4), np.nan)
        if state["started"]:
            deviates = cloud(horizon, self.config.order + 1)
            forecast_rows(deviates, self._parts(state)[0], CLOUD.zeros(self._sizes), out, self._sizes)
        return {
            "forecast_mean": out[:, 0].copy(),
            "forecast_std": out[:, 1].copy(),
            "forecast_interval": out[:, 2:].copy(),
        }

    def _warm_up(self, parts: Parts, observations: Floats) -> int:
        """Gather warm-up values, in place, and start when there are enough; returns the rows used."""
        state = np.ndarray((), self._dtype, parts.state)
        for row, value in enumerate(observations):
            if state["started"]:
                return row
            state["warm_count"] = remember(state["warm_values"], int(state["warm_count"]), value)
            start = begin(state["warm_values"][: int(state["warm_count"])], self._wanted)
            if start is not None:
                self._start(parts, state, start)
        return observations.size

    def _start(self, parts: Parts, state: Array, start: Start) -> None:
        """Set the prior in units of the warm-up's variance, and learn its values."""
        variance = start.noise_variance
        as_they_came = np.where(np.isnan(start.values), np.nan, state["warm_values"][: start.values.size])
        state["started"] = 1
        state["warm_count"] = 0
        state["warm_values"] = 0.0
        state["scales"] = start.centre, start.variance
        state["a"] = 0.5
        state["b"] = 0.5 * variance
        state["weight"] = self.grid.prior[self.grid.prior > NO_WEIGHT]
        state["mean"][:, 1] = self.config.prior_mean
        diagonal = np.cumsum([0, *range(self.config.order + 1, 1, -1)])
        state["cov"][:, diagonal[0]] = max(4.0, 2.0 * start.variance / variance)
        state["cov"][:, diagonal[1:]] = self.config.prior_std**2 / variance
        begin_rows(start.values if self.config.window is None else as_they_came, parts, self._sizes)
