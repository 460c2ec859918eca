"""The smallest filter there can be: the mean of a stream with known noise of 1. Conjugate, so its answers are exact."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field
from stream_filters.filters.base import Array, Batch, Filter, FilterConfig, Step, Tensor, common_outputs


class RunningMeanConfig(FilterConfig):
    """prior_std: of the mean, whose prior is centred on 0."""

    prior_std: float = Field(default=10.0, ge=1e-6, le=1e6)


class RunningMean(Filter[RunningMeanConfig]):
    """mean | y_1..n ~ N(m, v), v = 1 / (1 / prior_std^2 + n), m = v sum(y)."""

    name = "running_mean"
    description = "the mean of a stream"
    schema_version = 1
    config_type = RunningMeanConfig
    unit_free = False

    @property
    def state_dtype(self) -> np.dtype[np.void]:
        return np.dtype([("precision", "<f8"), ("total", "<f8")])

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return (*common_outputs(1), Tensor("mean", ("T",), "posterior mean", default=True))

    def initial_state(self) -> Array:
        return np.array((1.0 / self.config.prior_std**2, 0.0), self.state_dtype)

    def verify(self, state: Array) -> None:
        if not (np.isfinite(state["total"]) and 0.0 < state["precision"] < np.inf):
            raise ValueError("its numbers are none of a mean")

    def run(self, state: Array, batch: Batch, names: frozenset[str]) -> Step:
        new = state.copy()
        info: dict[str, Any] = {name: np.full(self._shape(name, len(batch.observations)), np.nan) for name in names}
        for row, value in enumerate(batch.observations[:, 0]):
            mean, std = new["total"] / new["precision"], np.sqrt(1.0 + 1.0 / new["precision"])
            if "predictive_mean" in names:
                info["predictive_mean"][row] = mean
            if "predictive_std" in names:
                info["predictive_std"][row] = std
            if "log_evidence" in names:
                info["log_evidence"][row] = -0.5 * ((value - mean) / std) ** 2 - np.log(std * np.sqrt(2.0 * np.pi))
            if not np.isnan(value):
                new["precision"] += 1.0
                new["total"] += value
            if "mean" in names:
                info["mean"][row] = new["total"] / new["precision"]
        return Step(new, info)

    def forecast(self, state: Array, horizon: int) -> Mapping[str, Array]:
        mean = np.full(horizon, state["total"] / state["precision"])
        std = np.full(horizon, np.sqrt(1.0 + 1.0 / state["precision"]))
        return {
            "forecast_mean": mean,
            "forecast_std": std,
            "forecast_interval": mean[:, None] + 1.645 * std[:, None] * np.array([-1.0, 1.0]),
        }

    def _shape(self, name: str, rows: int) -> tuple[int, ...]:
        return tuple(rows if size == "T" else int(size) for size in self.declared[name].shape)
