"""The filters that the predictor serves, one registration line each."""

from typing import Any

from stream_filters.filters.base import Filter

_KINDS: tuple[type[Filter[Any]], ...] = ()

REGISTRY: dict[str, type[Filter[Any]]] = {kind.name: kind for kind in _KINDS}
