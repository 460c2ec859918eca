"""No route and no method of KServe's server fails on anything that is sent, by the v2 calls or by its other doors."""

import gzip
import json
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from tests.conftest import StartPredictor
from tests.predictor.models import MEAN
from tests.predictor.process import PredictorProcess
from tests.predictor.v2 import pb

ROOT = Path(__file__).parents[3]
INFER = f"/v2/models/{MEAN}/infer"
TENSOR = {"name": "observations", "datatype": "FP64", "shape": [2], "data": [1.0, None]}
GOOD: dict[str, Any] = {"inputs": [TENSOR]}
EVENT = {"ce-id": "1", "ce-source": "s", "ce-specversion": "1.0", "ce-type": "t"}
WHOLE_EVENT = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "time": "2026-01-01T00:00:00Z"}
TEXT = json.dumps(GOOD).encode()
BODIES = {
    "a v2 request": TEXT,
    "v1 instances": b'{"instances": [[1.0]]}',
    "a prompt": b'{"model": "m", "prompt": "hello", "messages": [{"role": "user", "content": "hello"}]}',
    "an event": json.dumps({**WHOLE_EVENT, "data": GOOD}).encode(),
    "a list": b"[1, 2]",
    "null": b"null",
    "not JSON": b"{",
    "NaN": b'{"inputs": NaN}',
    "not UTF-8": b"\xff\xfe\x00",
    "nothing": b"",
    "deep": b"[" * 5_000,
}
HEADERS: dict[str, dict[str, str]] = {
    "JSON": {"content-type": "application/json"},
    "no type": {},
    "text": {"content-type": "text/plain"},
    "bytes": {"content-type": "application/octet-stream", "inference-header-content-length": "7"},
    "bad length": {"inference-header-content-length": "x"},
    "event in headers": {**EVENT, "content-type": "application/json"},
    "half an event": {"ce-id": "1", "ce-specversion": "1.0"},
    "event in the body": {"content-type": "application/cloudevents+json"},
    "form": {"content-type": "application/x-www-form-urlencoded"},
    "parts": {"content-type": "multipart/form-data; boundary=x"},
    "no type at all": {"content-type": ";;;"},
    "compressed": {"content-encoding": "gzip", "content-type": "application/json"},
}
METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH")
OTHER_PATHS = [
    "/openai/v1/models",
    "/openai/v1/chat/completions",
    "/timeseries/v1/forecast",
    "/docs",
    "/nothing",
    "/v2/",
]


@pytest.fixture(scope="module")
def predictor(start_predictor: StartPredictor) -> PredictorProcess:
    models = json.dumps([{"name": MEAN, "filter": MEAN}])
    return start_predictor("--models", models)


@pytest.fixture
def http(predictor: PredictorProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=predictor.http_url, timeout=60) as client:
        yield client


def test_every_route_answers_right_and_wrong_bodies(predictor: PredictorProcess, http: httpx.Client) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.predictor.endpoints.routes"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=300,
    )
    routes = json.loads(told.stdout.splitlines()[-1])
    assert len(routes) > 15
    wrong = []
    for path, methods in [*routes, *((path, ["GET", "POST"]) for path in OTHER_PATHS)]:
        for model in (MEAN, "nobody") if "{" in path else (MEAN,):
            at = path.format(model_name=model, model_version="1")
            asked: list[tuple[str, bytes, dict[str, str]]] = [(method, b"", {}) for method in METHODS]
            if "POST" in methods or path in OTHER_PATHS:
                asked += [("POST", body, HEADERS["JSON"]) for body in BODIES.values()]
                asked += [("POST", TEXT, headers) for headers in HEADERS.values()]
            if path == "/v2/models/{model_name}/infer" and model == MEAN:
                asked += [("POST", body, headers) for body in BODIES.values() for headers in HEADERS.values()]
            for method, body, headers in asked:
                answer = http.request(method, at, content=body, headers=headers)
                if not _is_whole(method, answer):
                    wrong.append((method, at, body[:20], headers, answer.status_code, answer.text[:100]))
    assert wrong == []
    assert "Traceback" not in predictor.log
    assert "ERROR" not in predictor.log


def _is_whole(method: str, answer: httpx.Response) -> bool:
    """An answer, or a refusal in the shape that all have."""
    if answer.status_code >= 500:
        return False
    if method == "HEAD" or answer.is_redirect:
        return not answer.content
    if answer.status_code < 400:
        return True
    said = answer.json()
    return bool(said["error"] and said["refusal"]) and "detail" not in said


@pytest.mark.parametrize(
    "headers", [headers for name, headers in HEADERS.items() if name in {"JSON", "no type", "text"}]
)
def test_a_body_of_json_is_json_whatever_its_type(http: httpx.Client, headers: dict[str, str]) -> None:
    answer = http.post(INFER, content=TEXT, headers=headers)
    assert (answer.status_code, answer.json()["parameters"]["next_offset"]) == (200, 2)


def test_a_cloud_event_is_answered_in_json_without_nan(http: httpx.Client) -> None:
    body = {**GOOD, "outputs": [{"name": "log_evidence"}, {"name": "predictive_mean"}]}
    in_headers = http.post(INFER, json=body, headers=EVENT)
    in_body = http.post(INFER, json=body, headers={"content-type": "application/cloudevents+json"})
    for answer in (in_headers, in_body):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/")
        told = json.loads(answer.content, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        outputs = told.get("data", told)["outputs"]
        assert outputs[0]["data"][1] is None
    assert in_headers.headers["ce-type"] == "io.kserve.inference.response"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_a_compressed_body_is_refused_by_name(http: httpx.Client, coding: str) -> None:
    body = {"gzip": gzip.compress(TEXT), "deflate": zlib.compress(TEXT), "br": TEXT}[coding]
    answer = http.post(INFER, content=body, headers={"content-encoding": coding})
    assert (answer.status_code, answer.json()["refusal"]) == (415, "compressed")
    assert coding in answer.json()["error"]


@pytest.mark.parametrize("path", ["/", "/metrics", "/v2", "/v2/health/live", "/v2/health/ready", f"/v2/models/{MEAN}"])
def test_head_says_what_get_says_without_a_body(http: httpx.Client, path: str) -> None:
    head, get = http.head(path), http.get(path)
    assert (head.status_code, head.headers["content-type"], head.content) == (200, get.headers["content-type"], b"")


def test_no_grpc_method_fails_on_anything(predictor: PredictorProcess) -> None:
    service = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    names = [method.name for method in service.methods] + ["ModelSequences"]
    sent = [b"", b"\xff", b"\x0a\x03abc", b"\x0a\x07nothing", b"\x0a\x0crunning_mean", b"\x0a\x0crunning_mean\x12\x011"]
    codes = {}
    with grpc.insecure_channel(predictor.grpc_address) as channel:
        for name in names:
            call: Any = channel.unary_unary(f"/{service.full_name}/{name}")
            for message in sent:
                codes[name, message] = _code(call, message)
    assert {"INTERNAL", "UNKNOWN", "UNAVAILABLE", "CANCELLED"} & set(codes.values()) == set(), codes
    assert "Traceback" not in predictor.log


def _code(call: Any, message: bytes) -> str:
    try:
        call(message, timeout=60)
    except grpc.RpcError as error:
        code: str = error.code().name
        return code
    return "OK"
