"""Limits are settings: beyond them a request is refused before any work, and what is there stays."""

import time
from typing import Any

import numpy as np
import pytest

from tests.predictor.conftest import SMALL
from tests.predictor.models import MEAN, bound
from tests.predictor.v2 import Caller, Refused, Reply, add_input, message

pytestmark = pytest.mark.xdist_group("small")
MAX_STREAMS = int(SMALL["--max-streams"])
MAX_WAITING = int(SMALL["--max-waiting"])
MAX_ROWS = int(SMALL["--max-rows"])
MAX_BATCH_ROWS = int(SMALL["--max-batch-rows"])
MAX_BATCH_STREAMS = int(SMALL["--max-batch-streams"])
MAX_HORIZON = int(SMALL["--max-horizon"])
MAX_MESSAGE_BYTES = int(SMALL["--max-message-bytes"])


def turn(model: str, sequence: str, observations: Any, **more: Any) -> Any:
    return message(model, {"observations": observations}, sequence_id=sequence, **more)


def start(model: str, sequence: str, **more: Any) -> Any:
    return turn(model, sequence, [1.0], sequence_start=True, **more)


def fill(small: Caller, model: str, **more: Any) -> list[str]:
    """As many streams as the model may have."""
    names = [f"stream {index}" for index in range(MAX_STREAMS)]
    for name in names:
        small.send(start(model, name, **more))
    return names


def is_live(small: Caller, model: str, sequence: str) -> bool:
    """Asked by a request that is refused either way, so that it does not prolong the stream's life."""
    outcome = small.outcome(turn(model, sequence, [1.0], offset=1_000_000))
    assert isinstance(outcome, Refused)
    assert outcome.code in ("FAILED_PRECONDITION", "NOT_FOUND")
    return outcome.code == "FAILED_PRECONDITION"


def test_an_idle_stream_is_forgotten_while_one_in_use_stays(small: Caller) -> None:
    small.send(start("expiring", "idle"))
    small.send(start("expiring", "used"))
    deadline = time.monotonic() + 60.0
    while is_live(small, "expiring", "idle"):
        small.send(turn("expiring", "used", [1.0]))
        assert time.monotonic() < deadline
    assert is_live(small, "expiring", "used")


def test_live_streams_are_bounded(small: Caller) -> None:
    names = fill(small, "crowded")
    refused = small.refused(start("crowded", "one more"))
    assert refused.code == "RESOURCE_EXHAUSTED"
    assert f"{MAX_STREAMS} live streams" in refused.sentence
    assert "sequence_end" in refused.sentence
    assert all(is_live(small, "crowded", name) for name in names)
    assert not is_live(small, "crowded", "one more")


def test_the_end_of_a_stream_makes_room_for_another(small: Caller) -> None:
    names = fill(small, "ending")
    small.send(turn("ending", names[0], [1.0], sequence_end=True))
    small.send(start("ending", "one more"))
    assert small.refused(start("ending", "and one")).code == "RESOURCE_EXHAUSTED"


def test_a_stream_that_begins_again_needs_no_room(small: Caller) -> None:
    names = fill(small, "again")
    assert small.send(start("again", names[0])).parameters["next_offset"] == 1


def test_a_stream_that_has_just_ended_can_begin_again_in_a_full_model(small: Caller) -> None:
    """Its last answer is still held for retries, so it takes the place that it has."""
    names = fill(small, "retried", offset=0)
    small.send(turn("retried", names[0], [1.0], offset=1, sequence_end=True))
    assert small.send(start("retried", names[0], offset=0)).parameters["replayed"] is False


def test_as_many_streams_of_a_request_begin_as_there_is_room_for(small: Caller) -> None:
    names = [f"stream {index}".encode() for index in range(MAX_STREAMS + 2)]
    request = message("together", {"observations": np.ones((len(names), 1)), "sequence_ids": names})
    add_input(request, "starts", np.ones(len(names), bool))
    statuses = small.send(request)["status"]
    assert [not status for status in statuses] == [True] * MAX_STREAMS + [False] * 2
    assert b"live streams" in statuses[-1]


def test_many_requests_at_once_do_not_begin_more_streams_than_there_is_room_for(small: Caller) -> None:
    outcomes = small.send_all(start("rushed", f"stream {index}") for index in range(4 * MAX_STREAMS))
    begun = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, Reply)]
    assert len(begun) <= MAX_STREAMS
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Refused)} == {"RESOURCE_EXHAUSTED"}
    assert all(is_live(small, "rushed", f"stream {index}") for index in begun)


def test_no_more_requests_wait_for_a_stream_than_may(small: Caller) -> None:
    small.send(start("waiting", "slow"))
    outcomes = small.send_all([turn("waiting", "slow", np.ones(MAX_ROWS), outputs=["mean"])] * (MAX_WAITING + 6))
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert len(outcomes) - len(refused) >= 1 + MAX_WAITING
    assert {outcome.code for outcome in refused} == {"RESOURCE_EXHAUSTED"}
    assert "'slow'" in refused[0].sentence
    applied = 1 + MAX_ROWS * (len(outcomes) - len(refused))
    assert small.send(turn("waiting", "slow", [])).parameters["next_offset"] == applied


def test_a_request_may_have_as_many_rows_as_the_limit(small: Caller) -> None:
    reply = small.send(message("sizes", {"observations": np.ones(MAX_ROWS)}, outputs=["mean"]))
    assert reply["mean"].shape == (MAX_ROWS,)


def test_more_rows_are_refused(small: Caller) -> None:
    refused = small.refused(message("sizes", {"observations": np.ones(MAX_ROWS + 1)}, outputs=["mean"]))
    assert refused.code == "INVALID_ARGUMENT"
    assert f"observations: {MAX_ROWS + 1} rows" in refused.sentence
    assert f"the limit is {MAX_ROWS}; send several requests" in refused.sentence


@pytest.mark.parametrize(
    ("streams", "rows", "words"),
    [
        (MAX_BATCH_STREAMS + 1, 1, f"sequence_ids: {MAX_BATCH_STREAMS + 1} streams"),
        (1, MAX_ROWS + 1, f"observations: {MAX_ROWS + 1} rows of a stream"),
        (2, MAX_BATCH_ROWS // 2 + 1, f"observations: {MAX_BATCH_ROWS + 2} rows"),
    ],
    ids=["streams", "rows of one", "rows of all"],
)
def test_requests_of_many_streams_have_limits(small: Caller, streams: int, rows: int, words: str) -> None:
    inputs = {"observations": np.ones((streams, rows)), "sequence_ids": [b"%d" % index for index in range(streams)]}
    refused = small.refused(message("sizes", inputs))
    assert (refused.code, words in refused.sentence) == ("INVALID_ARGUMENT", True), refused


def test_a_forecast_has_a_limit(small: Caller) -> None:
    reply = small.send(message("sizes", {"observations": [1.0]}, horizon=MAX_HORIZON))
    assert reply["forecast_mean"].shape == (MAX_HORIZON,)
    refused = small.refused(message("sizes", {"observations": [1.0]}, horizon=MAX_HORIZON + 1))
    assert (refused.code, f"1 to {MAX_HORIZON}" in refused.sentence) == ("INVALID_ARGUMENT", True)


def test_a_message_has_a_limit(small: Caller) -> None:
    """gRPC itself refuses it, before there is a request."""
    refused = small.refused(message("sizes", {"observations": np.ones(MAX_MESSAGE_BYTES // 8)}))
    assert refused.code == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
def test_an_answer_that_would_be_too_large_is_refused_before_anything_is_applied(
    small: Caller, raw: bool, sequence: str
) -> None:
    names = [output.name for output in bound(MEAN).outputs if not output.on_horizon]
    small.send(start("sizes", sequence))
    request = turn("sizes", sequence, np.ones(MAX_ROWS), outputs=names, raw=raw)
    refused = small.refused(request)
    assert refused.code == "INVALID_ARGUMENT"
    assert "outputs: the answer" in refused.sentence
    assert str(MAX_MESSAGE_BYTES) in refused.sentence
    assert small.send(turn("sizes", sequence, [])).parameters["next_offset"] == 1


def test_an_answer_of_many_streams_that_would_be_too_large_is_refused(small: Caller) -> None:
    names = [output.name for output in bound(MEAN).outputs if not output.on_horizon]
    inputs = {"observations": np.ones((2, MAX_BATCH_ROWS // 2)), "sequence_ids": [b"a", b"b"]}
    request = message("sizes", inputs, outputs=names)
    add_input(request, "starts", np.ones(2, bool))
    refused = small.refused(request)
    assert (refused.code, "outputs: the answer" in refused.sentence) == ("INVALID_ARGUMENT", True)
