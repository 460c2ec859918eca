"""A request of no rows looks at a stream and changes nothing: operators may look while clients go on."""

import time
from typing import Any

import numpy as np

from tests.predictor.models import MEAN, rows
from tests.predictor.v2 import Caller, Refused, message

NOTHING = np.empty(0)


def test_the_last_request_is_still_answered_again_after_a_look(caller: Caller, sequence: str) -> None:
    last = message(MEAN, {"observations": [1.0, 2.0]}, sequence_id=sequence, sequence_start=True, offset=0)
    first = caller.send(last)
    looks: list[dict[str, Any]] = [{}, {"offset": 2}]
    for more in looks:
        caller.infer(MEAN, NOTHING, sequence_id=sequence, **more)
    again = caller.send(last)
    assert again.parameters["replayed"] is True
    assert again["mean"].tobytes() == first["mean"].tobytes()


def test_it_shows_the_belief_and_where_the_stream_is(caller: Caller, sequence: str) -> None:
    state = caller.infer(MEAN, [1.0, 2.0], sequence_id=sequence, sequence_start=True, outputs=["state"]).state
    looked = caller.infer(MEAN, NOTHING, sequence_id=sequence, horizon=2, outputs=["state", "forecast_mean"])
    assert looked.state == state
    assert looked["forecast_mean"].shape == (2,)
    assert looked.parameters == {"sequence_id": sequence, "next_offset": 2, "replayed": False}


def test_it_needs_not_know_the_dimension(caller: Caller, sequence: str) -> None:
    model = "streaming_kalman"
    config = '{"dimension": 2}'
    state = caller.infer(
        model,
        rows(model, 3, dimension=2),
        sequence_id=sequence,
        sequence_start=True,
        config=config,
        outputs=["state"],
    ).state
    assert caller.infer(model, NOTHING, sequence_id=sequence, outputs=["state"]).state == state


def test_an_offset_is_compared_with_the_streams_own(caller: Caller, sequence: str) -> None:
    caller.infer(MEAN, [1.0, 2.0], sequence_id=sequence, sequence_start=True)
    refused = caller.refused(message(MEAN, {"observations": NOTHING}, sequence_id=sequence, offset=1))
    assert (refused.code, "go on from offset 2" in refused.sentence) == ("FAILED_PRECONDITION", True)


def test_it_does_not_prolong_the_streams_life(small: Caller) -> None:
    deadline = time.monotonic() + 60.0
    small.infer("expiring", [1.0], sequence_id="looked-at", sequence_start=True)
    looking = message("expiring", {"observations": NOTHING}, sequence_id="looked-at")
    while not isinstance(outcome := small.outcome(looking), Refused):
        assert time.monotonic() < deadline, "the stream outlived its ttl"
    assert outcome.code == "NOT_FOUND"


def test_many_streams_are_looked_at_in_one_request(caller: Caller, sequence: str) -> None:
    names = [f"{sequence}-{number}" for number in range(3)]
    states = [
        caller.infer(MEAN, [float(number)], sequence_id=name, sequence_start=True, outputs=["state"]).state
        for number, name in enumerate(names)
    ]
    ids = [name.encode() for name in [*names, "nobody"]]
    looked = caller.send(message(MEAN, {"sequence_ids": ids, "observations": np.empty((4, 0))}, outputs=["state"]))
    assert list(looked["state"]) == [*states, b""]
    assert looked["next_offsets"].tolist() == [1, 1, 1, -1]
