"""Checks of single values, the same wherever they come from."""

from dataclasses import dataclass
from math import isinf

import numpy as np

from stream_filters.filters.base import Array, Floats
from stream_filters.refusals import InvalidRequest
from stream_filters.wire import tensors
from stream_filters.wire.tensors import RawTensor

FLOATS = ("FP64", "FP32")
SMALLEST_SCALE, LARGEST_SCALE = 1e-50, 1e50
# so far from the end of an int64 that the server can count on from it
_LAST_LIFE = 2**62


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What one request may ask for; beyond it is refused before any work."""

    rows: int = 100_000
    batch_rows: int = 1_000_000
    streams: int = 10_000
    horizon: int = 10_000
    sequence_id_bytes: int = 256
    config_bytes: int = 16_384
    answer_bytes: int = 64 * 1024 * 1024
    compute_seconds: float = 30.0


def floats(tensor: RawTensor) -> Floats:
    """A tensor of numbers as float64. Raises InvalidRequest."""
    return tensors.decode(tensor, FLOATS).astype(np.float64)


def rows(values: Floats, name: str) -> Floats:
    """Observations as [T, D]; [T] is D = 1. Raises InvalidRequest on another rank, on no columns, and on Inf."""
    if values.ndim not in (1, 2) or values.shape[-1] == 0 < values.ndim - 1:
        raise InvalidRequest(f"{name}: shape {list(values.shape)} came, expected [T], or [T, D] for D values in a row")
    # of one value without arrays: this is asked of every request
    if isinf(values.item()) if values.size == 1 else np.isinf(values).any():
        raise InvalidRequest(f"{name}: Inf came at index {_first(np.isinf(values))}; send NaN for a missing value")
    return values[:, None] if values.ndim == 1 else values


def time_deltas(values: Floats, count: int) -> Floats:
    """Time steps as [T]. Raises InvalidRequest unless there are `count` of them, finite and positive."""
    return _positive("time_deltas", values, count)


def observation_scales(values: Floats, count: int) -> Floats:
    """Scales of the rows' noise as [T]. Raises InvalidRequest unless there are `count`, whose squares are numbers."""
    _positive("observation_scale", values, count)
    wrong = (values < SMALLEST_SCALE) | (values > LARGEST_SCALE)
    if wrong.any():
        index = _first(wrong)
        raise InvalidRequest(
            f"observation_scale: {values[index[0]]:g} came at index {index}; 1 is usual, each must lie between "
            f"{SMALLEST_SCALE:g} and {LARGEST_SCALE:g}"
        )
    return values


def _positive(name: str, values: Floats, count: int) -> Floats:
    if values.shape != (count,):
        raise InvalidRequest(f"{name}: shape {list(values.shape)} came for {count} observations, expected [{count}]")
    wrong = ~(np.isfinite(values) & (values > 0.0))
    if wrong.any():
        index = _first(wrong)
        raise InvalidRequest(f"{name}: {values[index[0]]:g} came at index {index}; each must be finite and > 0")
    return values


def _first(mask: Array) -> list[int]:
    return [int(index) for index in np.argwhere(mask)[0]]


def check_count(name: str, count: int, limit: int, what: str) -> None:
    """Raise InvalidRequest when more came than one request may have."""
    if count > limit:
        raise InvalidRequest(f"{name}: {count} {what} came in one request, the limit is {limit}; send several requests")


def life_number(name: str, value: float | str) -> int:
    """The number of a stream's life. Raises InvalidRequest."""
    life = int(value)
    if not 1 <= life <= _LAST_LIFE:
        raise InvalidRequest(f"{name}: {life} came, expected a number from 1 that grows with each life of the stream")
    return life


def sequence_name(name: str, limits: RequestLimits) -> str:
    """A usable sequence id. Raises InvalidRequest."""
    if len(name.encode()) > limits.sequence_id_bytes:
        raise InvalidRequest(f"sequence_id: {len(name.encode())} bytes came, the limit is {limits.sequence_id_bytes}")
    return name
