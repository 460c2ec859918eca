"""Which of several recurring regimes a stream is in, when it changes, and what each regime is like."""

from collections.abc import Mapping
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from stream_filters.filters.base import TIME, Array, Batch, FilterConfig, FilterOfMany, Step, Tensor, common_outputs
from stream_filters.filters.numerics.declarations import Integers
from stream_filters.filters.numerics.workspace import PerThread, ReportRoom
from stream_filters.filters.regimes.records import (
    Settings,
    Sizes,
)
from stream_filters.filters.regimes.report import REPORT
from stream_filters.filters.regimes.rows import Readings, begin_stream, filter_streams, forecast_rows
from stream_filters.filters.regimes.soundness import check_state
from stream_filters.filters.regimes.views import SCRATCH, SETTINGS, STATE, Parts

Drift = Literal["none", "trend", "average"]
# A regime that drifts has to show it: most do not.
_DRIFTING = {"none": 0.0, "trend": 1.0, "average": 0.1}


class AdaptiveMixtureConfig(FilterConfig):
    """Settings of `adaptive_mixture`."""

    regimes: int = Field(default=3, ge=1, le=8, description="how many regimes are told apart; more replace the oldest")
    hypotheses: int = Field(default=16, ge=2, le=512, description="how many explanations of the stream are kept")
    drift: Drift = Field(
        default="average",
        description="how a regime's level moves: not at all, along a trend, or as each regime's evidence says",
    )
    dwell: float = Field(default=50.0, gt=1.0, le=1e9, description="expected observations from change to change")
    dwell_strength: float = Field(
        default=100.0, gt=0.0, le=1e15, description="how many observations that expectation is worth"
    )
    dwell_sharing: float = Field(
        default=300.0,
        gt=0.0,
        le=1e15,
        description="how many observations of one regime the rate of change over all regimes is worth",
    )
    reuse: bool = Field(
        default=True, description="regimes come back; if not, every change begins a regime never seen before"
    )
    base_mean: float | None = Field(
        default=None, description="where new regimes are expected; none: learnt from the stream"
    )
    base_std: float | None = Field(
        default=None, gt=0.0, description="standard deviation of the stream over all regimes; none: learnt"
    )
    level_strength: float = Field(
        default=0.05, ge=1e-6, le=1e6, description="how many observations a new regime's expected level is worth"
    )
    variance_shape: float = Field(
        default=2.0, ge=1.05, le=1e3, description="shape of the inverse gamma prior of a regime's variance"
    )
    variance_fraction: float = Field(
        default=0.35, ge=1e-6, le=1e3, description="a new regime's variance as a share of the stream's"
    )
    slope_std: float = Field(
        default=0.02, gt=0.0, le=10.0, description="expected size of trends, in standard deviations per observation"
    )
    memory: float = Field(default=1000.0, ge=10.0, le=1e9, description="observations that a regime's estimates rest on")
    base_memory: float = Field(
        default=500.0, ge=10.0, le=1e9, description="observations that the expectation of new regimes rests on"
    )
    recycle: float = Field(
        default=1e-3, ge=0.0, le=0.5, description="share of the changes that need a new regime when all are in use"
    )
    outlier_rate: float = Field(
        default=5e-4, ge=0.0, le=0.2, description="expected share of outliers, refined as they come; 0 = there are none"
    )
    outlier_strength: float = Field(
        default=300.0, gt=0.0, le=1e15, description="how many observations that expectation is worth"
    )
    restless: float = Field(
        default=0.5, ge=0.0, le=0.9, description="prior probability that the regime has no memory at all"
    )
    noise_memory: float = Field(
        default=0.1, ge=0.0, le=0.9, description="prior probability that noise is correlated from row to row"
    )
    announce: float = Field(
        default=0.8, ge=0.0, le=1.0, description="probability from which another regime is announced"
    )
    recent: int = Field(default=5, ge=1, le=10_000, description="observations that count as recent for changes")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.base_mean is None) != (self.base_std is None):
            raise ValueError("base_mean and base_std belong together: give both or neither")
        if not self.reuse and self.regimes < 2:
            raise ValueError("reuse = false needs regimes >= 2: the one left and the one reached")
        return self


class AdaptiveMixture(FilterOfMany[AdaptiveMixtureConfig]):
    """Online changepoints with regimes that are met again.

    Weighted hypotheses about the current regime, its age, all regimes' normal-inverse-gamma posteriors and their
    transition counts (Adams & MacKay 2007, with pruning as in Fearnhead & Liu 2007). The first ten observations set
    the stream's scale and are not scored, unless `base_mean` and `base_std` are given.
    """

    name = "adaptive_mixture"
    description = "Detects changes between recurring regimes and learns each regime's mean, spread and trend."
    schema_version = 2
    takes_observation_scales = True
    config_type = AdaptiveMixtureConfig

    def __init__(self, config: AdaptiveMixtureConfig) -> None:
        super().__init__(config)
        known = config.base_mean is not None
        settings = Settings(
            dwell=config.dwell,
            dwell_strength=config.dwell_strength,
            dwell_sharing=config.dwell_sharing,
            reuse=config.reuse,
            level_strength=config.level_strength,
            variance_shape=config.variance_shape,
            variance_fraction=config.variance_fraction,
            slope_var=config.slope_std**2,
            drifting=_DRIFTING[config.drift],
            memory=config.memory,
            base_memory=config.base_memory,
            recycle=config.recycle if config.reuse else 1.0,
            outlier_rate=config.outlier_rate,
            outlier_strength=config.outlier_strength,
            fixed=known,
            restless=0.0 if known or not config.reuse or config.regimes == 1 else config.restless,
            noise_memory=0.0 if known else config.noise_memory,
            announce=config.announce,
            recent=config.recent,
            tail=0.5 * (1.0 - config.interval),
        )
        sizes = Sizes(config.hypotheses, config.regimes, len(self._variants))
        # a plain tuple takes a fifth of the time to hand over
        self._sizes = tuple(sizes)
        self._settings = SETTINGS.pack(settings, sizes)
        self._state_dtype = STATE.dtype(sizes)
        self._scratch = PerThread(lambda: SCRATCH.zeros(sizes))
        self._room = ReportRoom(REPORT.row_shapes(sizes), REPORT.whole())

    @property
    def _variants(self) -> tuple[str, ...]:
        """What the level of a regime may be, each weighed by its evidence."""
        return ("constant", "drifting") if self.config.drift == "average" else (self.config.drift,)

    @property
    def state_dtype(self) -> np.dtype[np.void]:
        """Layout of one stream's belief; 7.4 kB by default."""
        return self._state_dtype

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Every output; per regime in the order of the announced labels."""
        k = self.config.regimes
        unit = "unit of the observations"
        own = (
            Tensor(
                "model_weights",
                (TIME, len(self._variants)),
                "probability that the regime is constant, drifting",
                "probability",
            ),
            Tensor("regime", (TIME,), "announced regime, from 0, with stable labels", datatype="INT64", default=True),
            Tensor("regime_probabilities", (TIME, k), "probability of each regime", "probability", default=True),
            Tensor(
                "change_probability",
                (TIME,),
                "probability that the regime changed at this observation",
                "probability",
                default=True,
            ),
            Tensor(
                "recent_change_probability",
                (TIME,),
                f"probability that the regime changed at one of the last {self.config.recent} observations",
                "probability",
            ),
            Tensor("run_length", (TIME,), "most probable number of rows since the last change", "rows"),
            Tensor("active_regimes", (TIME,), "regimes met so far, in the likeliest explanation"),
            Tensor("regime_means", (TIME, k), "level of each regime; NaN before it was met", unit, default=True),
            Tensor("regime_stds", (TIME, k), "spread of each regime; NaN before it was met", unit, default=True),
            Tensor("regime_weights", (TIME, k), "long-run share of each regime", "probability"),
            Tensor("transition_matrix", (TIME, k, k), "probability of each regime (column) after each", "probability"),
        )
        return (*common_outputs(1), *own)

    def initial_state(self) -> Array:
        """Nothing observed, or the base measure where the configuration gives one."""
        parts, state = self._parts(np.zeros((), self._state_dtype))
        if self.config.base_mean is not None:
            state["units"] = (self.config.base_mean, self.config.base_std, 0.0, 1.0, np.inf)
            begin_stream(parts, self._sizes)
        return state

    def _parts(self, state: Array) -> tuple[Parts, Array]:
        """What kernels work with, on a copy of the state, and that copy."""
        # A read-only array would be another type, and have the kernels compiled again.
        words = np.frombuffer(state).copy()
        return Parts(self._settings, self._scratch.value, words), np.ndarray((), self._state_dtype, words)

    def verify(self, state: Array) -> None:
        """Raise ValueError unless every count, label and place is one that there is, and every number can be."""
        check_state(state, self.config.regimes, fixed=self.config.base_mean is not None)

    def run_many(self, states: Array, batch: Batch, bounds: Integers, names: frozenset[str]) -> Step:
        """Filter R rows; see `Filter.run_many`."""
        readings = Readings(batch.observations[:, 0].copy(), np.array(batch.observation_scales, np.float64))
        plan = self._room.plan(batch.observations.shape[0], names)
        buffer = plan.new_buffer()
        # A read-only array would be another type, and have the kernels compiled again.
        words = np.frombuffer(states).reshape(len(states), -1).copy()
        parts = Parts(self._settings, self._scratch.value, words[0])
        filter_streams(readings, bounds, words, parts, (buffer, plan.starts), self._sizes)
        return Step(np.ndarray(len(states), self._state_dtype, words), plan.arrays(buffer))

    def forecast(self, state: Array, horizon: int) -> Mapping[str, Array]:
        """Forecast through the transition matrix; NaN before the warm-up is complete."""
        out = np.full((horizon, 4), np.nan)
        forecast_rows(out, self._parts(state)[0], self._sizes)
        return {
            "forecast_mean": out[:, 0].copy(),
            "forecast_std": out[:, 1].copy(),
            "forecast_interval": out[:, 2:].copy(),
        }
