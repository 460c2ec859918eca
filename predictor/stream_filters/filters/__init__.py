"""The filters that the predictor serves, one registration line each."""

from typing import Any

from stream_filters.filters.base import Filter
from stream_filters.filters.streaming_kalman import StreamingKalman

_KINDS: tuple[type[Filter[Any]], ...] = (StreamingKalman,)

REGISTRY: dict[str, type[Filter[Any]]] = {kind.name: kind for kind in _KINDS}
