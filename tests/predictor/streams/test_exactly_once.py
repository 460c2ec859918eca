"""A stream takes every request once: what is applied, answered again or refused, by its offset."""

from typing import Any

import numpy as np
import pytest

from tests.predictor.models import MEAN, MODELS, posterior_means, rows
from tests.predictor.v2 import Caller, Reply, message


def turn(sequence: str, observations: Any, *, model: str = MEAN, **more: Any) -> Any:
    return message(model, {"observations": observations}, sequence_id=sequence, **more)


def state_of(caller: Caller, sequence: str, model: str = MEAN) -> bytes:
    """The belief, by a request of no rows."""
    return caller.send(turn(sequence, rows(model, 0), model=model, outputs=["state"])).state


@pytest.fixture
def begun(caller: Caller, sequence: str) -> str:
    """A stream that has seen [1, 2] and then [3, 4, 5], each with its offset."""
    caller.send(turn(sequence, [1.0, 2.0], sequence_start=True, offset=0))
    caller.send(turn(sequence, [3.0, 4.0, 5.0], offset=2))
    return sequence


def test_the_next_offset_is_applied(caller: Caller, begun: str) -> None:
    reply = caller.send(turn(begun, [6.0], offset=5))
    assert reply["mean"] == pytest.approx(posterior_means([1, 2, 3, 4, 5, 6])[-1:])
    assert reply.parameters == {"sequence_id": begun, "next_offset": 6, "replayed": False}


@pytest.mark.parametrize("model", MODELS)
def test_the_last_request_is_answered_again_with_the_same_bytes(caller: Caller, sequence: str, model: str) -> None:
    observations = rows(model, 30)
    caller.send(turn(sequence, observations[:20], model=model, sequence_start=True, offset=0))
    request = turn(sequence, observations[20:], model=model, offset=20, horizon=3)
    first, again = caller.send(request), caller.send(request)
    assert list(again.message.raw_output_contents) == list(first.message.raw_output_contents)
    assert (first.parameters["replayed"], again.parameters["replayed"]) == (False, True)
    assert again.parameters["next_offset"] == 30


def test_an_answer_given_again_applies_nothing(caller: Caller, begun: str) -> None:
    before = state_of(caller, begun)
    assert caller.send(turn(begun, [3.0, 4.0, 5.0], offset=2)).parameters["replayed"] is True
    assert state_of(caller, begun) == before


def test_an_answer_given_again_may_show_other_outputs(caller: Caller, begun: str) -> None:
    again = caller.send(turn(begun, [3.0, 4.0, 5.0], offset=2, outputs=["state", "predictive_std"]))
    assert set(again.outputs) == {"state", "predictive_std"}
    assert again.parameters["replayed"] is True
    assert again.state == state_of(caller, begun)


def test_a_request_from_before_the_last_one_is_refused_with_the_offset_to_go_on_from(
    caller: Caller, begun: str
) -> None:
    before = state_of(caller, begun)
    refused = caller.refused(turn(begun, [1.0, 2.0], offset=0))
    assert refused.code == "FAILED_PRECONDITION"
    assert "offset" in refused.sentence
    assert "5" in refused.sentence
    assert state_of(caller, begun) == before


def test_other_rows_at_the_last_offset_are_refused(caller: Caller, begun: str) -> None:
    refused = caller.refused(turn(begun, [3.0, 4.0, 5.5], offset=2))
    assert (refused.code, "go on from offset 5" in refused.sentence) == ("FAILED_PRECONDITION", True)


def test_fewer_rows_at_the_last_offset_are_refused(caller: Caller, begun: str) -> None:
    assert caller.refused(turn(begun, [3.0, 4.0], offset=2)).code == "FAILED_PRECONDITION"


def test_a_gap_is_refused_with_its_size(caller: Caller, begun: str) -> None:
    before = state_of(caller, begun)
    refused = caller.refused(turn(begun, [9.0], offset=8))
    assert refused.code == "FAILED_PRECONDITION"
    assert "offset 5" in refused.sentence
    assert "the 3 observations in between" in refused.sentence
    assert state_of(caller, begun) == before


def test_a_retry_of_the_start_is_answered_again(caller: Caller, sequence: str) -> None:
    request = turn(sequence, [1.0, 2.0], sequence_start=True, offset=0)
    first, again = caller.send(request), caller.send(request)
    assert list(again.message.raw_output_contents) == list(first.message.raw_output_contents)
    assert again.parameters["replayed"] is True
    assert caller.send(turn(sequence, [3.0], offset=2)).parameters["next_offset"] == 3


def test_a_late_duplicate_of_the_start_does_not_begin_again(caller: Caller, begun: str) -> None:
    before = state_of(caller, begun)
    refused = caller.refused(turn(begun, [1.0, 2.0], sequence_start=True, offset=0))
    assert refused.code == "FAILED_PRECONDITION"
    assert "go on from offset 5" in refused.sentence
    assert state_of(caller, begun) == before


def test_another_start_begins_again_from_the_prior(caller: Caller, begun: str) -> None:
    reply = caller.send(turn(begun, [7.0], sequence_start=True, offset=0))
    assert reply["mean"] == pytest.approx(posterior_means([7.0]))
    assert reply.parameters["next_offset"] == 1


def test_a_start_without_an_offset_begins_again_even_with_the_same_rows(caller: Caller, sequence: str) -> None:
    request = turn(sequence, [1.0, 2.0], sequence_start=True)
    first, again = caller.send(request), caller.send(request)
    assert again.parameters == first.parameters
    assert again.parameters["next_offset"] == 2


def test_a_start_takes_no_offset_but_zero(caller: Caller, begun: str) -> None:
    refused = caller.refused(turn(begun, [1.0], sequence_start=True, offset=5))
    assert refused.code == "INVALID_ARGUMENT"
    assert "offset: 5" in refused.sentence


def test_a_retry_of_the_end_is_answered_again(caller: Caller, begun: str) -> None:
    request = turn(begun, [6.0], offset=5, sequence_end=True)
    first, again = caller.send(request), caller.send(request)
    assert list(again.message.raw_output_contents) == list(first.message.raw_output_contents)
    assert again.parameters["replayed"] is True


@pytest.mark.parametrize("offset", [{}, {"offset": 5}], ids=["without offset", "with offset"])
def test_an_ended_stream_is_forgotten(caller: Caller, begun: str, offset: dict[str, Any]) -> None:
    caller.send(turn(begun, [6.0], sequence_end=True, **offset))
    refused = caller.refused(turn(begun, [7.0], offset=6))
    assert refused.code == "NOT_FOUND"
    assert "sequence_start" in refused.sentence


def test_an_ended_stream_can_begin_again_with_the_same_rows(caller: Caller, begun: str) -> None:
    caller.send(turn(begun, [6.0], offset=5, sequence_end=True))
    reply = caller.send(turn(begun, [1.0, 2.0], sequence_start=True, offset=0))
    assert reply.parameters == {"sequence_id": begun, "next_offset": 2, "replayed": False}


def test_a_stream_may_be_one_request_long(caller: Caller, sequence: str) -> None:
    request = turn(sequence, [1.0, 2.0], sequence_start=True, sequence_end=True, offset=0)
    assert caller.send(request).parameters["replayed"] is False
    assert caller.send(request).parameters["replayed"] is True
    assert caller.refused(turn(sequence, [3.0])).code == "NOT_FOUND"


def test_without_an_offset_every_request_is_applied(caller: Caller, sequence: str) -> None:
    caller.send(turn(sequence, [1.0], sequence_start=True))
    request = turn(sequence, [2.0])
    replies = [caller.send(request) for _ in range(3)]
    assert [reply.parameters["next_offset"] for reply in replies] == [2, 3, 4]
    assert not any(reply.parameters["replayed"] for reply in replies)


def test_a_stream_that_was_never_started_is_not_begun_silently(caller: Caller, sequence: str) -> None:
    refused = caller.refused(turn(sequence, [1.0], offset=0))
    assert refused.code == "NOT_FOUND"
    assert repr(sequence) in refused.sentence
    assert "start it with the parameter sequence_start" in refused.sentence


def test_twenty_requests_at_once_without_offsets_are_all_applied(caller: Caller, sequence: str) -> None:
    caller.send(turn(sequence, [], sequence_start=True))
    values = np.arange(20.0)
    replies = caller.send_all(turn(sequence, [value]) for value in values)
    answered = [reply for reply in replies if isinstance(reply, Reply)]
    assert sorted(reply.parameters["next_offset"] for reply in answered) == list(range(1, 21))
    # small integers: their sum is exact in any order
    assert state_of(caller, sequence) == caller.infer(MEAN, values, outputs=["state"]).state


def test_twenty_requests_at_once_with_offsets_give_the_stream_of_one_request(caller: Caller, sequence: str) -> None:
    observations = rows(MEAN, 40)
    caller.send(turn(sequence, [], sequence_start=True))
    pending = [turn(sequence, observations[start : start + 2], offset=start) for start in range(0, 40, 2)]
    while pending:
        outcomes = caller.send_all(pending)
        assert any(isinstance(outcome, Reply) for outcome in outcomes)
        refused = [
            (request, outcome)
            for request, outcome in zip(pending, outcomes, strict=True)
            if not isinstance(outcome, Reply)
        ]
        assert {outcome.code for _, outcome in refused} <= {"FAILED_PRECONDITION"}
        pending = [request for request, _ in refused]
    whole = caller.infer(MEAN, observations, outputs=["state"]).state
    assert state_of(caller, sequence) == whole


def test_twenty_copies_of_one_request_are_applied_once(caller: Caller, begun: str) -> None:
    replies = caller.send_all([turn(begun, [6.0], offset=5)] * 20)
    answered = [reply for reply in replies if isinstance(reply, Reply)]
    assert sorted(reply.parameters["replayed"] for reply in answered) == [False] + [True] * 19
    assert len({tuple(reply.message.raw_output_contents) for reply in answered}) == 1
