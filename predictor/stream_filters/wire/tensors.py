"""Tensors of the v2 protocol as arrays, and back. Knows the datatypes, not the transports."""

from collections.abc import Sequence, Sized
from math import prod
from typing import Any, NamedTuple

import numpy as np

from stream_filters.filters.base import Array
from stream_filters.refusals import InvalidRequest

_DTYPES: dict[str, np.dtype[Any]] = {
    "FP64": np.dtype("<f8"),
    "FP32": np.dtype("<f4"),
    "INT64": np.dtype("<i8"),
    "BOOL": np.dtype("?"),
}
# which kinds of values, as they came, each kind of tensor takes without loss
_KINDS = {"f": "iuf", "i": "iu", "b": "b"}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()} | {np.dtype(object): "BYTES"}
BYTES = "BYTES"
# more than any tensor here has, fewer than NumPy can hold
_MOST_AXES = 8
# an empty tensor may claim any size beside its 0; NumPy counts the bytes in 63 bits all the same
_MOST_VALUES = 2**48


class RawTensor(NamedTuple):
    """A tensor as it came: `data` is little-endian bytes, or the values one by one (nested where REST nests them)."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: bytes | memoryview | Sequence[Any]


def decode(tensor: RawTensor, accepted: Sequence[str], most: tuple[int, str] | None = None) -> Array:
    """The tensor as an array of its shape.

    accepted: the datatypes that may come. most: how many values may, and what they are. BYTES gives an object array of
    bytes.
    Raises InvalidRequest, naming the tensor, on another datatype, or on data that does not fill the shape; sizes are
    compared before anything is made of the data.
    """
    if tensor.datatype not in accepted:
        expected = " or ".join(accepted)
        raise InvalidRequest(f"{tensor.name}: datatype {tensor.datatype!r} came, expected {expected}")
    count = _count(tensor, most)
    if tensor.datatype == BYTES:
        values = _decode_strings(tensor, count)
    elif isinstance(tensor.data, bytes | memoryview):
        values = _decode_numbers(tensor, tensor.data)
    else:
        values = _decode_list(tensor, tensor.data)
    if values.size != count:
        raise _unfilled(tensor, count, values.size)
    return values.reshape(tensor.shape)


def _count(tensor: RawTensor, most: tuple[int, str] | None) -> int:
    """How many values the shape has. Raises InvalidRequest where there are too many, or the data's size has others."""
    if len(tensor.shape) > _MOST_AXES:
        raise InvalidRequest(f"{tensor.name}: {len(tensor.shape)} sizes came for a shape, no tensor has so many axes")
    if min(tensor.shape, default=0) < 0:
        raise InvalidRequest(f"{tensor.name}: shape {list(tensor.shape)} came, sizes must not be negative")
    count = prod(tensor.shape)
    if not count and prod(size or 1 for size in tensor.shape) > _MOST_VALUES:
        raise InvalidRequest(f"{tensor.name}: shape {list(tensor.shape)} came, no tensor is so large")
    if most and count > most[0]:
        raise InvalidRequest(
            f"{tensor.name}: {count} {most[1]} came in one request, the limit is {most[0]}; send several requests"
        )
    if isinstance(tensor.data, bytes | memoryview):
        # a string has its length before it
        size = 4 if tensor.datatype == BYTES else _DTYPES[tensor.datatype].itemsize
        came = len(tensor.data) // size
        is_whole = tensor.datatype == BYTES or len(tensor.data) % size == 0
        if is_whole and (came < count or (came > count and tensor.datatype != BYTES)):
            raise _unfilled(tensor, count, f"at most {came}" if tensor.datatype == BYTES else came)
    elif count and isinstance(tensor.data, Sized) and len(tensor.data) > count:
        raise _unfilled(tensor, count, len(tensor.data))
    return count


def _unfilled(tensor: RawTensor, count: int, came: int | str) -> InvalidRequest:
    return InvalidRequest(
        f"{tensor.name}: shape {list(tensor.shape)} needs {count} values, {came} came; make them agree"
    )


def _decode_numbers(tensor: RawTensor, data: bytes | memoryview) -> Array:
    dtype = _DTYPES[tensor.datatype]
    if len(data) % dtype.itemsize:
        raise InvalidRequest(
            f"{tensor.name}: {len(data)} raw bytes came, not a multiple of the {dtype.itemsize} of {tensor.datatype}"
        )
    return np.frombuffer(data, dtype)


def _decode_list(tensor: RawTensor, data: Sequence[Any]) -> Array:
    dtype = _DTYPES[tensor.datatype]
    try:
        values = np.array(data)
        if values.dtype == object and dtype.kind == "f":
            # JSON has no NaN: null is a missing observation
            values = np.array([np.nan if value is None else value for value in values.ravel().tolist()])
        if values.size and values.dtype.kind not in _KINDS[dtype.kind]:
            raise TypeError
        with np.errstate(over="ignore"):
            return values.astype(dtype).reshape(-1)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest(f"{tensor.name}: values came that are not {tensor.datatype}; send numbers only") from None


def _decode_strings(tensor: RawTensor, count: int) -> Array:
    values: list[Any]
    if isinstance(tensor.data, bytes | memoryview):
        values = _split_strings(tensor, memoryview(tensor.data), count)
    else:
        try:
            values = [value.encode() if isinstance(value, str) else value for value in tensor.data]
        except UnicodeEncodeError:
            raise InvalidRequest(f"{tensor.name}: text came that is not Unicode; send whole characters") from None
    if not all(isinstance(value, bytes) for value in values):
        raise InvalidRequest(f"{tensor.name}: values came that are not strings; send a flat list of strings")
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _split_strings(tensor: RawTensor, data: memoryview, count: int) -> list[bytes]:
    """Raw BYTES: each element behind its length, four bytes little-endian; no more are read than there should be."""
    values: list[bytes] = []
    start = 0
    while start < len(data):
        if len(values) == count:
            raise _unfilled(tensor, count, "more")
        end = start + 4 + int.from_bytes(data[start : start + 4], "little")
        if start + 4 > len(data) or end > len(data):
            raise InvalidRequest(f"{tensor.name}: the raw bytes end inside an element; each needs its length before it")
        values.append(bytes(data[start + 4 : end]))
        start = end
    return values


def datatype(dtype: np.dtype[Any]) -> str:
    """The protocol's name for a type of arrays."""
    return _NAMES[dtype]


def encode_raw(array: Array) -> bytes:
    """The array as raw tensor contents, row-major and little-endian."""
    if array.dtype == object:
        return b"".join(len(value).to_bytes(4, "little") + value for value in array.ravel())
    return array.tobytes()
