"""A stream arrives exactly once, however often the line breaks."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from stream_filters_client import AsyncStreamClient, Patience, StreamClient, errors

from tests.client.fake_predictor import FakePredictor, Fault

PATIENCE = Patience(
    timeout_seconds=1.0, retry_seconds=20.0, first_wait_seconds=0.01, last_wait_seconds=0.1, jitter_seconds=0.01
)
HURRY = Patience(timeout_seconds=1.0, retry_seconds=0.0)
MODEL = "streaming_kalman"


@pytest.fixture
def client(predictor: FakePredictor) -> Iterator[StreamClient]:
    with StreamClient(predictor.target, patience=PATIENCE) as client:
        yield client


def running_mean_before(values: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(values)[:-1] / np.arange(1, len(values))])


def test_a_stream_cut_into_requests_goes_on_where_it_was(client: StreamClient) -> None:
    values = np.random.default_rng(1).normal(size=12)
    with client.stream(MODEL) as stream:
        pieces = [stream.send(piece) for piece in np.split(values, [1, 5, 6])]
    means = np.concatenate([piece.predictive_mean for piece in pieces])
    np.testing.assert_allclose(means, running_mean_before(values), rtol=1e-12)
    assert [piece.offset for piece in pieces] == [0, 1, 5, 6]
    assert [piece.next_offset for piece in pieces] == [1, 5, 6, 12]


@pytest.mark.parametrize("fault", ["unavailable", "aborted", "drop", "hang", "kill"])
@pytest.mark.parametrize("when", ["first", "middle", "end"])
def test_a_fault_changes_nothing(predictor: FakePredictor, client: StreamClient, fault: Fault, when: str) -> None:
    values = np.random.default_rng(2).normal(size=9)
    results = []
    with client.stream(MODEL) as stream:
        for index, piece in enumerate(np.split(values, 3)):
            if (when, index) in {("first", 0), ("middle", 1)}:
                predictor.faults.append(fault)
            results.append(stream.send(piece))
        if when == "end":
            predictor.faults.append(fault)
    means = np.concatenate([result.predictive_mean for result in results])
    np.testing.assert_allclose(means, running_mean_before(values), rtol=1e-12)
    assert predictor.applied == 9
    assert all(sequence.ended for sequence in predictor.sequences.values())
    lost = fault in {"drop", "hang", "kill"}
    assert [result.replayed for result in results] == [lost and when == "first", lost and when == "middle", False]


def test_a_burst_of_faults_is_outlasted(predictor: FakePredictor, client: StreamClient) -> None:
    predictor.faults.extend(["unavailable", "aborted", "drop", "unavailable", "kill", "aborted"])
    with client.stream(MODEL) as stream:
        assert stream.send([1.0, 2.0]).replayed
    assert predictor.applied == 2


def test_after_giving_up_the_same_rows_can_be_sent_again(predictor: FakePredictor) -> None:
    with StreamClient(predictor.target, patience=HURRY) as client:
        stream = client.stream(MODEL)
        stream.send([1.0])
        predictor.faults.append("drop")
        with pytest.raises(errors.ServerUnavailable):
            stream.send([2.0])
        assert stream.send([2.0]).replayed
        stream.end()
    assert predictor.applied == 2


def test_a_request_without_offset_is_never_sent_twice(predictor: FakePredictor, client: StreamClient) -> None:
    with client.stream(MODEL, sequence_id="a", keep=True) as stream:
        stream.send([1.0, 2.0, 3.0])
    predictor.faults.append("drop")
    sent = len(predictor.requests)
    with pytest.raises(errors.OutcomeUnknown, match="next offset"):
        client.stream(MODEL, sequence_id="a", resume=True).send([4.0])
    assert len(predictor.requests) == sent + 1


def test_a_request_that_was_turned_away_is_sent_again_with_or_without_offset(
    predictor: FakePredictor, client: StreamClient
) -> None:
    predictor.faults.append("overloaded")
    with client.stream(MODEL, sequence_id="a", keep=True) as stream:
        stream.send([1.0, 2.0, 3.0])
    predictor.faults.append("overloaded")
    assert client.stream(MODEL, sequence_id="a", resume=True).send([4.0]).next_offset == 4
    assert predictor.applied == 4


@pytest.mark.parametrize(
    ("fault", "error", "sentence"),
    [("full", errors.TooManyStreams, "end some"), ("too large", errors.InvalidRequest, "send fewer rows")],
)
def test_a_limit_is_told_at_once(
    predictor: FakePredictor, client: StreamClient, fault: Fault, error: type[Exception], sentence: str
) -> None:
    predictor.faults.append(fault)
    with pytest.raises(error, match=sentence):
        client.stream(MODEL).send([1.0])
    assert len(predictor.requests) == 1


def test_a_stream_is_resumed_at_its_offset_or_wherever_it_is(client: StreamClient) -> None:
    with client.stream(MODEL, sequence_id="a", keep=True) as stream:
        stream.send([1.0, 2.0, 3.0])
    with client.stream(MODEL, sequence_id="a", offset=3, keep=True) as stream:
        assert stream.send([4.0]).predictive_mean[0] == 2.0
    with client.stream(MODEL, sequence_id="a", resume=True) as stream:
        assert stream.offset is None
        assert stream.send([5.0]).predictive_mean[0] == 2.5
        assert stream.offset == 5


def test_a_wrong_offset_is_refused_with_the_right_one(client: StreamClient) -> None:
    with client.stream(MODEL, sequence_id="a", keep=True) as stream:
        stream.send([1.0, 2.0, 3.0])
    with pytest.raises(errors.OffsetMismatch) as caught:
        client.stream(MODEL, sequence_id="a", offset=7).send([4.0])
    assert caught.value.next_offset == 3


def test_a_lost_stream_is_told_and_never_begun_again_silently(predictor: FakePredictor, client: StreamClient) -> None:
    stream = client.stream(MODEL)
    stream.send([1.0])
    predictor.faults.append("forget")
    with pytest.raises(errors.SequenceLost, match="begin a new one"):
        stream.send([2.0])
    stream.end()
    with pytest.raises(errors.InvalidRequest, match="has ended"):
        stream.send([2.0])


def test_config_travels_with_the_start_only(predictor: FakePredictor, client: StreamClient) -> None:
    with client.stream(MODEL, config={"interval": 0.8}) as stream:
        stream.send([1.0])
        stream.send([2.0])
    first, second, last = predictor.requests
    assert first.parameters["config"].string_param == '{"interval": 0.8}'
    assert first.parameters["sequence_start"].bool_param
    assert not {"config", "sequence_start"} & set(second.parameters)
    assert last.parameters["sequence_end"].bool_param


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"model": "nothing"}, errors.ModelNotFound, "there is no model"),
        ({"model": MODEL, "config": {"bad": 1}}, errors.InvalidRequest, "remove it"),
        ({"model": MODEL, "offset": 3}, errors.InvalidRequest, "sequence_id"),
        ({"model": MODEL, "offset": 3, "sequence_id": "a", "config": {"x": 1}}, errors.InvalidRequest, "begin anew"),
        ({"model": MODEL, "config": {"x": float("nan")}}, errors.InvalidRequest, "JSON"),
    ],
)
def test_what_cannot_work_is_refused_at_once(
    client: StreamClient, arguments: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        client.stream(**arguments).send([1.0])


@pytest.mark.parametrize("observations", [["one"], np.zeros((2, 2, 2)), [[1.0], [1.0, 2.0]]])
def test_observations_that_are_none_are_refused(client: StreamClient, observations: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="observations"):
        client.infer(MODEL, observations)


def test_none_and_a_number_alone_are_observations(client: StreamClient) -> None:
    with client.stream(MODEL) as stream:
        stream.send(3.0)
        assert stream.send([None, 1.0]).predictive_mean.tolist() == [3.0, 3.0]


def test_results_are_read_by_name_or_attribute_and_name_what_is_absent(client: StreamClient) -> None:
    result = client.infer(MODEL, [1.0, 2.0], outputs=["pit", "position_mean"])
    assert list(result) == ["pit", "position_mean"]
    assert result.position_mean is result["position_mean"]
    assert result.position_mean.shape == (2, 1)
    assert not result.position_mean.flags.writeable
    with pytest.raises(AttributeError, match="outputs="):
        _ = result.velocity_mean
    with pytest.raises(KeyError, match="outputs="):
        _ = result["velocity_mean"]


def test_check_makes_a_round_trip_with_every_model(predictor: FakePredictor, client: StreamClient) -> None:
    check = client.check()
    assert check.passed
    assert check.server.name == "fake"
    assert [trip.model for trip in check.round_trips] == ["streaming_kalman", "online_ar_learning", "adaptive_mixture"]
    assert all(sequence.ended for sequence in predictor.sequences.values())
    with pytest.raises(errors.ModelNotFound):
        client.check(["nothing"])


def test_nobody_at_the_address_is_told_with_the_next_step() -> None:
    with (
        StreamClient("127.0.0.1:1", patience=HURRY) as client,
        pytest.raises(errors.ServerUnavailable, match="start the server, or name another address"),
    ):
        client.server()
    with pytest.raises(errors.InvalidRequest, match="host:port"):
        StreamClient("http://localhost:8081")


@pytest.mark.parametrize("fault", ["unavailable", "aborted", "drop", "hang", "kill"])
async def test_asyncio_keeps_the_same_promises(predictor: FakePredictor, fault: Fault) -> None:
    values = np.random.default_rng(3).normal(size=6)
    async with AsyncStreamClient(predictor.target, patience=PATIENCE) as client:
        async with client.stream(MODEL) as stream:
            first = await stream.send(values[:3])
            predictor.faults.append(fault)
            second = await stream.send(values[3:])
        means = np.concatenate([first.predictive_mean, second.predictive_mean])
        np.testing.assert_allclose(means, running_mean_before(values), rtol=1e-12)
        assert (await client.check()).passed
        stateless = await client.infer(MODEL, values)
        np.testing.assert_allclose(stateless.predictive_mean, running_mean_before(values), rtol=1e-12)
    assert second.replayed == (fault in {"drop", "hang", "kill"})
