"""The streams of a model can be listed page by page, over gRPC and over REST."""

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import grpc
import numpy as np
import pytest
from stream_filters_client.wire import inference_pb2 as wire

from tests.conftest import StartPredictor
from tests.predictor.models import MEAN
from tests.predictor.process import PredictorProcess
from tests.predictor.v2 import Caller, message
from tests.store.servers import Server

# names that paths, patterns and queries could stumble over
NAMES = {f"s-{number}" for number in range(40)} | {"a*b", "x/y z", "[q]", "ü", "%2F", "-1"}
STORES = ["memory", "sqlite", "valkey"]


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Any:
    server = Server(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module", params=STORES)
def holding(
    request: pytest.FixtureRequest, start_predictor: StartPredictor, tmp_path_factory: pytest.TempPathFactory
) -> PredictorProcess:
    """A predictor with a model of many streams, one of one, and one of none."""
    urls = {"memory": "memory://", "sqlite": f"sqlite://{tmp_path_factory.mktemp('file')}/streams.db"}
    if request.param == "valkey":
        urls["valkey"] = f"valkey://127.0.0.1:{request.getfixturevalue('valkey').port}"
    models = json.dumps([{"name": name, "filter": MEAN} for name in ("many", "many.more", "none")])
    predictor = start_predictor("--models", models, "--store", urls[request.param])
    ids = [name.encode() for name in sorted(NAMES)]
    starts = {"sequence_ids": ids, "observations": np.ones((len(ids), 1)), "starts": np.ones(len(ids), bool)}
    caller = Caller(predictor.grpc_address)
    caller.send(message("many", starts))
    caller.infer("many.more", [1.0], sequence_id="other", sequence_start=True)
    return predictor


@pytest.fixture(scope="module")
def alone(start_predictor: StartPredictor) -> PredictorProcess:
    return start_predictor("--models", json.dumps([{"name": MEAN, "filter": MEAN}]))


def page(predictor: PredictorProcess, model: str, **fields: Any) -> Any:
    with grpc.insecure_channel(predictor.grpc_address) as channel:
        method = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelSequences",
            request_serializer=wire.ModelSequencesRequest.SerializeToString,
            response_deserializer=wire.ModelSequencesResponse.FromString,
        )
        return method(wire.ModelSequencesRequest(model_name=model, **fields), timeout=60)


def get(predictor: PredictorProcess, model: str, **query: Any) -> dict[str, Any]:
    url = f"{predictor.http_url}/v2/models/{model}/sequences?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=60) as response:
        found: dict[str, Any] = json.load(response)
        return found


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_the_pages_hold_every_stream_of_the_model_and_no_other(holding: PredictorProcess, limit: int) -> None:
    found, after, pages = [], "", 0
    while pages == 0 or after:
        answer = page(holding, "many", after=after, limit=limit)
        assert len(answer.sequence_ids) <= max(limit, 10) + 10
        found += answer.sequence_ids
        after, pages = answer.next, pages + 1
        assert pages <= 2 * len(NAMES)
    assert set(found) == NAMES


def test_rest_gives_the_same_pages(holding: PredictorProcess) -> None:
    first = get(holding, "many", limit=20)
    assert first["model_name"] == "many"
    found, after = set(first["sequence_ids"]), first["next"]
    assert after
    while after:
        following = get(holding, "many", limit=20, after=after)
        found |= set(following["sequence_ids"])
        after = following["next"]
    assert found == NAMES


def test_a_model_without_streams_has_an_empty_page(holding: PredictorProcess) -> None:
    answer = page(holding, "none")
    assert (list(answer.sequence_ids), answer.next) == ([], "")


@pytest.mark.parametrize(
    ("model", "fields", "code", "part"),
    [
        ("nobody", {}, "NOT_FOUND", "nobody"),
        ("many", {"limit": -1}, "INVALID_ARGUMENT", "limit: -1 came"),
        ("many", {"limit": 1001}, "INVALID_ARGUMENT", "limit: 1001 came"),
    ],
)
def test_what_cannot_be_listed_is_refused(
    alone: PredictorProcess, model: str, fields: dict[str, Any], code: str, part: str
) -> None:
    model = model.replace("many", MEAN)
    with pytest.raises(grpc.RpcError) as refused:
        page(alone, model, **fields)
    assert refused.value.code().name == code
    assert part in str(refused.value.details())


def test_rest_refuses_with_its_statuses(alone: PredictorProcess) -> None:
    for model, query, status in (("nobody", {}, 404), (MEAN, {"limit": 0}, 400), (MEAN, {"limit": "many"}, 400)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(alone, model, **query)
        with refused.value as answer:
            assert answer.code == status
            assert "error" in json.load(answer)


def test_a_token_that_no_page_gave_is_refused_by_a_store_that_would_lose_itself(
    start_predictor: StartPredictor, valkey: Server
) -> None:
    models = json.dumps([{"name": MEAN, "filter": MEAN}])
    predictor = start_predictor("--models", models, "--store", f"valkey://127.0.0.1:{valkey.port}")
    for token in ("x", "9-0", "0-99999999999999999999", "-1-5"):
        with pytest.raises(grpc.RpcError) as refused:
            page(predictor, MEAN, after=token)
        assert (refused.value.code().name, "after: " in str(refused.value.details())) == ("INVALID_ARGUMENT", True)
