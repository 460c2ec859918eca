"""Streams as bytes: whole or refused, whatever happened to them."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_filters.filters.base import Array, Batch
from stream_filters.refusals import InvalidRequest, Unusable
from stream_filters.streams.records import DIGEST_BYTES, Belief, Record

from tests.predictor.models import MEAN, MODELS, bound
from tests.running_mean import RunningMean, RunningMeanConfig

SMALL = bound(MEAN)
BELIEF = Belief.of(SMALL, 3, SMALL.initial_state().tobytes())
RECORD = Record(
    BELIEF, Belief.of(SMALL, 1, SMALL.initial_state().tobytes()), 2, b"d" * DIGEST_BYTES, b"s" * DIGEST_BYTES, False
)
RECORDS = {
    "with the belief before": RECORD,
    "without it": RECORD._replace(previous=None),
    "ended": RECORD._replace(ended=True),
    "of a life": RECORD._replace(life=1_764_000_000_000_000),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS.keys())
def test_a_record_reads_back_as_it_was(record: Record) -> None:
    assert Record.decode(record.encode()) == record


@pytest.mark.parametrize("model", MODELS)
def test_a_belief_reads_back_as_it_was(model: str) -> None:
    one = bound(model)
    state = one.initial_state()
    belief = Belief.decode(Belief.of(one, 5, state.tobytes()).encoded)
    assert belief.restore(one).tobytes() == state.tobytes()
    assert (belief.offset, belief.filter_name, belief.config) == (5, model, one.config_json)


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS.keys())
def test_a_changed_byte_anywhere_is_noticed(record: Record) -> None:
    data = record.encode()
    for place in range(len(data)):
        for change in (0x01, 0x80, 0xFF):
            changed = data[:place] + bytes([data[place] ^ change]) + data[place + 1 :]
            with pytest.raises(Unusable, match="start it anew"):
                Record.decode(changed)


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS.keys())
def test_a_record_cut_short_anywhere_is_noticed(record: Record) -> None:
    data = record.encode()
    for length in range(len(data)):
        with pytest.raises(Unusable):
            Record.decode(data[:length])


@pytest.mark.parametrize("more", [b"\0", b"x" * 100])
@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS.keys())
def test_a_record_that_grew_is_noticed(record: Record, more: bytes) -> None:
    with pytest.raises(Unusable):
        Record.decode(record.encode() + more)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(data=st.binary(max_size=200), prefix=st.integers(0, 200))
def test_any_other_bytes_are_refused(data: bytes, prefix: int) -> None:
    for head in (b"", RECORD.encode()[:prefix]):
        if head + data != RECORD.encode():
            with pytest.raises(Unusable):
                Record.decode(head + data)
    for head in (b"", BELIEF.encoded[:prefix]):
        if head + data != BELIEF.encoded:
            with pytest.raises(InvalidRequest):
                Belief.decode(head + data)


def test_a_changed_byte_of_a_belief_is_refused() -> None:
    data = BELIEF.encoded
    for place in range(len(data)):
        with pytest.raises(InvalidRequest, match=r"^state: "):
            Belief.decode(data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :])


def test_a_state_of_a_newer_schema_is_refused_by_its_version() -> None:
    with pytest.raises(InvalidRequest, match="schema version 2 of running_mean; this server reads up to version 1"):
        BELIEF._replace(schema_version=2).restore(SMALL)


class Doubled(RunningMean):
    """Its second schema keeps the mean where the first kept the sum."""

    schema_version = 2

    @property
    def state_dtype(self) -> np.dtype[np.void]:
        return np.dtype([("precision", "<f8"), ("mean", "<f8")])

    def upgrade(self, state: bytes, from_version: int) -> Array:
        if from_version != 1:
            return super().upgrade(state, from_version)
        precision, total = np.frombuffer(state)
        return np.array((precision, total / precision), self.state_dtype)


def test_a_state_of_the_last_schema_is_read_by_a_filter_that_can() -> None:
    old = bound(MEAN)
    state = old.run(old.initial_state(), Batch(np.array([[1.0], [4.0]]), np.ones(2)), frozenset()).state
    saved = Belief.decode(Belief.of(old, 2, state.tobytes()).encoded)
    upgraded = saved.restore(Doubled(RunningMeanConfig()))
    assert upgraded["precision"] == pytest.approx(2.01)
    assert upgraded["mean"] == pytest.approx(5.0 / 2.01)
    assert not upgraded.flags.writeable


def test_an_older_schema_that_the_filter_cannot_read_is_refused_by_its_version() -> None:
    with pytest.raises(InvalidRequest, match=r"schema version 0 of running_mean.*has version 1.*start the stream anew"):
        BELIEF._replace(schema_version=0).restore(SMALL)
    with pytest.raises(InvalidRequest, match=r"schema version 0 of running_mean.*has version 2"):
        BELIEF._replace(schema_version=0).restore(Doubled(RunningMeanConfig()))


def test_a_record_of_another_format_is_refused_by_its_format() -> None:
    with pytest.raises(Unusable, match=r"format is b'SFR3'.*b'SFR2'"):
        Record.decode(b"SFR3" + RECORD.encode()[4:])


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS.keys())
def test_a_record_of_the_format_before_is_read_as_one_without_a_life(record: Record) -> None:
    beliefs = [record.belief.encoded, record.previous.encoded if record.previous else b""]
    sizes = [len(belief) for belief in beliefs]
    head = struct.pack("<II?q16s16s", *sizes, record.ended, record.last_rows, record.digest, record.start_digest)
    old = b"SFR1" + struct.pack("<I", zlib.crc32(head)) + head + b"".join(beliefs)
    assert Record.decode(old) == record._replace(life=0)


def test_a_state_of_another_filter_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidRequest, match=r"'other'.*'running_mean'"):
        BELIEF._replace(filter_name="other").restore(SMALL)


def test_a_state_of_another_size_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="15 bytes came for running_mean, its configuration has 16"):
        BELIEF._replace(state=BELIEF.state[:-1]).restore(SMALL)


def test_a_restored_state_cannot_be_changed_by_accident() -> None:
    assert not BELIEF.restore(SMALL).flags.writeable
