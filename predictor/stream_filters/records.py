"""Streams as bytes: data that says what it is, never code."""

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from stream_filters.filters.base import Array, Filter
from stream_filters.refusals import InvalidRequest, Unusable

_MAGIC = b"SFB1"
# magic, checksum of all that follows it, filter schema version, offset, sizes of filter name, config and state
_BELIEF = struct.Struct("<4sIIqIII")
_CHECKED_FROM = 8
# so far from the end of an int64 that no request can reach it
_LAST_OFFSET = 2**62
# checksum of the rest of this head, size of belief, size of previous belief (0: none), ended, size of the last request,
# both digests; the beliefs behind it have checksums of their own
_RECORD_MAGIC = b"SFR1"
_RECORD = struct.Struct("<4sIII?q16s16s")
_RECORD_CHECKED_FROM = 8
DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Belief:
    """A filter's state after `offset` observations, with all that is needed to go on from it.

    config: the filter's settings as canonical JSON. state: the bytes of a zero-dimensional record.
    """

    filter_name: str
    schema_version: int
    config: str
    offset: int
    state: bytes

    @classmethod
    def of(cls, bound: Filter[Any], offset: int, state: Array) -> "Belief":
        """The belief that `state` of the filter `bound` is."""
        return cls(bound.name, bound.schema_version, bound.config_json, offset, state.tobytes())

    def encode(self) -> bytes:
        """The bytes that `decode` reads."""
        name, config = self.filter_name.encode(), self.config.encode()
        sizes = len(name), len(config), len(self.state)
        head = _BELIEF.pack(_MAGIC, 0, self.schema_version, self.offset, *sizes)
        body = b"".join((head[_CHECKED_FROM:], name, config, self.state))
        return b"".join((_MAGIC, struct.pack("<I", zlib.crc32(body)), body))

    @classmethod
    def decode(cls, data: bytes) -> "Belief":
        """Read a belief. Raises InvalidRequest when the bytes are not one, whole and unchanged."""
        if len(data) < _BELIEF.size or data[:4] != _MAGIC:
            raise InvalidRequest(f"state: {len(data)} bytes came that are not a state; send a `state` output unchanged")
        _, checksum, schema_version, offset, name_bytes, config_bytes, state_bytes = _BELIEF.unpack_from(data)
        if len(data) != _BELIEF.size + name_bytes + config_bytes + state_bytes:
            raise InvalidRequest(f"state: {len(data)} bytes came, not its size; send a `state` output unchanged")
        if zlib.crc32(data[_CHECKED_FROM:]) != checksum:
            raise InvalidRequest("state: the checksum does not fit the bytes; send a `state` output unchanged")
        if not 0 <= offset <= _LAST_OFFSET:
            raise InvalidRequest(f"state: offset {offset} is none; send a `state` output unchanged")
        name_end = _BELIEF.size + name_bytes
        config_end = name_end + config_bytes
        return cls(
            data[_BELIEF.size : name_end].decode("utf-8", "replace"),
            schema_version,
            data[name_end:config_end].decode("utf-8", "replace"),
            offset,
            data[config_end:],
        )

    def restore(self, bound: Filter[Any]) -> Array:
        """The state as a record of the filter `bound`. Raises InvalidRequest, by name, where they do not fit."""
        same_filter(self, bound)
        if self.schema_version < bound.schema_version:
            return self._upgraded(bound)
        if len(self.state) != bound.state_dtype.itemsize:
            raise InvalidRequest(
                f"state: {len(self.state)} bytes came for {bound.name}, "
                f"its configuration has {bound.state_dtype.itemsize}; start the stream anew"
            )
        return np.frombuffer(self.state, bound.state_dtype)[0:1].reshape(())

    def _upgraded(self, bound: Filter[Any]) -> Array:
        try:
            state = bound.upgrade(self.state, self.schema_version)
        except ValueError as error:
            raise InvalidRequest(
                f"state: it has schema version {self.schema_version} of {self.filter_name}, "
                f"this server has version {bound.schema_version} ({error}); start the stream anew"
            ) from error
        state.flags.writeable = False
        return state


@dataclass(frozen=True, slots=True)
class Record:
    """What is stored for one stream.

    previous: the belief before the last request, kept when that request had an offset, so that the very same
    request can be answered again; None otherwise.
    last_rows: how many observations the last request had. digest, start_digest: of the last request, and of the one
    that started the stream. ended: only a retry of the last request is still answered.
    """

    belief: Belief
    previous: Belief | None
    last_rows: int
    digest: bytes
    start_digest: bytes
    ended: bool

    @property
    def last_offset(self) -> int:
        """Offset of the first observation of the last request."""
        return self.belief.offset - self.last_rows

    def encode(self) -> bytes:
        """The bytes that `decode` reads."""
        belief = self.belief.encode()
        previous = self.previous.encode() if self.previous else b""
        digests = self.digest, self.start_digest
        sizes = len(belief), len(previous)
        head = _RECORD.pack(_RECORD_MAGIC, 0, *sizes, self.ended, self.last_rows, *digests)[_RECORD_CHECKED_FROM:]
        return b"".join((_RECORD_MAGIC, struct.pack("<I", zlib.crc32(head)), head, belief, previous))

    @classmethod
    def decode(cls, data: bytes) -> "Record":
        """Read a record. Raises Unusable when the bytes are not one."""
        try:
            magic, checksum, belief_bytes, previous_bytes, ended, last_rows, digest, start = _RECORD.unpack_from(data)
            if magic != _RECORD_MAGIC:
                raise InvalidRequest(f"its format is {magic!r}, this server reads {_RECORD_MAGIC!r}")
            if zlib.crc32(data[_RECORD_CHECKED_FROM : _RECORD.size]) != checksum:
                raise InvalidRequest("the checksum does not fit")
            middle = _RECORD.size + belief_bytes
            if len(data) != middle + previous_bytes:
                raise InvalidRequest(f"{len(data)} bytes are not its size")
            belief = Belief.decode(data[_RECORD.size : middle])
            previous = Belief.decode(data[middle:]) if previous_bytes else None
        except (struct.error, InvalidRequest) as error:
            raise Unusable(f"what is stored for the stream is not readable ({error}); start it anew") from error
        return cls(belief, previous, last_rows, digest, start, ended)


def same_filter(belief: Belief, bound: Filter[Any]) -> None:
    """Raise InvalidRequest, by name, unless the belief was made by the filter of `bound`, in a schema not newer."""
    if belief.filter_name != bound.name:
        raise InvalidRequest(f"state: it was made by the filter {belief.filter_name!r}; this model is {bound.name!r}")
    if belief.schema_version > bound.schema_version:
        raise InvalidRequest(
            f"state: it has schema version {belief.schema_version} of {belief.filter_name}; "
            f"this server reads up to version {bound.schema_version}; upgrade the server or start the stream anew"
        )
