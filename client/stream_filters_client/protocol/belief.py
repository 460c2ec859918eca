"""A `state` output, as far as a client may look into it: who made it, under which settings, where in the stream."""

import json
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from stream_filters_client.errors import BadInput

_MAGIC = b"SFB1"
# magic, checksum of all that follows it, schema version, offset, sizes of filter name, settings and state
_HEAD = struct.Struct("<4sIIqIII")
_CHECKED_FROM = 8


@dataclass(frozen=True, slots=True)
class Belief:
    """offset: how many observations it has seen. state_bytes: size of the numbers, which only the filter reads."""

    filter: str
    schema_version: int
    offset: int
    config: dict[str, Any]
    state_bytes: int


def read(data: bytes) -> Belief:
    """What the head of a state says. Raises BadInput unless the state is whole and unchanged."""
    if len(data) < _HEAD.size or data[:4] != _MAGIC:
        raise BadInput("this is no state of a stream, or one of a newer release; export the stream again")
    _, checksum, schema_version, offset, name_bytes, config_bytes, state_bytes = _HEAD.unpack_from(data)
    name_end = _HEAD.size + name_bytes
    config_end = name_end + config_bytes
    if len(data) != config_end + state_bytes or zlib.crc32(data[_CHECKED_FROM:]) != checksum:
        raise BadInput("the state of the stream was cut off or changed; export the stream again")
    config = json.loads(data[name_end:config_end])
    return Belief(data[_HEAD.size : name_end].decode(), schema_version, offset, config, state_bytes)
