"""Many streams in one request: each is applied or refused on its own, with the bits of a request of its own."""

from typing import Any

import numpy as np
import pytest

from tests.predictor.models import MEAN, MODELS, bound, posterior_means, rows
from tests.predictor.v2 import Caller, Reply, message

NAN = float("nan")
ROWS = 12


def many(names: list[str], observations: Any, model: str = MEAN, **more: Any) -> Any:
    """`starts`, `ends`, `offsets` and `lengths` are inputs, everything else is a parameter."""
    inputs: dict[str, Any] = {"observations": observations, "sequence_ids": [name.encode() for name in names]}
    for name in ("starts", "ends", "offsets", "lengths", "time_deltas", "observation_scale"):
        if name in more:
            inputs[name] = np.asarray(more.pop(name))
    return message(model, inputs, **more)


@pytest.fixture
def names(sequence: str) -> list[str]:
    return [f"{sequence} {index}" for index in range(4)]


def state_of(caller: Caller, name: str, model: str = MEAN) -> bytes:
    return caller.infer(model, rows(model, 0), sequence_id=name, outputs=["state"]).state


def begin(caller: Caller, names: list[str], model: str = MEAN) -> np.ndarray[Any, Any]:
    """Streams that have seen ROWS rows each, those rows."""
    observations = np.stack([rows(model, ROWS, seed) for seed in range(len(names))])
    caller.send(many(names, observations, model, starts=[True] * len(names), offsets=[0] * len(names)))
    return observations


@pytest.mark.parametrize("model", MODELS)
def test_every_stream_gets_the_bits_of_a_request_of_its_own(caller: Caller, names: list[str], model: str) -> None:
    begin(caller, names, model)
    outputs = list(bound(model).declared)
    singles = [f"{name} alone" for name in names]
    begin(caller, singles, model)
    observations = np.stack([rows(model, ROWS, 10 + seed) for seed in range(len(names))])
    lengths = [ROWS, 0, 5, 1]
    together = caller.send(many(names, observations, model, lengths=lengths, outputs=outputs, horizon=2))
    for index, name in enumerate(singles):
        alone = caller.infer(model, observations[index, : lengths[index]], sequence_id=name, outputs=outputs, horizon=2)
        for output in outputs:
            length = len(alone[output])
            np.testing.assert_array_equal(together[output][index][:length], alone[output], err_msg=output)


@pytest.mark.parametrize("model", MODELS)
def test_rows_that_a_stream_does_not_have_are_padded(caller: Caller, names: list[str], model: str) -> None:
    described = {output.name: output for output in caller.ask("ModelMetadata", name=model).outputs}
    outputs = [output.name for output in bound(model).outputs if not output.on_horizon]
    observations = np.stack([rows(model, ROWS, seed) for seed in range(4)])
    starts, lengths = [True] * 4, [ROWS, 0, 5, 1]
    reply = caller.send(many(names, observations, model, starts=starts, lengths=lengths, outputs=outputs))
    for name in outputs:
        assert reply[name].shape == (4, ROWS, *described[name].shape[1:])
        for index, length in enumerate(lengths):
            padding = reply[name][index, length:]
            assert (padding == -1).all() if described[name].datatype == "INT64" else np.isnan(padding).all()


@pytest.mark.parametrize("model", MODELS)
def test_requests_of_many_streams_can_be_cut_anywhere(caller: Caller, names: list[str], model: str) -> None:
    observations = np.stack([rows(model, 30, seed) for seed in range(4)])
    caller.send(many(names, observations[:, :11], model, starts=[True] * 4))
    caller.send(many(names, observations[:, 11:12], model))
    reply = caller.send(many(names, observations[:, 12:], model, outputs=["state"]))
    whole = [caller.infer(model, observations[index], outputs=["state"]).state for index in range(4)]
    assert list(reply["state"]) == whole


def test_every_stream_says_how_far_it_is(caller: Caller, names: list[str]) -> None:
    observations = begin(caller, names)
    reply = caller.send(many(names, observations, lengths=[0, 1, 2, 3]))
    assert list(reply["next_offsets"]) == [12, 13, 14, 15]
    assert list(reply["replayed"]) == [False] * 4
    assert list(reply["status"]) == [b""] * 4


def test_a_retry_is_answered_again_with_the_same_numbers(caller: Caller, names: list[str]) -> None:
    observations = begin(caller, names)
    request = many(names, observations, offsets=[ROWS] * 4)
    first, again = caller.send(request), caller.send(request)
    assert list(again["replayed"]) == [True] * 4
    for name in ("mean", "predictive_std", "next_offsets"):
        np.testing.assert_array_equal(again[name], first[name])


def test_a_stream_can_be_replayed_while_another_is_applied(caller: Caller, names: list[str]) -> None:
    observations = begin(caller, names)
    caller.send(many(names[:2], observations[:2], offsets=[ROWS] * 2))
    reply = caller.send(many(names, observations, offsets=[ROWS] * 4))
    assert list(reply["replayed"]) == [True, True, False, False]
    assert list(reply["next_offsets"]) == [2 * ROWS] * 4


def test_what_is_sent_in_one_request_can_be_retried_in_many(caller: Caller, names: list[str]) -> None:
    observations = begin(caller, names)
    caller.send(many(names, observations, offsets=[ROWS] * 4))
    for index, name in enumerate(names):
        assert caller.infer(MEAN, observations[index], sequence_id=name, offset=ROWS).parameters["replayed"] is True


def one_wrong(caller: Caller, names: list[str], **more: Any) -> tuple[Reply, list[bytes]]:
    """The answer to a request in which the third of four streams is wrong, and the states before it."""
    observations = begin(caller, names)
    observations = more.pop("observations", observations)
    before = [state_of(caller, name) for name in names]
    return caller.send(many(more.pop("names", names), observations, **more)), before


@pytest.mark.parametrize(
    ("offset", "words"),
    [(ROWS - 1, "go on from offset 12"), (ROWS + 1, "1 observations in between"), (-1, "offsets: -1")],
    ids=["behind", "ahead", "negative"],
)
def test_a_stream_at_another_offset_is_refused_alone(caller: Caller, names: list[str], offset: int, words: str) -> None:
    reply, before = one_wrong(caller, names, offsets=[ROWS, ROWS, offset, ROWS])
    assert [not status for status in reply["status"]] == [True, True, False, True]
    assert words in reply["status"][2].decode()
    assert np.isnan(reply["mean"][2]).all()
    # where the stream goes on, unless the offset is none of any stream
    assert list(reply["next_offsets"]) == [24, 24, -1 if offset < 0 else ROWS, 24]
    assert reply["codes"][2] == (b"invalid-request" if offset < 0 else b"wrong-offset")
    after = [state_of(caller, name) for name in names]
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, False, True, False]


def test_a_stream_with_an_infinite_value_is_refused_alone(caller: Caller, names: list[str]) -> None:
    observations = np.ones((4, ROWS))
    observations[2, 7] = np.inf
    reply, before = one_wrong(caller, names, observations=observations)
    assert [not status for status in reply["status"]] == [True, True, False, True]
    assert "observations: Inf came at index [7" in reply["status"][2].decode()
    assert state_of(caller, names[2]) == before[2]


def test_an_infinite_value_beyond_the_length_of_its_stream_does_not_count(caller: Caller, names: list[str]) -> None:
    observations = np.ones((4, ROWS))
    observations[2, 7:] = np.inf
    begin(caller, names)
    assert list(caller.send(many(names, observations, lengths=[ROWS, ROWS, 7, ROWS]))["status"]) == [b""] * 4


def test_a_stream_that_was_never_started_is_refused_alone(caller: Caller, names: list[str]) -> None:
    begin(caller, names[:3])
    reply = caller.send(many(names, np.ones((4, 1))))
    assert [not status for status in reply["status"]] == [True, True, True, False]
    assert b"sequence_start" in reply["status"][3]


def test_refused_streams_have_no_state_to_give(caller: Caller, names: list[str]) -> None:
    begin(caller, names[:3])
    reply = caller.send(many(names, np.ones((4, 1)), outputs=["state"]))
    assert [bool(state) for state in reply["state"]] == [True, True, True, False]


def test_a_request_whose_every_stream_is_refused_is_still_answered(caller: Caller, names: list[str]) -> None:
    reply = caller.send(many(names, np.ones((4, 2))))
    assert all(reply["status"])
    assert np.isnan(reply["mean"]).all()


def test_some_streams_start_while_others_go_on_and_others_end(caller: Caller, names: list[str]) -> None:
    begin(caller, names[:2])
    request = many(names, np.ones((4, 1)), starts=[False, False, True, True], ends=[False, True, False, True])
    assert list(caller.send(request)["next_offsets"]) == [ROWS + 1, ROWS + 1, 1, 1]
    statuses = caller.send(many(names, np.ones((4, 1))))["status"]
    assert [not status for status in statuses] == [True, False, True, False]


def test_settings_are_those_of_the_streams_that_start(caller: Caller, names: list[str]) -> None:
    begin(caller, names[:2])
    starts = [False, False, True, True]
    reply = caller.send(many(names, np.full((4, 1), 3.0), starts=starts, config='{"prior_std": 1.0}'))
    assert list(reply["status"]) == [b""] * 4
    assert reply["mean"][2:, 0] == pytest.approx([1.5, 1.5])


def test_wrong_settings_refuse_only_the_streams_that_start(caller: Caller, names: list[str]) -> None:
    begin(caller, names[:2])
    starts = [False, False, True, True]
    reply = caller.send(many(names, np.ones((4, 1)), starts=starts, config='{"prior_sd": 1.0}'))
    assert [not status for status in reply["status"]] == [True, True, False, False]
    assert b"'prior_sd'" in reply["status"][2]


def test_one_stream_may_be_many(caller: Caller, sequence: str) -> None:
    reply = caller.send(many([sequence], [[1.0, NAN, 4.0]], starts=[True]))
    assert reply["mean"][0] == pytest.approx(posterior_means([1.0, NAN, 4.0]))


@pytest.mark.parametrize("model", [model for model in MODELS if bound(model).takes_time_deltas])
def test_every_stream_has_time_steps_of_its_own(caller: Caller, names: list[str], model: str) -> None:
    observations = np.stack([rows(model, ROWS)] * 4)
    deltas = np.outer([0.5, 1.0, 2.0, 4.0], np.ones(ROWS))
    deltas[3, 5] = -1.0
    reply = caller.send(many(names, observations, model, starts=[True] * 4, time_deltas=deltas, outputs=["state"]))
    assert b"time_deltas: -1" in reply["status"][3]
    for index in range(3):
        alone = caller.infer(model, observations[index], inputs={"time_deltas": deltas[index]}, outputs=["state"])
        assert reply["state"][index] == alone.state


@pytest.mark.parametrize("model", [model for model in MODELS if bound(model).takes_observation_scales])
def test_every_stream_has_observation_scales_of_its_own(caller: Caller, names: list[str], model: str) -> None:
    observations = np.stack([rows(model, ROWS)] * 4)
    scales = np.outer([0.5, 1.0, 2.0, 4.0], np.ones(ROWS))
    scales[:3, 3] = 7.0
    scales[3, 5] = 0.0
    sent = many(names, observations, model, starts=[True] * 4, observation_scale=scales, outputs=["state"])
    reply = caller.send(sent)
    assert b"observation_scale: 0" in reply["status"][3]
    for index in range(3):
        own = {"observation_scale": scales[index]}
        assert reply["state"][index] == caller.infer(model, observations[index], inputs=own, outputs=["state"]).state
    assert len(set(reply["state"][:3])) == 3


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
def test_requests_of_many_streams_may_be_raw_or_typed(caller: Caller, names: list[str], raw: bool) -> None:
    reply = caller.send(many(names, np.ones((4, 2)), starts=[True] * 4, raw=raw))
    assert reply["mean"][:, 1] == pytest.approx([2.0 / 2.01] * 4)
