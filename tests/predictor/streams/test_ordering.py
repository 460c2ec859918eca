"""A client that repeats, delays and confuses its requests against the stream that it means."""

from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from stream_filters.filters.base import Batch
from stream_filters.refusals import InvalidRequest, NotFound, Refusal, WrongOffset
from stream_filters.streams.exactly_once import Apply, Replay, Turn, next_record, order
from stream_filters.streams.records import Belief, Record
from stream_filters.wire.configs import Binder

from tests.predictor.models import posterior_means
from tests.running_mean import RunningMean

BIND = Binder(RunningMean, {})
values = st.lists(st.floats(-100.0, 100.0), min_size=1, max_size=3)


def turn(rows: list[float], **more: Any) -> Turn:
    return Turn("a", np.array(rows).reshape(-1, 1), None, frozenset(["mean"]), **more)


class Stream:
    """A stream as a server keeps it: bytes between requests."""

    def __init__(self) -> None:
        self.stored: bytes | None = None

    def serve(self, asked: Turn) -> tuple[Any, bool]:
        """The means, and whether they were given before. Raises Refusal."""
        record = Record.decode(self.stored) if self.stored else None
        todo = order(asked, record, BIND)
        step = todo.bound.run(todo.before, asked.batch(todo.bound), asked.names)
        if type(todo) is Apply:
            belief = Belief.of(todo.bound, todo.offset + len(asked.observations), step.state.tobytes())
            self.stored = next_record(asked, record, todo, belief, asked.digest()).encode()
        return step.info["mean"], isinstance(todo, Replay)

    def state(self) -> bytes | None:
        return Record.decode(self.stored).belief.state if self.stored else None


class Client(RuleBasedStateMachine):
    """rows: what the stream should have seen. sent: every request that was applied since its start, with its answer."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = Stream()
        self.rows: list[float] = []
        self.sent: list[tuple[Turn, Any]] = []

    def refused(self, asked: Turn) -> Refusal:
        before = self.stream.stored
        with pytest.raises(Refusal) as error:
            self.stream.serve(asked)
        assert self.stream.stored == before
        return error.value

    @initialize(rows=values)
    def start(self, rows: list[float]) -> None:
        self.apply(turn(rows, start=True, offset=0), rows)

    @rule(rows=values)
    def begin_again(self, rows: list[float]) -> None:
        asked = turn([*rows, float(len(self.sent))], start=True)
        self.rows, self.sent = [], []
        self.apply(asked, [float(row) for row in asked.observations[:, 0]])

    @rule(rows=values)
    def send_the_next_rows(self, rows: list[float]) -> None:
        self.apply(turn(rows, offset=len(self.rows)), rows)

    @rule(rows=values)
    def send_the_next_rows_without_an_offset(self, rows: list[float]) -> None:
        self.apply(turn(rows), rows)

    def apply(self, asked: Turn, rows: list[float]) -> None:
        means, replayed = self.stream.serve(asked)
        self.rows += rows
        assert not replayed
        assert means == pytest.approx(posterior_means(self.rows)[-len(rows) :])
        self.sent.append((asked, means))

    @precondition(lambda self: self.sent[-1][0].offset is not None)
    @rule()
    def repeat_the_last_request(self) -> None:
        asked, means = self.sent[-1]
        before = self.stream.stored
        again, replayed = self.stream.serve(asked)
        assert replayed
        assert again.tobytes() == means.tobytes()
        assert self.stream.stored == before

    @precondition(lambda self: len(self.sent) > 1)
    @rule(data=st.data())
    def repeat_an_older_request(self, data: Any) -> None:
        asked, _ = data.draw(st.sampled_from(self.sent[:-1]))
        if asked.offset is not None:
            assert isinstance(self.refused(asked), WrongOffset)

    @rule(rows=values, gap=st.integers(1, 5))
    def send_rows_too_early(self, rows: list[float], gap: int) -> None:
        refusal = self.refused(turn(rows, offset=len(self.rows) + gap))
        assert isinstance(refusal, WrongOffset)
        assert f"the {gap} observations in between" in refusal.sentence

    @precondition(lambda self: len(self.rows) > 1)
    @rule(rows=values, data=st.data())
    def send_other_rows_at_an_offset_of_the_past(self, rows: list[float], data: Any) -> None:
        offset = data.draw(st.integers(0, len(self.rows) - 1))
        assert isinstance(self.refused(turn([*rows, 1e3 + len(self.rows)], offset=offset)), WrongOffset)

    @rule(offset=st.integers(1, 9))
    def start_in_the_middle(self, offset: int) -> None:
        assert isinstance(self.refused(turn([1.0], start=True, offset=offset)), InvalidRequest)

    @invariant()
    def the_belief_is_that_of_the_uninterrupted_stream(self) -> None:
        if self.rows:
            batch = Batch(np.array(self.rows).reshape(-1, 1), np.ones(len(self.rows)))
            bound = BIND(None)
            assert self.stream.state() == bound.run(bound.initial_state(), batch, frozenset()).state.tobytes()


TestClient = Client.TestCase
TestClient.settings = settings(max_examples=150, stateful_step_count=20, derandomize=True, deadline=None)


def test_a_stream_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound, match="start it with the parameter sequence_start"):
        Stream().serve(turn([1.0], offset=0))


def test_an_ended_stream_answers_its_end_again_and_nothing_else() -> None:
    stream = Stream()
    stream.serve(turn([1.0], start=True, offset=0))
    end = turn([2.0], offset=1, end=True)
    first, again = stream.serve(end), stream.serve(end)
    assert (first[0].tobytes(), first[1], again[1]) == (again[0].tobytes(), False, True)
    with pytest.raises(NotFound):
        stream.serve(turn([3.0], offset=2))


@pytest.mark.parametrize(
    "other",
    [
        turn([2.0, 3.0], offset=1, end=True),
        turn([2.0], offset=1),
        turn([2.0, 3.5], offset=1),
        Turn("a", np.array([[2.0], [3.0]]), np.array([1.0, 2.0]), frozenset(), offset=1),
    ],
    ids=["it ends", "fewer rows", "other rows", "other time steps"],
)
def test_only_the_very_same_request_is_answered_again(other: Turn) -> None:
    stream = Stream()
    stream.serve(turn([1.0], start=True, offset=0))
    stream.serve(turn([2.0, 3.0], offset=1))
    with pytest.raises(WrongOffset):
        stream.serve(other)


def test_nan_is_the_same_as_nan_in_a_retry() -> None:
    stream = Stream()
    stream.serve(turn([float("nan"), 1.0], start=True, offset=0))
    assert stream.serve(turn([float("nan"), 1.0], start=True, offset=0))[1]
