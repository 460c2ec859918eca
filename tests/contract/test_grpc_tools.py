"""grpcurl and grpc-health-probe as they are, which know the server by its reflection and its health service alone."""

import base64
import json
import struct
import subprocess
from typing import Any

import numpy as np
import pytest

from tests.pinned_tools import tool
from tests.predictor.models import MEAN, MODELS, posterior_means
from tests.predictor.process import PredictorProcess

SERVICE = "inference.GRPCInferenceService"
OWN = "inference.StreamFilters"


def _run(name: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool(name), *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


def _grpcurl(served: PredictorProcess, *arguments: str, body: str = "") -> str:
    flags = ["-d", "@"] if body else []
    done = _run("grpcurl", "-plaintext", *flags, served.grpc_address, *arguments, stdin=body)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _request(sequence_id: str, offset: int, values: list[float]) -> str:
    parameters: dict[str, Any] = {"sequence_id": {"string_param": sequence_id}, "offset": {"int64_param": offset}}
    if offset == 0:
        parameters["sequence_start"] = {"bool_param": True}
    tensor = {"name": "observations", "datatype": "FP64", "shape": [len(values)], "contents": {"fp64_contents": values}}
    message = {"model_name": MEAN, "id": f"{offset}", "parameters": parameters, "inputs": [tensor]}
    return json.dumps({**message, "outputs": [{"name": "mean"}]})


def test_grpcurl_lists_the_services(served: PredictorProcess) -> None:
    expected = {SERVICE, OWN, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    assert set(_grpcurl(served, "list").split()) == expected


def test_grpcurl_lists_the_methods(served: PredictorProcess) -> None:
    methods = set(_grpcurl(served, "list", SERVICE).split())
    assert {f"{SERVICE}.{name}" for name in ("ModelInfer", "ModelStreamInfer", "ModelSequences")} < methods


def test_grpcurl_describes_the_streaming_method(served: PredictorProcess) -> None:
    told = " ".join(_grpcurl(served, "describe", f"{SERVICE}.ModelStreamInfer").split())
    signature = "( stream .inference.ModelInferRequest ) returns ( stream .inference.ModelStreamInferResponse );"
    assert f"rpc ModelStreamInfer {signature}" in told


@pytest.mark.parametrize("message", ["ModelInferRequest", "ModelStreamInferResponse"])
def test_grpcurl_describes_the_messages(served: PredictorProcess, message: str) -> None:
    assert f"message {message} {{" in _grpcurl(served, "describe", f"inference.{message}")


def test_grpcurl_sends_observations(served: PredictorProcess) -> None:
    told = json.loads(_grpcurl(served, f"{SERVICE}/ModelInfer", body=_request("grpcurl", 0, [1.0, 2.0, 4.0])))
    assert told["outputs"][0]["contents"]["fp64_contents"] == pytest.approx(posterior_means([1.0, 2.0, 4.0]))
    assert told["parameters"]["next_offset"] == {"int64_param": "3"}


def test_grpcurl_streams_observations(served: PredictorProcess) -> None:
    body = "\n".join(_request("grpcurl-stream", offset, [offset + 1.0]) for offset in (0, 1, 2))
    answers = _messages(_grpcurl(served, f"{SERVICE}/ModelStreamInfer", body=body))
    means = [answer["inferResponse"]["outputs"][0]["contents"]["fp64_contents"][0] for answer in answers]
    np.testing.assert_allclose(means, posterior_means([1.0, 2.0, 3.0]))


def test_grpcurl_takes_raw_contents(served: PredictorProcess) -> None:
    tensor = {"name": "observations", "datatype": "FP64", "shape": [2]}
    raw = base64.b64encode(struct.pack("<2d", 1.0, 2.0)).decode()
    body = {"model_name": MEAN, "inputs": [tensor], "raw_input_contents": [raw], "outputs": [{"name": "mean"}]}
    told = json.loads(_grpcurl(served, f"{SERVICE}/ModelInfer", body=json.dumps(body)))
    means = np.frombuffer(base64.b64decode(told["raw_output_contents"][0]))
    np.testing.assert_allclose(means, posterior_means([1.0, 2.0]))


def test_grpcurl_shows_a_refusal(served: PredictorProcess) -> None:
    command = ["-plaintext", "-d", _request("grpcurl-unknown", 7, [1.0]), served.grpc_address, f"{SERVICE}/ModelInfer"]
    done = _run("grpcurl", *command)
    assert "Code: NotFound" in done.stderr
    assert "sequence_start" in done.stderr


@pytest.mark.parametrize("service", ["", SERVICE, OWN, *MODELS])
def test_the_health_probe_finds_the_server_and_its_models_serving(served: PredictorProcess, service: str) -> None:
    done = _run("grpc-health-probe", f"-addr={served.grpc_address}", f"-service={service}")
    assert (done.returncode, done.stderr.strip()) == (0, "status: SERVING")


def test_the_health_probe_does_not_know_another_model(served: PredictorProcess) -> None:
    done = _run("grpc-health-probe", f"-addr={served.grpc_address}", "-service=nobody")
    assert done.returncode != 0


def _messages(text: str) -> list[Any]:
    """JSON values one behind the other."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text.rstrip()):
        value, at = decoder.raw_decode(text, at)
        found.append(value)
        at += len(text[at:]) - len(text[at:].lstrip())
    return found
