"""The server says what it is, what it serves, and that it is ready."""

from collections.abc import Callable

import grpc
import numpy as np
import pytest
from stream_filters import __version__
from stream_filters.filters.base import Tensor

from tests.predictor.models import KINDS, MODELS, bound, rows
from tests.predictor.process import PredictorProcess
from tests.predictor.v2 import Caller, message

HORIZON = 3
ROWS = 7
BATCH_INPUTS = {
    "sequence_ids": "BYTES",
    "offsets": "INT64",
    "lives": "INT64",
    "starts": "BOOL",
    "ends": "BOOL",
    "lengths": "INT64",
}


def test_every_registered_filter_is_served(served: PredictorProcess) -> None:
    assert served.models == MODELS


def test_the_server_is_live_and_ready(caller: Caller) -> None:
    assert caller.ask("ServerLive").live
    assert caller.ask("ServerReady").ready


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_ready(caller: Caller, model: str) -> None:
    assert caller.ask("ModelReady", name=model).ready


def test_the_server_names_itself_and_its_version(caller: Caller) -> None:
    metadata = caller.ask("ServerMetadata")
    assert (metadata.name, metadata.version) == ("stream-filters", __version__)
    assert {"sequence", "sequence(string_id)"} <= set(metadata.extensions)


@pytest.mark.parametrize("method", ["ModelReady", "ModelMetadata"])
def test_an_unknown_model_is_not_found(caller: Caller, method: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        caller.ask(method, name="nobody")
    assert error.value.code() is grpc.StatusCode.NOT_FOUND
    assert "nobody" in str(error.value.details())


@pytest.mark.parametrize("model", MODELS)
def test_every_output_of_the_metadata_comes_back_as_described(caller: Caller, model: str) -> None:
    described = caller.ask("ModelMetadata", name=model).outputs
    names = [output.name for output in described]
    observations = rows(model, ROWS)
    reply = caller.send(message(model, {"observations": observations}, outputs=names, horizon=HORIZON))
    came = {output.name: output for output in reply.message.outputs}
    assert set(came) == set(names)
    for output in described:
        assert came[output.name].datatype == output.datatype
        sizes = HORIZON if output.name.startswith("forecast_") else ROWS
        assert list(came[output.name].shape) == [sizes if size == -1 else size for size in output.shape], output.name


@pytest.mark.parametrize("model", MODELS)
def test_every_input_of_the_metadata_is_taken_as_described(caller: Caller, model: str, sequence: str) -> None:
    described = {tensor.name: tensor for tensor in caller.ask("ModelMetadata", name=model).inputs}
    one, shape = bound(model), [-1]
    expected = {"observations": ("FP64", [-1] if one.dimension == 1 else [-1, one.dimension]), "state": ("BYTES", [1])}
    expected |= {"time_deltas": ("FP64", shape)} if one.takes_time_deltas else {}
    expected |= {"observation_scale": ("FP64", shape)} if one.takes_observation_scales else {}
    expected |= {name: (datatype, shape) for name, datatype in BATCH_INPUTS.items()}
    assert {name: (tensor.datatype, list(tensor.shape)) for name, tensor in described.items()} == expected
    inputs = {
        "observations": rows(model, 2 * ROWS).reshape(2, ROWS, *rows(model, 0).shape[1:]),
        "sequence_ids": [f"{sequence} 1".encode(), f"{sequence} 2".encode()],
        "starts": np.array([True, True]),
        "ends": np.array([False, True]),
        "offsets": np.array([0, 0]),
        "lengths": np.array([ROWS, 3]),
    }
    if one.takes_time_deltas:
        inputs["time_deltas"] = np.ones((2, ROWS))
    if one.takes_observation_scales:
        inputs["observation_scale"] = np.ones((2, ROWS))
    assert list(caller.send(message(model, inputs))["status"]) == [b"", b""]


@pytest.mark.parametrize("model", MODELS)
def test_outputs_that_nobody_asked_for_are_the_default_set(caller: Caller, model: str) -> None:
    outputs = bound(model).outputs
    plain = [output.name for output in outputs if output.default and not output.on_horizon]
    assert list(caller.infer(model, rows(model, 2)).outputs) == plain
    later = [output.name for output in outputs if output.on_horizon]
    assert list(caller.infer(model, rows(model, 2), horizon=2).outputs) == [*plain, *later]


@pytest.mark.parametrize("model", MODELS)
def test_a_filter_declares_its_outputs_once_and_describes_them(model: str) -> None:
    outputs = bound(model).outputs
    assert len({output.name for output in outputs}) == len(outputs)
    assert all(output.description for output in outputs)
    assert KINDS[model].description


_SYMBOL: dict[bool, str] = {False: "T", True: "h"}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("described", [lambda output: output.shape[0]], ids=["first size"])
def test_the_first_size_of_an_output_is_its_rows(model: str, described: Callable[[Tensor], object]) -> None:
    """Answers of several streams are stacked and padded along it."""
    for output in bound(model).outputs:
        assert described(output) == _SYMBOL[output.on_horizon]
        assert not any(isinstance(size, str) for size in output.shape[1:])


@pytest.mark.parametrize("method", ["RepositoryModelLoad", "RepositoryModelUnload"])
def test_no_client_changes_what_is_served(caller: Caller, method: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        caller.ask(method, model_name=MODELS[-1])
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert caller.ask("ModelReady", name=MODELS[-1]).ready
