"""online_ar_learning: a time-varying autoregression of unknown drift and noise, learnt observation by observation."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from stream_filters.filters.autoregression import early
from stream_filters.filters.autoregression.config import Config, grid_of, sizes_of, without_intercept
from stream_filters.filters.autoregression.forecast import CLOUD, cloud, forecast_rows
from stream_filters.filters.autoregression.outputs import Outputs
from stream_filters.filters.autoregression.records import (
    AHEAD,
    CENTRE,
    LATEST,
    LEAD,
    NO_WEIGHT,
    ORIGIN,
    RIVAL_VARIANCE,
    ROWS_AHEAD,
    UNIT,
    longest_burst,
)
from stream_filters.filters.autoregression.rows import Out, begin_rows, filter_rows, filter_streams
from stream_filters.filters.autoregression.verification import verify
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

_NONE: Mapping[str, Array] = {}
# Prior variance of the intercept, in units of V.
_LEVEL_VARIANCE = 4.0
# Prior standard deviation of a coefficient about that of a random walk.
_NEAR_ONE = 0.2
# Nats by which a fresh start must beat what is known, at a new level.
_FRESH_MARGIN = 2.0


class OnlineArLearning(FilterOfMany[Config]):
    """Autoregression of order p whose intercept, coefficients and noise variance are learnt, and may drift.

    For each of three variants the default grid has 3 level drifts x 4 coefficient drifts, 2 drifts about where the
    series is and a node without intercept, each with 2 noise memories, and a restart: 31 nodes, all but four whole
    vectors. Bands and intervals join nodes lighter than 1 % and are exact to a thousandth of the bulk's scale.
    """

    name: ClassVar[str] = "online_ar_learning"
    description: ClassVar[str] = "time-varying autoregression of unknown drift and noise"
    schema_version: ClassVar[int] = 2
    config_type: ClassVar[type[FilterConfig]] = Config
    takes_observation_scales: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        # the regression on a window weighs all its rows alike
        self.takes_observation_scales = config.window is None  # type: ignore[misc]
        self.grid = grid_of(config)
        self._sizes = sizes_of(config)
        self._dtype = STATE.dtype(self._sizes)
        self._grid = GRID.pack(self.grid, self._sizes)
        self._without_intercept = without_intercept(config)
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
        """Raise ValueError for what no run can have left."""
        verify(state, self._sizes)

    def run_many(self, states: Array, batch: Batch, bounds: Integers, names: frozenset[str]) -> Step:
        """Filter R rows; outputs of the warm-up's rows are NaN, unless the stream is constant.

        A belief that a simple rival beats for long begins again, see `_begin_again`.
        """
        count = len(batch.observations)
        observations = batch.observations[:, 0].copy()
        noise = batch.observation_scales.copy() if self.takes_observation_scales else np.ones(count)
        plan = self._room.plan(count, names)
        buffer = plan.new_buffer()
        out, arrays = (buffer, plan.starts, self._points), plan.arrays(buffer)
        # A read-only array would be another type, and have the kernels compiled again.
        words = np.frombuffer(states).reshape(len(states), -1).copy()
        came_to = np.empty(len(states), np.int64)
        parts = Parts(self._grid, self._scratch.value, words[0])
        filter_streams((observations, noise), bounds, words, parts, out, self._sizes, came_to)
        # of one stream without arrays: this is asked of every request
        alone = len(states) == 1
        for s in range(came_to.item() < count) if alone else np.flatnonzero(came_to < bounds[1:]):
            rows = np.stack([observations, noise])[:, : bounds[s + 1]]
            row = int(came_to[s]) if came_to[s] >= 0 else -1 - int(came_to[s])
            self._go_on(rows, row, parts._replace(state=words[s]), out, arrays)
        return Step(np.ndarray(len(states), self._dtype, words), arrays)

    def _go_on(self, rows: Floats, row: int, parts: Parts, out: Out, arrays: Mapping[str, Array]) -> None:
        """Take one stream from `row` on to the last one: it has not started, or its belief is beaten."""
        state = np.ndarray((), self._dtype, parts.state)
        while True:
            if self._beaten(state):
                self._begin_again(state)
            if not state["started"]:
                own = {name: array[row:] for name, array in arrays.items()}
                row += self._warm_up(parts, rows[:, row:], own)
            if row == rows.shape[1]:
                return
            row = filter_rows((rows[0], rows[1]), row, rows.shape[1], parts, out, self._sizes)

    def _beaten(self, state: Array) -> bool:
        """Whether a simple rival has been ahead of the belief for longer than a burst of gross errors may last."""
        lead, rows = state["scales"][[LEAD, ROWS_AHEAD]]
        return bool(lead >= AHEAD and rows > longest_burst(self.config.order) and self.config.window is None)

    def _parts(self, state: Array) -> tuple[Parts, Array]:
        """What kernels work with, on a copy of the state, and that copy."""
        # A read-only array would be another type, and have the kernels compiled again.
        words = np.frombuffer(state).copy()
        return Parts(self._grid, self._scratch.value, words), np.ndarray((), self._dtype, words)

    def forecast(self, state: Array, horizon: int) -> Mapping[str, Array]:
        """Forecasts for steps 1..horizon; NaN during the warm-up, unless the stream is constant."""
        out = np.full((horizon, 4), np.nan)
        if state["started"]:
            deviates = cloud(horizon, self.config.order + 1)
            forecast_rows(deviates, self._parts(state)[0], CLOUD.zeros(self._sizes), out, self._sizes)
        else:
            after = early.guess(state["latest"][0, : int(state["warm_count"])], self._wanted)
            if after is not None:
                out = early.forecast(after, horizon, self.config.interval)
        return {
            "forecast_mean": out[:, 0].copy(),
            "forecast_std": out[:, 1].copy(),
            "forecast_interval": out[:, 2:].copy(),
        }

    def _warm_up(self, parts: Parts, rows: Floats, out: Mapping[str, Array]) -> int:
        """Gather warm-up values [2, T], in place, and start when there are enough; returns the rows used."""
        state = np.ndarray((), self._dtype, parts.state)
        gathered = state["latest"]
        row = 0
        while row < rows.shape[1] and not state["started"]:
            count = int(state["warm_count"])
            used = max(self._constant_run(gathered[0], count, rows[0, row:]), 1)
            came = rows[:, row : row + used]
            after = early.guess(gathered[0, :count], self._wanted)
            if after is not None:
                of_rows = {name: array[row : row + used] for name, array in out.items()}
                early.report(after, came[0], came[1], self.config.interval, of_rows)
            row += used
            if used > 1:
                gathered[1] = np.concatenate([gathered[1], came[1]])[-gathered.shape[1] :]
                continue
            state["warm_count"] = remember(gathered, count, came[:, 0])
            start = begin(gathered[0, : int(state["warm_count"])], self._wanted)
            if start is not None:
                self._start(parts, state, start)
        return row

    def _constant_run(self, values: Floats, count: int, coming: Floats) -> int:
        """How many values come that are all equal to everything gathered, where there is no room left."""
        if count < values.size or (values != values[0]).any():
            return 0
        others = np.flatnonzero(coming != values[0])
        return int(others[0]) if others.size else coming.size

    def _start(self, parts: Parts, state: Array, start: Start) -> None:
        """Set the prior in units of the warm-up's variance, and learn its values."""
        variance, count = start.noise_variance, int(state["warm_count"])
        gathered = state["latest"][:, :count].copy()
        noise = _usual_where_missing(gathered[1, count - start.values.size :])
        state["latest"] = np.array([[np.nan], [0.0]])
        state["latest"][:, state["latest"].shape[1] - count :] = gathered
        state["started"], state["warm_count"] = 1, 0
        last = start.values[np.isfinite(start.values)][-1]
        state["scales"] = start.centre, start.unit, start.variance, last, 2.0 * variance, 0.0, 0.0, 0.0
        state["a"] = 0.5
        state["b"] = 0.5 * variance
        state["weight"] = self.grid.prior[self.grid.prior > NO_WEIGHT]
        state["mean"] = 0.0
        state["mean"][:, 1] = self.config.prior_mean
        state["cov"] = 0.0
        diagonal = np.cumsum([0, *range(self.config.order + 1, 1, -1)])
        state["cov"][:, diagonal[1:]] = self.config.prior_std**2 / variance
        state["cov"][:, 0] = max(_LEVEL_VARIANCE, 2.0 * start.variance / variance)
        # A node without intercept expects all but a random walk from where the stream began.
        state["mean"][self._without_intercept, 1] = 1.0
        state["cov"][self._without_intercept[:, None] & (state["cov"] > 0.0)] = _NEAR_ONE**2 / variance
        state["cov"][self._without_intercept, 0] = 0.0
        as_they_came = start.values + start.centre / start.unit
        begin_rows(start.values if self.config.window is None else as_they_came, noise, parts, self._sizes)

    def _begin_again(self, state: Array) -> None:
        """Replace a belief that a simple rival has beaten, in place; the latest values decide by what.

        By what is known of coefficients and noise, at the level of the latest values; or by what these alone teach.
        While they are all equal the belief stays.
        """
        state["scales"][[LEAD, ROWS_AHEAD]] = 0.0
        rows = state["latest"].copy()
        rows[1] = _usual_where_missing(rows[1])
        finite = rows[0][np.isfinite(rows[0])]
        if np.unique(finite).size < 2:
            return
        half = rows.shape[1] // 2
        known = self._moved(state, finite)
        known_score = self._score(known, rows, half)
        fresh = self._gathered(rows[:, :half])
        if fresh["started"] and self._score(fresh, rows[:, half:], 0) > known_score + _FRESH_MARGIN:
            known = self._gathered(rows)
        state[...] = known

    def _moved(self, state: Array, values: Floats) -> Array:
        """A copy of the belief that has forgotten the level alone: it is that of the values, about which c is now."""
        moved = state.copy()
        centre = np.median(values)
        centred = (values - centre) / moved["scales"][UNIT]
        moved["scales"][[CENTRE, LATEST, RIVAL_VARIANCE, ORIGIN]] = centre, centred[0], 2.0 * np.var(centred), 0.0
        moved["lags"], moved["lag_variances"] = 0.0, np.var(centred)
        moved["mean"][:, 0] = 0.0
        moved["cov"][:, 1 : self.config.order + 1] = 0.0
        moved["cov"][:, 0] = np.where(self._without_intercept, 0.0, _LEVEL_VARIANCE)
        return moved

    def _gathered(self, rows: Floats) -> Array:
        """The state of a stream that begins with the rows [2, T]."""
        parts, state = self._parts(self.initial_state())
        self._warm_up(parts, rows, _NONE)
        return state

    def _score(self, state: Array, rows: Floats, since: int) -> float:
        """Log evidence, nats, of the rows [2, T] from `since` on; the state moves on, in place."""
        step = self.run(state, Batch(rows[0][:, None], np.ones(rows.shape[1]), rows[1]), frozenset({"log_evidence"}))
        state[...] = step.state
        return float(np.nansum(step.info["log_evidence"][since:]))


def _usual_where_missing(noise: Floats) -> Floats:
    """The scales of the noise, 1 where there is none because the value is missing."""
    return np.where(noise > 0.0, noise, 1.0)
