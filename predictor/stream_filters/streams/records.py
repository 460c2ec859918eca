"""Streams as bytes: data that says what it is, never code."""

import struct
import zlib
from typing import Any, NamedTuple

import numpy as np

from stream_filters.filters.base import Array, Filter
from stream_filters.refusals import InvalidRequest, Unusable

_MAGIC = b"SFB1"
# magic, checksum of all that follows
_CHECKED = struct.Struct("<4sI")
# of a belief: filter schema version, offset, sizes of filter name, config and state, which are behind it
_BELIEF = struct.Struct("<IqIII")
# so far from the end of an int64 that no request can reach it
_LAST_OFFSET = 2**62
_RECORD_MAGIC = b"SFR2"
# sizes of the belief and the previous one (0: none), ended, size of the last request, both digests, life; the checksum
# is of this alone, the beliefs behind it have their own
_RECORD = struct.Struct("<II?q16s16sq")
# the format before had no lives
_OLD_MAGIC = b"SFR1"
_LAYOUTS = {_RECORD_MAGIC: _RECORD, _OLD_MAGIC: struct.Struct("<II?q16s16s")}
DIGEST_BYTES = 16


class Belief(NamedTuple):
    """A filter's state after `offset` observations, with all that is needed to go on from it.

    config: the filter's settings as canonical JSON. state: the bytes of a zero-dimensional record.
    """

    filter_name: str
    schema_version: int
    config: str
    offset: int
    state: bytes

    @classmethod
    def of(cls, bound: Filter[Any], offset: int, state: bytes) -> "Belief":
        """The belief that the bytes of a state of the filter `bound` are."""
        return cls(bound.name, bound.schema_version, bound.config_json, offset, state)

    @classmethod
    def decode(cls, data: bytes) -> "Belief":
        """Read a belief. Raises InvalidRequest when the bytes are not one, whole and unchanged."""
        if len(data) < _CHECKED.size + _BELIEF.size or data[:4] != _MAGIC:
            raise InvalidRequest(f"state: {len(data)} bytes came that are not a state; send a `state` output unchanged")
        _, checksum = _CHECKED.unpack_from(data)
        schema_version, offset, name_bytes, config_bytes, state_bytes = _BELIEF.unpack_from(data, _CHECKED.size)
        name_from = _CHECKED.size + _BELIEF.size
        config_from = name_from + name_bytes
        state_from = config_from + config_bytes
        if len(data) != state_from + state_bytes:
            raise InvalidRequest(f"state: {len(data)} bytes came, not its size; send a `state` output unchanged")
        if zlib.crc32(memoryview(data)[_CHECKED.size :]) != checksum:
            raise InvalidRequest("state: the checksum does not fit the bytes; send a `state` output unchanged")
        if not 0 <= offset <= _LAST_OFFSET:
            raise InvalidRequest(f"state: offset {offset} is none; send a `state` output unchanged")
        name = data[name_from:config_from].decode("utf-8", "replace")
        config = data[config_from:state_from].decode("utf-8", "replace")
        return cls(name, schema_version, config, offset, data[state_from:])

    @property
    def encoded(self) -> bytes:
        """The bytes that `decode` reads; made when they are asked for, since most beliefs never leave the process."""
        name, config = self.filter_name.encode(), self.config.encode()
        head = _BELIEF.pack(self.schema_version, self.offset, len(name), len(config), len(self.state)) + name + config
        checksum = zlib.crc32(self.state, zlib.crc32(head))
        return b"".join((_CHECKED.pack(_MAGIC, checksum), head, self.state))

    def restore(self, bound: Filter[Any]) -> Array:
        """The state as a record of the filter `bound`. Raises InvalidRequest, by name, where they do not fit."""
        same_filter(self, bound)
        return np.frombuffer(self.state_for(bound), bound.state_dtype).reshape(())

    def state_for(self, bound: Filter[Any]) -> bytes:
        """The bytes of the state in the schema of `bound`, the same filter. Raises InvalidRequest."""
        if self.schema_version < bound.schema_version:
            return self._upgraded(bound)
        state = self.state
        if len(state) != bound.state_dtype.itemsize:
            raise InvalidRequest(
                f"state: {len(state)} bytes came for {bound.name}, "
                f"its configuration has {bound.state_dtype.itemsize}; start the stream anew"
            )
        return state

    def _upgraded(self, bound: Filter[Any]) -> bytes:
        try:
            return bound.upgrade(self.state, self.schema_version).tobytes()
        except ValueError as error:
            raise InvalidRequest(
                f"state: it has schema version {self.schema_version} of {self.filter_name}, "
                f"this server has version {bound.schema_version} ({error}); start the stream anew"
            ) from error


class Record(NamedTuple):
    """What is stored for one stream.

    previous: the belief before the last request, kept when that request had an offset, so that the very same
    request can be answered again; None otherwise.
    last_rows: how many observations the last request had. digest, start_digest: of the last request, and of the one
    that started the stream. ended: only a retry of the last request is still answered. life: the number that its
    callers gave it, 0 for none.
    """

    belief: Belief
    previous: Belief | None
    last_rows: int
    digest: bytes
    start_digest: bytes
    ended: bool
    life: int = 0

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        beliefs = [self.belief, self.previous] if self.previous else [self.belief]
        return _CHECKED.size + _RECORD.size + sum([len(belief.state) + len(belief.config) for belief in beliefs])

    @property
    def last_offset(self) -> int:
        """Offset of the first observation of the last request."""
        return self.belief.offset - self.last_rows

    def encode(self) -> bytes:
        """The bytes that `decode` reads."""
        belief = self.belief.encoded
        previous = self.previous.encoded if self.previous else b""
        sizes = len(belief), len(previous)
        head = _RECORD.pack(*sizes, self.ended, self.last_rows, self.digest, self.start_digest, self.life)
        return b"".join((_CHECKED.pack(_RECORD_MAGIC, zlib.crc32(head)), head, belief, previous))

    @classmethod
    def decode(cls, data: bytes, sequence_id: str = "") -> "Record":
        """Read the record of a stream. Raises Unusable when the bytes are not one."""
        try:
            if len(data) < _CHECKED.size + _RECORD.size:
                raise InvalidRequest(f"{len(data)} bytes, too few for one")
            magic, checksum = _CHECKED.unpack_from(data)
            if magic not in _LAYOUTS:
                raise InvalidRequest(f"its format is {magic!r}, this server reads {_RECORD_MAGIC!r}")
            layout = _LAYOUTS[magic]
            head = data[_CHECKED.size : _CHECKED.size + layout.size]
            if zlib.crc32(head) != checksum:
                raise InvalidRequest("the checksum does not fit")
            belief_bytes, previous_bytes, ended, last_rows, digest, start, *life = layout.unpack(head)
            first = _CHECKED.size + layout.size
            middle = first + belief_bytes
            if len(data) != middle + previous_bytes:
                raise InvalidRequest(f"{len(data)} bytes are not its size")
            belief = Belief.decode(data[first:middle])
            previous = Belief.decode(data[middle:]) if previous_bytes else None
        except InvalidRequest as error:
            raise Unusable(
                f"what is stored for the stream {sequence_id!r} is no record of one ({error}); start it anew"
            ) from error
        return cls(belief, previous, last_rows, digest, start, ended, *life)


def same_filter(belief: Belief, bound: Filter[Any]) -> None:
    """Raise InvalidRequest, by name, unless the belief was made by the filter of `bound`, in a schema not newer."""
    if belief.filter_name != bound.name:
        raise InvalidRequest(f"state: it was made by the filter {belief.filter_name!r}; this model is {bound.name!r}")
    if belief.schema_version > bound.schema_version:
        raise InvalidRequest(
            f"state: it has schema version {belief.schema_version} of {belief.filter_name}; "
            f"this server reads up to version {bound.schema_version}; upgrade the server or start the stream anew"
        )
