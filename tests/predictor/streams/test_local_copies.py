"""Local copies are bounded in number, never outlive their streams, and tell when one is dropped."""

import pytest
from stream_filters.streams.local_copies import LocalCopies
from stream_filters.streams.records import DIGEST_BYTES, Belief, Record
from stream_filters.telemetry import Operation, Reason

from tests.predictor.models import MEAN, bound

RECORD = Record(
    Belief.of(bound(MEAN), 0, bound(MEAN).initial_state().tobytes()), None, 0, bytes(DIGEST_BYTES), b"", False
)


class Heard:
    """An observer that remembers what it was told about copies."""

    def __init__(self) -> None:
        self.evictions: list[Reason] = []

    def evicted(self, reason: Reason) -> None:
        self.evictions.append(reason)

    def applied(self, requests: int, observations: int) -> None: ...
    def replayed(self) -> None: ...
    def conflicted(self) -> None: ...
    def computed(self, seconds: float) -> None: ...
    def stored(self, operation: Operation, seconds: float) -> None: ...


@pytest.fixture
def heard() -> Heard:
    return Heard()


def test_what_was_written_last_is_found_as_a_copy(heard: Heard) -> None:
    copies = LocalCopies((2, 10**6), heard, lambda: 0.0)
    newer = RECORD._replace(last_rows=7)
    copies.put("a", RECORD, b"1", 10.0)
    copies.put("a", newer, b"2", 10.0)
    held = copies.get("a")
    assert held is not None
    assert (held.record, held.version, held.cached, held.is_new) == (newer, b"2", True, False)
    assert (len(copies), heard.evictions) == (1, [])


def test_the_stream_that_was_written_longest_ago_makes_room(heard: Heard) -> None:
    copies = LocalCopies((2, 10**6), heard, lambda: 0.0)
    for key in ("a", "b", "a", "c"):
        copies.put(key, RECORD, b"1", 10.0)
    assert [key for key in "abc" if copies.get(key)] == ["a", "c"]
    assert heard.evictions == ["full"]


def test_a_copy_goes_when_its_stream_does(heard: Heard) -> None:
    time = [0.0]
    copies = LocalCopies((9, 10**6), heard, lambda: time[0])
    copies.put("a", RECORD, b"1", 10.0)
    time[0] = 5.0
    copies.put("b", RECORD, b"1", 15.0)
    time[0] = 10.0
    assert copies.get("a") is None
    assert copies.get("b") is not None
    assert (len(copies), heard.evictions) == (1, ["expired"])


def test_a_copy_that_is_dropped_is_no_eviction(heard: Heard) -> None:
    copies = LocalCopies((9, 10**6), heard, lambda: 0.0)
    copies.put("a", RECORD, b"1", 10.0)
    copies.drop("a")
    copies.drop("nobody")
    assert (copies.get("a"), len(copies), heard.evictions) == (None, 0, [])


def test_copies_have_room_for_so_many_bytes(heard: Heard) -> None:
    copies = LocalCopies((99, 5 * RECORD.size), heard, lambda: 0.0)
    for number in range(20):
        copies.put(str(number), RECORD, b"1", 10.0)
        copies.put(str(number), RECORD, b"2", 10.0)
    assert [number for number in range(20) if copies.get(str(number))] == [15, 16, 17, 18, 19]
    copies.drop("17")
    copies.put("more", RECORD, b"1", 10.0)
    assert len(copies) == 5
    assert heard.evictions == ["full"] * 15
