"""Large v2 messages past protobuf, whose copies of them keep the interpreter from the event loop for too long.

Raw contents stay where they came, and raw outputs are put together from pieces. Either is the protocol's own form: a
message is its fields one after the other, each a varint that names it, a varint of its size, and its bytes.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from kserve import InferResponse
from kserve.protocol.grpc.grpc_predict_v2_pb2 import ModelInferRequest, ModelInferResponse

from stream_filters.filters.base import Array
from stream_filters.wire import tensors

# protobuf reads or writes fewer bytes in less time than anybody notices
LARGE_BYTES = 2**18
_PIECE_BYTES = 2**20
# a request has some dozen; one of very many is left to protobuf, which is faster at that
_MOST_FIELDS = 1_000
_SIZED = 2
_RAW_INPUT = ModelInferRequest.RAW_INPUT_CONTENTS_FIELD_NUMBER
_RAW_OUTPUT = ModelInferResponse.RAW_OUTPUT_CONTENTS_FIELD_NUMBER
_VARINT_BYTES = 10


class LargeRequest:
    """A request whose raw contents are views of the bytes that came; all else is that of its message."""

    def __init__(self, message: ModelInferRequest, raw_input_contents: list[memoryview]) -> None:
        self._message = message
        self.raw_input_contents = raw_input_contents

    def __getattr__(self, name: str) -> Any:
        return getattr(self._message, name)


def read(data: bytes) -> ModelInferRequest | LargeRequest:
    """The request of these bytes. Raises DecodeError when they are none."""
    if len(data) < LARGE_BYTES:
        return ModelInferRequest.FromString(data)
    view, start = memoryview(data), 0
    kept: list[memoryview] = []
    raw: list[memoryview] = []
    for number, content, end in _fields(view):
        if number == _RAW_INPUT:
            raw.append(content)
        else:
            kept.append(view[start:end])
        start = end
    # whatever is no field of a known form, and all that follows it, is for protobuf to read or to refuse
    message = ModelInferRequest.FromString(b"".join((*kept, view[start:])))
    return LargeRequest(message, raw + [memoryview(content) for content in message.raw_input_contents])


def _fields(view: memoryview) -> Iterator[tuple[int, memoryview, int]]:
    """Number, content and end of each field with a size, up to the first that is none, or is cut off."""
    start = 0
    for _ in range(_MOST_FIELDS):
        key, start = _varint(view, start)
        size, start = _varint(view, start)
        end = start + size
        if key & 7 != _SIZED or not start <= end <= len(view):
            return
        yield key >> 3, view[start:end], end
        start = end


def _varint(view: memoryview, start: int) -> tuple[int, int]:
    """The number that begins at `start`, and where it ends; -1 if it is cut off."""
    value = 0
    for index, byte in enumerate(view[start : start + _VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, start + index + 1
    return -1, start


class LargeResponse(InferResponse):
    """A response with raw outputs that is serialized in steps, none of which is long, on another thread."""

    def __init__(self, message: ModelInferResponse, outputs: Iterable[Array]) -> None:
        super().__init__(message.id, message.model_name, [])
        self._pieces = [message.SerializeToString()]
        for array in outputs:
            pieces = _pieces(array)
            self._pieces += [_head(_RAW_OUTPUT, sum(map(len, pieces))), *pieces]

    def to_grpc(self) -> "LargeResponse":
        """Itself: it becomes bytes where others become messages."""
        return self

    def serialized(self, field: int | None = None) -> bytes:
        """The bytes of the response, or of a message that has it in this field."""
        head = [] if field is None else [_head(field, sum(map(len, self._pieces)))]
        # of bytes alone, many of them are joined with the interpreter free for others
        return b"".join(head + self._pieces)


def _pieces(array: Array) -> list[bytes]:
    if array.dtype == object:
        return [tensors.encode_raw(array)]
    raw = np.ascontiguousarray(array).data.cast("B")
    return [bytes(raw[start : start + _PIECE_BYTES]) for start in range(0, len(raw), _PIECE_BYTES)]


def _head(field: int, size: int) -> bytes:
    """What stands before the bytes of a field."""
    return _as_varint(field << 3 | _SIZED) + _as_varint(size)


def _as_varint(value: int) -> bytes:
    low, more = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _as_varint(more) if more else bytes([low])
