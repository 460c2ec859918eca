"""The messages are KServe's own, and live beside anybody else's."""

import subprocess
import sys
from pathlib import Path

import pytest

MAKE_WIRE = Path(__file__).parents[3] / "client" / "tools" / "make_wire.py"

BESIDE = """
import {module} as other
from stream_filters_client.wire import inference_pb2 as ours

request = ours.ModelInferRequest(model_name="m", id="7", raw_input_contents=[b"12345678"])
request.inputs.add(name="observations", datatype="FP64", shape=[1])
request.parameters["offset"].int64_param = 3
theirs = other.ModelInferRequest.FromString(request.SerializeToString())
assert theirs.inputs[0].name == "observations" and theirs.parameters["offset"].int64_param == 3
assert theirs.SerializeToString(deterministic=True) == request.SerializeToString(deterministic=True)
answer = ours.ModelStreamInferResponse(error_message="no", infer_response=ours.ModelInferResponse(id="7"))
assert ours.ModelStreamInferResponse.FromString(answer.SerializeToString()).infer_response.id == "7"
"""


def test_the_generated_modules_are_up_to_date() -> None:
    subprocess.run([sys.executable, MAKE_WIRE, "--check"], check=True)


@pytest.mark.parametrize("module", ["kserve.protocol.grpc.grpc_predict_v2_pb2", "tritonclient.grpc.service_pb2"])
def test_messages_load_beside_those_of_others_and_mean_the_same(module: str) -> None:
    subprocess.run([sys.executable, "-c", BESIDE.format(module=module)], check=True)


def test_the_streaming_response_has_tritons_wire_shape() -> None:
    script = """
from tritonclient.grpc import service_pb2 as triton
from stream_filters_client.wire import inference_pb2 as ours

answer = ours.ModelStreamInferResponse(error_message="no", infer_response=ours.ModelInferResponse(model_name="m"))
theirs = triton.ModelStreamInferResponse.FromString(answer.SerializeToString())
assert theirs.error_message == "no" and theirs.infer_response.model_name == "m"
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_client_needs_neither_kserve_nor_scipy_nor_numba() -> None:
    script = """
import sys
import stream_filters_client.cli
needless = {"kserve", "scipy", "numba", "tritonclient", "stream_filters", "pandas"} & set(sys.modules)
assert not needless, needless
"""
    subprocess.run([sys.executable, "-c", script], check=True)
