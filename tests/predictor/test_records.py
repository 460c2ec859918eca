"""Streams as bytes: whole or refused, whatever happened to them."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_filters.records import DIGEST_BYTES, Belief, Record
from stream_filters.refusals import InvalidRequest, Unusable

from tests.predictor.models import MEAN, MODELS, bound

SMALL = bound(MEAN)
BELIEF = Belief.of(SMALL, 3, SMALL.initial_state())
RECORD = Record(BELIEF, replace(BELIEF, offset=1), 2, b"d" * DIGEST_BYTES, b"s" * DIGEST_BYTES, False)
RECORDS = {
    "with the belief before": RECORD,
    "without it": replace(RECORD, previous=None),
    "ended": replace(RECORD, ended=True),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS.keys())
def test_a_record_reads_back_as_it_was(record: Record) -> None:
    assert Record.decode(record.encode()) == record


@pytest.mark.parametrize("model", MODELS)
def test_a_belief_reads_back_as_it_was(model: str) -> None:
    one = bound(model)
    state = one.initial_state()
    belief = Belief.decode(Belief.of(one, 5, state).encode())
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
    for head in (b"", BELIEF.encode()[:prefix]):
        if head + data != BELIEF.encode():
            with pytest.raises(InvalidRequest):
                Belief.decode(head + data)


def test_a_changed_byte_of_a_belief_is_refused() -> None:
    data = BELIEF.encode()
    for place in range(len(data)):
        with pytest.raises(InvalidRequest, match=r"^state: "):
            Belief.decode(data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :])


def test_a_state_of_a_newer_schema_is_refused_by_its_version() -> None:
    with pytest.raises(InvalidRequest, match="schema version 2 of running_mean; this server reads version 1"):
        replace(BELIEF, schema_version=2).restore(SMALL)


def test_a_state_of_another_filter_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidRequest, match=r"'other'.*'running_mean'"):
        replace(BELIEF, filter_name="other").restore(SMALL)


def test_a_state_of_another_size_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="15 bytes came for running_mean, its configuration has 16"):
        replace(BELIEF, state=BELIEF.state[:-1]).restore(SMALL)


def test_a_restored_state_cannot_be_changed_by_accident() -> None:
    assert not BELIEF.restore(SMALL).flags.writeable
