"""The filters that the predictor serves, one registration line each."""

from typing import Any

from stream_filters.filters.autoregression.filter import OnlineArLearning
from stream_filters.filters.base import Filter
from stream_filters.filters.kalman.filter import StreamingKalman
from stream_filters.filters.regimes.filter import AdaptiveMixture

_KINDS: tuple[type[Filter[Any]], ...] = (StreamingKalman, OnlineArLearning, AdaptiveMixture)

REGISTRY: dict[str, type[Filter[Any]]] = {kind.name: kind for kind in _KINDS}
