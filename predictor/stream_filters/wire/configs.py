"""Filters by their settings: JSON in, a bound filter out."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from stream_filters.filters.base import Filter
from stream_filters.refusals import InvalidRequest

_KEPT = 64


class Binder:
    """The filters of one model: its own settings, and those that streams bring on top of them.

    state_bytes: how large a state a stream may ask for, where the model's own is not larger.
    Raises InvalidRequest when the model's own settings are wrong.
    """

    def __init__(self, kind: type[Filter[Any]], settings: Mapping[str, Any], state_bytes: int = 65_536) -> None:
        self._kind = kind
        self._settings = dict(settings)
        self.default = self._bind(self._settings)
        self._state_bytes = max(state_bytes, self.default.state_dtype.itemsize)
        self._cached = lru_cache(maxsize=_KEPT)(self._merge)

    def __call__(self, config: str | None) -> Filter[Any]:
        """The filter for `config` in JSON over the model's own settings. Raises InvalidRequest by key."""
        return self.default if config is None or config == self.default.config_json else self._cached(config)

    def _merge(self, config: str) -> Filter[Any]:
        try:
            own = json.loads(config)
        # ValueError: also of a number with more digits than Python reads
        except (ValueError, RecursionError) as error:
            raise InvalidRequest(f"config: not valid JSON ({error}); send an object such as {{}}") from None
        if not isinstance(own, dict):
            raise InvalidRequest(f"config: JSON of type {type(own).__name__} came; send an object such as {{}}")
        bound = self._bind({**self._settings, **own})
        if bound.state_dtype.itemsize > self._state_bytes:
            raise InvalidRequest(
                f"config: with these settings a stream has a state of {bound.state_dtype.itemsize} bytes, the limit is "
                f"{self._state_bytes}; ask for a smaller one, or let the server's max_state_bytes be raised"
            )
        return bound

    def _bind(self, settings: Mapping[str, Any]) -> Filter[Any]:
        try:
            return self._kind(self._kind.config_type.model_validate(settings))
        except ValidationError as error:
            raise InvalidRequest(f"config: {self._sentence(error)}") from None

    def _sentence(self, error: ValidationError) -> str:
        """The first thing that is wrong, and the keys that exist."""
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        known = ", ".join(self._kind.config_type.model_fields)
        if first["type"] == "extra_forbidden":
            return f"{key[:64]!r} is not a setting of {self._kind.name}; known are {known}"
        came = repr(first["input"])[:64]
        return f"{key}: {came} came; {first['msg']}" if key else f"{first['msg']}; known settings are {known}"
