"""Wrong requests over REST get the status of their refusal and its sentence; no body fails the server."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.predictor.models import MEAN
from tests.predictor.process import PredictorProcess
from tests.predictor.rest import Answer, Http, body, tensor, text

ROWS = tensor("observations", [1.0, 2.0])
HALF = "\ud800"
NAMELESS: dict[str, Any] = {HALF: 1}


@pytest.fixture(scope="module")
def http(served: PredictorProcess) -> Iterator[Http]:
    client = Http(served.http_url)
    yield client
    client.close()


@pytest.fixture(scope="module")
def victim(http: Http) -> str:
    """A stream that has seen two rows."""
    name = "the stream that every wrong body is for"
    assert http.infer(MEAN, body(ROWS, sequence_id=name, sequence_start=True)).status == 200
    return name


def rows(**changed: Any) -> dict[str, Any]:
    """The observations with something else in them; what is None is left out."""
    return {name: value for name, value in {**ROWS, **changed}.items() if value is not None}


# body, status, and the words that the sentence must have
CASES: dict[str, tuple[Any, int, list[str]]] = {
    "infinite": (body(rows(data=[1.0, float("inf")])), 400, ["observations", "Inf"]),
    "strings for numbers": (body(rows(data=["1", "2"])), 400, ["observations", "FP64"]),
    "truth for numbers": (body(rows(data=[True, False])), 400, ["observations", "FP64"]),
    "objects for numbers": (body(rows(data=[{}, {}])), 400, ["observations", "FP64"]),
    "ragged": (body(rows(shape=[2, 2], data=[[1.0, 2.0], [3.0]])), 400, ["observations"]),
    "too few values": (body(rows(data=[1.0])), 400, ["observations", "needs 2 values, 1 came"]),
    "giant number": (body(rows(data=[1.0, 10**400])), 400, ["observations"]),
    "deeply nested": (body(rows(data=json.loads("[" * 100 + "1" + "]" * 100))), 400, ["observations"]),
    "giant size": (body(rows(shape=[10**30], data=[])), 400, ["observations"]),
    "no data": (body(rows(data=None)), 400, []),
    "no shape": (body(rows(shape=None)), 400, ["shape"]),
    "no datatype": (body(rows(datatype=None)), 400, ["datatype"]),
    "unknown datatype": (body(rows(datatype="FP128")), 400, ["FP128", "FP64"]),
    "no inputs": ({}, 400, ["inputs"]),
    "inputs of another type": ({"inputs": 3}, 400, ["inputs"]),
    "an empty list of inputs": (body(), 400, ["observations"]),
    "unknown output": (body(ROWS, outputs=["means"]), 400, ["'means'"]),
    "unknown parameter": (body(ROWS, sequnce_id="a"), 400, ["'sequnce_id'"]),
    "float parameter": (body(ROWS, sequence_id="a", offset=1.5), 400, ["offset"]),
    "whole float parameter": (body(ROWS, sequence_id="a", offset=1.0), 400, ["offset"]),
    "null parameter": (body(ROWS, sequence_id=None), 400, ["sequence_id"]),
    "giant offset": (body(ROWS, sequence_id="the stream that every wrong body is for", offset=10**30), 409, ["offset"]),
    "negative offset": (body(ROWS, sequence_id="a", offset=-1), 400, ["offset"]),
    "state that is no base64": (body(ROWS, text("state", ["!"])), 400, ["state", "base64"]),
    "state that is a number": (body(ROWS, {**text("state", ["x"]), "data": [3]}), 400, ["state", "base64"]),
    "state that is none": (body(ROWS, text("state", ["AAAA"])), 400, ["state", "unchanged"]),
    "broken settings": (body(ROWS, sequence_id="a", sequence_start=True, config="{"), 400, ["config", "JSON"]),
    "half a character in a name": (body(ROWS, sequence_id=HALF, sequence_start=True), 400, ["sequence_id"]),
    "half a character in settings": (body(ROWS, sequence_id="a", sequence_start=True, config=HALF), 400, ["config"]),
    "half a character in a parameter": (body(ROWS, **NAMELESS), 400, ["parameter"]),
    "half a character in an output": (body(ROWS, outputs=[HALF]), 400, ["output"]),
    "half a character in an input": (body(rows(name=HALF)), 400, ["input"]),
    "half a character in a state": (body(ROWS, text("state", [HALF])), 400, ["state"]),
    "half a character for a stream": (
        body(rows(shape=[1, 2]), text("sequence_ids", [HALF])),
        400,
        ["sequence_ids"],
    ),
    "unknown stream": (body(ROWS, sequence_id="nobody"), 404, ["sequence_id", "sequence_start"]),
    "offset ahead": (body(ROWS, sequence_id="the stream that every wrong body is for", offset=9), 409, ["offset"]),
    "not JSON": (b"observations=1", 400, []),
    "not UTF-8": (b'{"inputs": "\xff"}', 400, []),
    "empty": (b"", 400, []),
    "a list": (b"[]", 400, []),
    "null": (b"null", 400, []),
    "nesting without end": (b"[" * 100_000, 400, []),
    "a number without end": (b'{"inputs": ' + b"1" * 10_000 + b"}", 400, []),
}


def offset_of(http: Http, name: str) -> int:
    seen: int = http.infer(MEAN, body(rows(shape=[0], data=[]), sequence_id=name)).body["parameters"]["next_offset"]
    return seen


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_body_has_the_status_of_its_refusal(http: Http, victim: str, case: str) -> None:
    sent, status, words = CASES[case]
    answer = http.infer(MEAN, sent)
    assert answer.status == status, answer.body
    said = json.dumps(answer.body, ensure_ascii=False)
    assert [word for word in words if word not in said] == [], said
    assert offset_of(http, victim) == 2


@pytest.mark.parametrize(
    ("path", "status"), [("/v2/models/nobody", 404), ("/v2/models/nobody/ready", 404), ("/v2/nowhere", 404)]
)
def test_what_is_not_there_is_not_found(http: Http, path: str, status: int) -> None:
    assert http.get(path).status == status


def test_an_unknown_model_is_not_found(http: Http) -> None:
    answer = http.infer("nobody", body(ROWS))
    assert (answer.status, "nobody" in answer.error) == (404, True)


@pytest.mark.parametrize("verb", ["load", "unload"])
def test_no_client_changes_what_is_served(http: Http, verb: str) -> None:
    assert http.post(f"/v2/repository/models/{MEAN}/{verb}").status == 404
    assert http.get(f"/v2/models/{MEAN}/ready").body["ready"] is True


def binary(**changed: Any) -> dict[str, Any]:
    head = {"name": "observations", "shape": [2], "datatype": "FP64", "parameters": {"binary_data_size": 16}}
    return {**head, **changed}


RAW = b"\0" * 16
# body, bytes behind it, and the length of the body as it is told
BINARY: dict[str, tuple[Any, bytes, str | None]] = {
    "truncated": (body(binary()), RAW[:9], None),
    "nothing behind": (body(binary()), b"", None),
    "size of another type": (body(binary(parameters={"binary_data_size": "16"})), RAW, None),
    "negative size": (body(binary(parameters={"binary_data_size": -1})), RAW, None),
    "no size": (body(binary(parameters={})), RAW, None),
    "parameters of another type": (body(binary(parameters=[1])), RAW, None),
    "name of another type": (body(binary(name=3)), RAW, None),
    "name that is a list": (body(binary(name=["a"])), RAW, None),
    "name that is an object": (body(binary(name={"a": 1})), RAW, None),
    "no name": (body({"shape": [2], "datatype": "FP64"}), RAW, None),
    "shape of another type": (body(binary(shape="2")), RAW, None),
    "shape of strings": (body(binary(shape=["2"])), RAW, None),
    "shape of floats": (body(binary(shape=[2.0])), RAW, None),
    "shape of nothing": (body({**binary(shape=None), "data": [1.0]}), b"", None),
    "shape that is a number": (body({**binary(shape=1), "data": [1.0]}), b"", None),
    "shape of nulls": (body({**binary(shape=[None]), "data": [1.0]}), b"", None),
    "shape of lists": (body({**binary(shape=[[1]]), "data": [1.0]}), b"", None),
    "shape of text": (body({**binary(shape=["1"]), "data": [1.0]}), b"", None),
    "datatype of another type": (body(binary(datatype=3)), RAW, None),
    "data that is a number": (body({**binary(), "data": 5}), b"", None),
    "data that is an object": (body({**binary(), "data": {"a": 1}}), b"", None),
    "data that is text": (body({**binary(), "data": "ab"}), b"", None),
    "strings cut inside": (body(binary(), binary(name="sequence_ids", datatype="BYTES", shape=[1])), RAW * 2, None),
    "inputs of another type": ({"inputs": {"a": 1}}, RAW, None),
    "inputs of numbers": ({"inputs": [1]}, RAW, None),
    "outputs of numbers": ({**body(binary()), "outputs": [1]}, RAW, None),
    "outputs of another type": ({**body(binary()), "outputs": 3}, RAW, None),
    "output's name of another type": ({**body(binary()), "outputs": [{"name": 3}]}, RAW, None),
    "output's name that is a list": ({**body(binary()), "outputs": [{"name": ["mean"]}]}, RAW, None),
    "output's parameters of another type": (
        {**body(binary()), "outputs": [{"name": "mean", "parameters": 3}]},
        RAW,
        None,
    ),
    "request's parameters in a list": ({**body(binary()), "parameters": [1]}, RAW, None),
    "request's parameters in text": ({**body(binary()), "parameters": "x"}, RAW, None),
    "parameter that is a list": ({**body(binary()), "parameters": {"sequence_id": ["a"]}}, RAW, None),
    "id of another type": ({**body(binary()), "id": {"a": 1}}, RAW, None),
    "no object": (b"[]", b"", None),
    "length that is no number": (body(binary()), RAW, "many"),
    "length that is negative": (body(binary()), RAW, "-5"),
    "length beyond the end": (body(binary()), RAW, "100000"),
    "length too short": (body(binary()), RAW, "3"),
}


@pytest.mark.parametrize("case", BINARY)
def test_a_wrong_binary_body_is_refused(http: Http, victim: str, case: str) -> None:
    sent, raw, length = BINARY[case]
    answer = http.infer_binary(MEAN, sent, raw, length=length)
    assert answer.status == 400, answer.body
    assert offset_of(http, victim) == 2


keys = st.sampled_from(["inputs", "outputs", "parameters", "id", "name", "shape", "datatype", "data", "sequence_id"])
leaves = st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats() | st.text(max_size=6) | st.just("FP64")
anything = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4))
inputs = st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(ROWS, anything)), max_size=2)
bodies = st.fixed_dictionaries(
    {"inputs": inputs | st.just([ROWS]) | anything},
    optional={
        "outputs": anything,
        "parameters": st.dictionaries(keys, anything, max_size=2) | anything,
        "id": anything,
    },
)


@settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(sent=bodies, is_binary=st.booleans())
def test_any_body_is_answered_or_refused(http: Http, sent: Any, is_binary: bool) -> None:
    answer: Answer = http.infer_binary(MEAN, sent, RAW) if is_binary else http.infer(MEAN, sent)
    assert answer.status in (200, 400, 404, 409), (answer.body, sent)
