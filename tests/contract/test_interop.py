"""Clients of this field as they are, each in a process of its own: their generated messages exclude each other."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.predictor.models import MEAN, posterior_means
from tests.predictor.process import PredictorProcess

PEERS = Path(__file__).parent / "peers"
ROWS = [1.0, 2.0, 3.0]


def _run(peer: str, address: str, sequence_id: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(PEERS / peer), address, MEAN, sequence_id],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_tritons_client_drives_a_stream_with_its_own_sequence_arguments(served: PredictorProcess) -> None:
    means, next_offset = _run("triton_unary.py", served.grpc_address, "triton")
    np.testing.assert_allclose(means, posterior_means(ROWS)[-1:])
    assert next_offset == 3


def test_tritons_streaming_client_gets_answers_and_errors_in_order(served: PredictorProcess) -> None:
    told = _run("triton_stream.py", served.grpc_address, "triton-stream")
    np.testing.assert_allclose(np.concatenate([told[0], told[1], told[3]]), posterior_means([2.0, 2.0, 2.0]))
    assert "never-started" in told[2]


def test_tritons_http_client_drives_streams_of_either_type_of_id_in_json_and_in_binary(
    served: PredictorProcess,
) -> None:
    told = _run("triton_http.py", served.http_url.removeprefix("http://"), "triton-http")
    assert len(told) == 4
    for means, next_offset in told:
        np.testing.assert_allclose(means, posterior_means(ROWS)[-1:])
        assert next_offset == 3


def test_kserves_grpc_client_drives_a_stream(served: PredictorProcess) -> None:
    means, next_offset = _run("kserve_grpc.py", served.grpc_address, "kserve")
    np.testing.assert_allclose(means, posterior_means(ROWS))
    assert next_offset == 3


def test_kserves_rest_client_drives_a_stream_in_json_and_in_binary(served: PredictorProcess) -> None:
    for means in _run("kserve_rest.py", served.http_url, "kserve-rest"):
        np.testing.assert_allclose(means, posterior_means(ROWS))


def test_plain_http_drives_a_stream_in_json_and_in_binary(served: PredictorProcess) -> None:
    for means in _run("plain_rest.py", served.http_url, "plain-rest"):
        np.testing.assert_allclose(means, posterior_means(ROWS))


@pytest.mark.parametrize("order", ["client first", "kserve first"])
def test_our_client_and_kserve_live_in_one_process(order: str) -> None:
    imports = ["import stream_filters_client.stream", "import kserve.protocol.grpc.grpc_predict_v2_pb2"]
    script = "; ".join(imports if order == "client first" else imports[::-1])
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=120)
