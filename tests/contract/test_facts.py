"""What a program must act on is a field: the client works on a server all of whose sentences are the same word."""

import re
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from stream_filters.errors import CODES
from stream_filters.refusals import Refusal
from stream_filters_client import Patience, StreamClient, errors
from stream_filters_client.dashboard import watching
from stream_filters_client.protocol import administration, belief
from stream_filters_client.protocol.administration import Saved, Unreadable

from tests.client.faulty_proxy import Cut, FaultyProxy
from tests.client.streamed import CHUNKS, EVERY_PLACE, MODEL, ONE_TRY, PATIENCE, answered, by_unary_calls, places
from tests.client.wordless_hop import WORD, WordlessHop
from tests.conftest import StartPredictor
from tests.predictor.models import MEAN
from tests.predictor.process import PredictorProcess

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"
FACTS = pytest.mark.parametrize("facts", [True, False], ids=["facts", "older server"])
TRICKY = "is at offset 99"


@pytest.fixture
def hop(served: PredictorProcess, facts: bool) -> Iterator[WordlessHop]:
    with WordlessHop(served.grpc_address, facts=facts) as hop:
        yield hop


@FACTS
@pytest.mark.parametrize("transport", ["unary", "streaming"])
def test_a_wrong_offset_names_the_right_one_whatever_the_stream_is_called(
    hop: WordlessHop, facts: bool, transport: Any
) -> None:
    name = f"{TRICKY} {facts} {transport}"
    with StreamClient(hop.target, patience=ONE_TRY) as client:
        client.stream(MODEL, sequence_id=name, transport=transport).send([1.0, 2.0, 3.0])
        with pytest.raises(errors.OffsetMismatch) as ahead:
            client.stream(MODEL, sequence_id=name, offset=7, transport=transport).send([1.0])
        assert (ahead.value.next_offset, ahead.value.refusal) == ((3, "wrong-offset") if facts else (None, ""))
    assert hop.refusals[-1:] == ["wrong-offset"]


@FACTS
@pytest.mark.parametrize("lost", [0, 1, 6])
def test_lost_answers_are_recovered(hop: WordlessHop, facts: bool, served: PredictorProcess, lost: int) -> None:
    cuts = Cut(after=9, lost=lost), Cut(after=3, lost=min(lost, 1))
    name = f"{TRICKY} {facts} {lost}"
    with (
        FaultyProxy(hop.target, *cuts) as proxy,
        StreamClient(proxy.target, patience=PATIENCE) as client,
        client.stream(MODEL, sequence_id=name, transport="streaming") as stream,
    ):
        results = list(stream.send_many(CHUNKS, ahead=8))
    assert places(results) == EVERY_PLACE
    assert answered(results) == by_unary_calls(served)


@FACTS
def test_a_stream_and_a_model_that_are_not_there_are_told_apart(hop: WordlessHop, facts: bool) -> None:
    with StreamClient(hop.target, patience=ONE_TRY) as client:
        with pytest.raises(errors.SequenceLost, match=f"{TRICKY}.*use a store that survives") as lost:
            client.stream(MODEL, sequence_id=TRICKY, offset=4).send([1.0])
        with pytest.raises(errors.ModelNotFound) as unknown:
            client.stream("nothing").send([1.0])
    named = [lost.value.refusal, unknown.value.refusal]
    assert named == (["not-found", "model-not-found"] if facts else ["", ""])


def test_what_is_turned_away_for_want_of_room_is_sent_again(start_predictor: StartPredictor) -> None:
    predictor = start_predictor("--max-waiting", "1")
    patience = Patience(timeout_seconds=60.0, first_wait_seconds=0.01, last_wait_seconds=0.05, jitter_seconds=0.05)
    deadline = time.monotonic() + 120.0
    rows = [0.5] * 2_000
    with WordlessHop(predictor.grpc_address) as hop, StreamClient(hop.target, patience=patience) as client:
        client.stream(MODEL, sequence_id="busy").send([1.0])
        sent = 0

        def send(_: int) -> None:
            client.stream(MODEL, sequence_id="busy", resume=True, transport="unary").send(rows)

        while "overloaded" not in hop.refusals:
            assert time.monotonic() < deadline, "nobody was turned away"
            with ThreadPoolExecutor(8) as threads:
                list(threads.map(send, range(8)))
            sent += 8
        state = client.run(administration.look(MODEL, "busy", ["state"]))["state"][0]
    assert belief.read(state).offset == 1 + sent * len(rows)


@pytest.fixture(scope="module")
def spoilt(start_predictor: StartPredictor, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a predictor whose streams `bad True` and `bad False` are stored unreadably."""
    file = tmp_path_factory.mktemp("store") / "streams.db"
    before = start_predictor("--store", f"sqlite://{file}")
    with StreamClient(before.grpc_address) as client:
        for facts in (True, False):
            client.stream(MEAN, sequence_id=f"bad {facts}").send([1.0])
    before.stop()
    with closing(sqlite3.connect(file)) as store, store:
        assert store.execute("UPDATE streams SET value = substr(value, 1, 30)").rowcount == 2
    return start_predictor("--store", f"sqlite://{file}").grpc_address


@FACTS
def test_backup_and_dashboard_tell_what_is_gone_from_what_cannot_be_read(spoilt: str, facts: bool) -> None:
    bad, good, gone = (f"{kind} {facts}" for kind in ("bad", "good", "there is no stream"))
    with WordlessHop(spoilt, facts=facts) as hop, StreamClient(hop.target, patience=ONE_TRY) as client:
        client.stream(MEAN, sequence_id=good).send([1.0])
        state = client.run(administration.look(MEAN, good, ["state"]))["state"][0]
        saved = client.run(administration.save(MEAN, [bad, good, gone]))
        assert saved == ([Saved(MEAN, good, state)], [Unreadable(bad, WORD)])
        assert client.run(watching.states(MEAN, [bad, good, gone])) == {good: state, bad: WORD}
        assert [client.run(administration.delete(MEAN, name)) for name in (bad, good, gone)] == [True, True, False]
        assert client.run(administration.begin(saved[0][0]))
        assert not client.run(administration.begin(saved[0][0]))


def test_rest_says_the_facts_beside_the_sentence(served: PredictorProcess) -> None:
    tensor = {"name": "observations", "datatype": "FP64", "shape": [2], "data": [1.0, 2.0]}

    def post(model: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
        body = {"inputs": [tensor], "parameters": parameters}
        answer = httpx.post(f"{served.http_url}/v2/models/{model}/infer", json=body, timeout=60)
        return answer.status_code, {key: value for key, value in answer.json().items() if key != "error"}

    assert post(MODEL, sequence_id="rest facts", sequence_start=True, offset=0)[0] == 200
    told = post(MODEL, sequence_id="rest facts", offset=9)
    assert told == (409, {"refusal": "wrong-offset", "next_offset": 2})
    assert post(MODEL, sequence_id="nobody") == (404, {"refusal": "not-found"})
    assert post("nothing") == (404, {"refusal": "model-not-found"})
    assert post(MODEL, config="[]") == (400, {"refusal": "invalid-request"})


def test_the_protocol_lists_every_constant_and_the_client_knows_each() -> None:
    listed = set(re.findall(r"^\| `([a-z-]+)` \| [A-Z_]+ \(", PROTOCOL.read_text(encoding="utf-8"), re.MULTILINE))
    sent = {kind.constant for kind in CODES if issubclass(kind, Refusal)}
    assert sent | {"model-not-found", "model-not-ready", "internal"} == listed
    assert set(errors.BY_REFUSAL) == listed
