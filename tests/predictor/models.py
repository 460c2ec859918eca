"""Every filter that the predictor under test serves, and rows that it takes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from stream_filters.filters import REGISTRY
from stream_filters.filters.base import Filter

from tests.running_mean import RunningMean

KINDS: Mapping[str, type[Filter[Any]]] = {**REGISTRY, RunningMean.name: RunningMean}
MODELS = list(KINDS)
MEAN = RunningMean.name
PRIOR_PRECISION = 0.01


def bound(model: str, **config: Any) -> Filter[Any]:
    """The filter as the predictor serves it, or under other settings."""
    kind = KINDS[model]
    return kind(kind.config_type(**config))


def rows(model: str, count: int, seed: int = 0, **config: Any) -> np.ndarray[Any, Any]:
    """Observations of the shape that the model takes: a level that wanders, and noise."""
    random = np.random.default_rng(seed)
    dimension = bound(model, **config).dimension
    shape = (count,) if dimension == 1 else (count, dimension)
    return np.cumsum(0.1 * random.standard_normal(shape), axis=0) + random.standard_normal(shape)


def posterior_means(observations: Any) -> np.ndarray[Any, Any]:
    """What `running_mean` says after each row: precisions add, NaN adds nothing."""
    values = np.asarray(observations, float)
    seen = ~np.isnan(values)
    return np.cumsum(np.where(seen, values, 0.0)) / (PRIOR_PRECISION + np.cumsum(seen))
