"""How much one REST request may bring, and how many may be in work; beyond it they are refused, health is not."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.conftest import StartPredictor
from tests.predictor.models import MEAN
from tests.predictor.process import PredictorProcess

MOST_BYTES = 20_000
PATHS = [f"/v2/models/{MEAN}/infer", f"/v1/models/{MEAN}:predict"]


@pytest.fixture(scope="module")
def http(start_predictor: StartPredictor) -> Iterator[httpx.Client]:
    predictor = start_predictor("--max-body-bytes", str(MOST_BYTES))
    with httpx.Client(base_url=predictor.http_url, timeout=60.0) as client:
        yield client


def _body(size: int) -> bytes:
    """A request of so many bytes."""
    tensor = {"name": "observations", "datatype": "FP64", "shape": [3], "data": [1.0, 2.0, 3.0]}
    text = json.dumps({"inputs": [tensor]})
    return text.encode().ljust(size)


def _in_pieces(body: bytes) -> Iterator[bytes]:
    """Sent so, its size is not told before."""
    for start in range(0, len(body), 1_000):
        yield body[start : start + 1_000]


def test_a_body_may_be_as_large_as_the_limit(http: httpx.Client) -> None:
    answer = http.post(PATHS[0], content=_body(MOST_BYTES), headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize("path", PATHS)
def test_a_larger_body_is_refused(http: httpx.Client, path: str, in_pieces: bool) -> None:
    body = _body(MOST_BYTES + 1)
    answer = http.post(path, content=_in_pieces(body) if in_pieces else body)
    assert answer.status_code == 413
    assert f"larger than {MOST_BYTES} bytes" in answer.json()["error"]


def test_a_body_that_is_refused_is_not_read(http: httpx.Client) -> None:
    """The size that is told decides: not one byte of the body comes."""
    with _begun(http, length=2**40) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_inference_beyond_the_limit_is_turned_away_and_health_is_not(start_predictor: StartPredictor) -> None:
    predictor = start_predictor("--max-concurrent", "2")
    with httpx.Client(base_url=predictor.http_url, timeout=60.0) as http, ThreadPoolExecutor(2) as pool:
        stop = threading.Event()
        busy = [pool.submit(_send_long, predictor, stop) for _ in range(2)]
        try:
            _until(http, 429)
            assert http.get("/v2/health/ready").status_code == 200
        finally:
            stop.set()
        assert {status for sent in busy for status in sent.result()} <= {200, 429}
        _until(http, 200)


def _send_long(predictor: PredictorProcess, stop: threading.Event) -> set[int]:
    """Requests that take the filter long, one after the other; the statuses of their answers."""
    tensor = {"name": "observations", "datatype": "FP64", "shape": [30_000], "data": [1.0] * 30_000}
    statuses = set()
    with httpx.Client(base_url=predictor.http_url, timeout=60.0) as http:
        while not stop.is_set():
            body = {"inputs": [tensor], "outputs": [{"name": "mean"}]}
            statuses.add(http.post(PATHS[0], json=body).status_code)
    return statuses


def _begun(http: httpx.Client, length: int) -> socket.socket:
    """A request whose head was sent, and nothing of its body."""
    connection = socket.create_connection((http.base_url.host, http.base_url.port or 80), timeout=30)
    head = f"POST {PATHS[0]} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    connection.sendall(head.encode())
    return connection


def _until(http: httpx.Client, status: int) -> None:
    """Asks until the answer has this status."""
    deadline = time.monotonic() + 30.0
    headers = {"content-type": "application/json"}
    while http.post(PATHS[0], content=_body(1_000), headers=headers).status_code != status:
        assert time.monotonic() < deadline


@pytest.fixture
def roomy(start_predictor: StartPredictor) -> Iterator[httpx.Client]:
    predictor = start_predictor("--models", json.dumps([{"name": MEAN, "filter": MEAN}]))
    with httpx.Client(base_url=predictor.http_url, timeout=60.0) as client:
        yield client


def test_a_request_whose_caller_has_gone_stops_and_changes_nothing(roomy: httpx.Client) -> None:
    """It would take seconds; its stream is never begun."""
    http, rows = roomy, 100_000
    tensor = {"name": "observations", "datatype": "FP64", "shape": [rows], "parameters": {"binary_data_size": 8 * rows}}
    parameters = {"sequence_id": "gone", "sequence_start": True}
    head = json.dumps({"inputs": [tensor], "outputs": [{"name": "mean"}], "parameters": parameters}).encode()
    body = head + bytes(8 * rows)
    connection = socket.create_connection((http.base_url.host, http.base_url.port or 80), timeout=30)
    lines = f"POST {PATHS[0]} HTTP/1.1\r\nhost: a\r\ninference-header-content-length: {len(head)}\r\n"
    connection.sendall(f"{lines}content-length: {len(body)}\r\n\r\n".encode() + body)
    busy = f'stream_filters_busy_streams{{model_name="{MEAN}"}} '
    _until_metric(http, busy + "1.0")
    connection.close()
    _until_metric(http, busy + "0.0")
    look = {"inputs": [{"name": "observations", "datatype": "FP64", "shape": [0], "data": []}]}
    told = http.post(PATHS[0], json={**look, "parameters": {"sequence_id": "gone"}})
    assert told.status_code == 404, told.text


def _until_metric(http: httpx.Client, line: str) -> None:
    deadline = time.monotonic() + 60.0
    while line not in http.get("/metrics").text:
        assert time.monotonic() < deadline
