"""The same streams over REST: JSON with null for NaN, binary tensors, states as base64."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.predictor.models import MEAN, MODELS, bound, posterior_means, rows
from tests.predictor.process import PredictorProcess
from tests.predictor.rest import Http, body, state_bytes, tensor, text
from tests.predictor.v2 import Caller

NAN = float("nan")


@pytest.fixture(scope="module")
def http(served: PredictorProcess) -> Iterator[Http]:
    client = Http(served.http_url)
    yield client
    client.close()


def observed(values: Any) -> dict[str, Any]:
    return tensor("observations", np.asarray(values, float))


def binary(name: str, array: Any) -> tuple[dict[str, Any], bytes]:
    raw = array.tobytes()
    datatype = {"f8": "FP64", "f4": "FP32"}[array.dtype.str[1:]]
    parameters = {"binary_data_size": len(raw)}
    return {"name": name, "shape": list(array.shape), "datatype": datatype, "parameters": parameters}, raw


def test_the_server_is_live_and_ready(http: Http) -> None:
    assert (http.get("/v2/health/live").body, http.get("/v2/health/ready").body) == ({"live": True}, {"ready": True})


def test_every_registered_filter_is_listed(http: Http) -> None:
    assert http.get("/v2/models").body == {"models": MODELS}


@pytest.mark.parametrize("model", MODELS)
def test_the_metadata_is_that_of_grpc(http: Http, caller: Caller, model: str) -> None:
    told = http.get(f"/v2/models/{model}").body
    metadata = caller.ask("ModelMetadata", name=model)
    for kind, described in (("inputs", metadata.inputs), ("outputs", metadata.outputs)):
        expected = [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in described]
        assert [(tensor["name"], tensor["datatype"], tensor["shape"]) for tensor in told[kind]] == expected


@pytest.mark.parametrize("model", MODELS)
def test_the_answer_is_that_of_grpc(http: Http, caller: Caller, model: str) -> None:
    observations = rows(model, 9)
    names = list(bound(model).declared)
    over_grpc = caller.infer(model, observations, outputs=[*names, "state"], horizon=2)
    answer = http.infer(model, body(tensor("observations", observations), outputs=[*names, "state"], horizon=2))
    assert answer.status == 200, answer.body
    assert list(answer.outputs) == [*names, "state"]
    for name in names:
        np.testing.assert_array_equal(answer.outputs[name], over_grpc[name], err_msg=name)
    assert state_bytes(answer.outputs["state"][0]) == over_grpc.state


@pytest.mark.parametrize("model", MODELS)
def test_binary_outputs_are_those_of_grpc(http: Http, caller: Caller, model: str) -> None:
    observations = rows(model, 9)
    names = [*bound(model).declared, "state"]
    over_grpc = caller.infer(model, observations, outputs=names, horizon=2)
    head, raw = binary("observations", observations)
    answer = http.infer_binary(model, body(head, outputs=names, horizon=2, binary_data_output=True), raw)
    assert answer.status == 200, answer.body
    for name in names:
        np.testing.assert_array_equal(answer.outputs[name], over_grpc[name], err_msg=name)


def test_binary_single_precision_is_taken_at_its_value(http: Http) -> None:
    head, raw = binary("observations", np.array([0.1, 0.2], np.float32))
    answer = http.infer_binary(MEAN, body(head, outputs=["mean"]), raw)
    assert answer.outputs["mean"] == pytest.approx(posterior_means(np.array([0.1, 0.2], np.float32)))


def test_one_output_may_be_binary_and_another_not(http: Http) -> None:
    wanted = [{"name": "mean", "parameters": {"binary_data": True}}, "predictive_std"]
    answer = http.infer(MEAN, body(observed([1.0]), outputs=wanted))
    first, second = answer.body["outputs"]
    assert ("data" in first, "data" in second) == (False, True)
    assert answer.outputs["mean"] == pytest.approx(posterior_means([1.0]))


def test_null_is_a_missing_observation(http: Http) -> None:
    answer = http.infer(MEAN, body(observed([1.0, NAN, 3.0]), outputs=["mean"]))
    assert answer.outputs["mean"] == pytest.approx(posterior_means([1.0, NAN, 3.0]))


def test_null_in_nested_rows_is_a_missing_observation(http: Http) -> None:
    nested = {"name": "observations", "shape": [3, 1], "datatype": "FP64", "data": [[1.0], [None], [3.0]]}
    answer = http.infer(MEAN, body(nested, outputs=["mean"]))
    assert answer.status == 200, answer.body
    assert answer.outputs["mean"] == pytest.approx(posterior_means([1.0, NAN, 3.0]))


def test_an_undefined_value_is_null(http: Http) -> None:
    answer = http.infer(MEAN, body(observed([NAN]), outputs=["log_evidence"]))
    assert answer.body["outputs"][0]["data"] == [None]


def test_whole_numbers_are_numbers_too(http: Http) -> None:
    whole = {"name": "observations", "shape": [2], "datatype": "FP64", "data": [1, 2]}
    assert http.infer(MEAN, body(whole, outputs=["mean"])).outputs["mean"] == pytest.approx(posterior_means([1, 2]))


def test_the_answer_echoes_who_asked_whom(http: Http) -> None:
    answer = http.infer(MEAN, {**body(observed([1.0])), "id": "request 7"}).body
    assert (answer["id"], answer["model_name"]) == ("request 7", MEAN)


def test_a_stream_of_the_server_goes_on_over_either_transport(http: Http, caller: Caller, sequence: str) -> None:
    started = http.infer(MEAN, body(observed([1.0, 2.0]), sequence_id=sequence, sequence_start=True, offset=0))
    assert started.body["parameters"] == {"next_offset": 2, "replayed": False, "sequence_id": sequence}
    assert caller.infer(MEAN, [3.0], sequence_id=sequence, offset=2).parameters["next_offset"] == 3
    # the same rows over the other transport are the same request
    again = http.infer(MEAN, body(observed([3.0]), sequence_id=sequence, offset=2, outputs=["mean"]))
    assert again.body["parameters"]["replayed"] is True
    assert again.outputs["mean"] == pytest.approx(posterior_means([1, 2, 3])[-1:])


def test_settings_of_a_stream_come_as_a_string(http: Http, sequence: str) -> None:
    asked = body(
        observed([3.0]), sequence_id=sequence, sequence_start=True, config='{"prior_std": 1.0}', outputs=["mean"]
    )
    assert http.infer(MEAN, asked).outputs["mean"] == pytest.approx([1.5])


def test_a_client_carries_its_state_as_base64(http: Http) -> None:
    first = http.infer(MEAN, body(observed([1.0, 2.0]), outputs=["state"]))
    state = first.body["outputs"][0]["data"]
    second = http.infer(MEAN, body(observed([3.0]), text("state", state), outputs=["mean"]))
    assert second.outputs["mean"] == pytest.approx(posterior_means([1, 2, 3])[-1:])


def test_many_streams_fit_in_one_request(http: Http, sequence: str) -> None:
    names = [f"{sequence} {index}" for index in range(3)]
    asked = body(
        tensor("observations", np.array([[1.0, 2.0], [NAN, 4.0], [5.0, NAN]])),
        text("sequence_ids", names),
        tensor("starts", np.array([True, True, False])),
        tensor("lengths", np.array([2, 2, 1])),
        outputs=["mean", "state"],
    )
    answer = http.infer(MEAN, asked)
    assert answer.status == 200, answer.body
    assert [bool(status) for status in answer.outputs["status"]] == [False, False, True]
    assert "sequence_start" in answer.outputs["status"][2]
    assert answer.outputs["mean"][1] == pytest.approx([0.0, 4.0 / 1.01])
    assert list(answer.outputs["next_offsets"]) == [2, 2, -1]
    assert [bool(state) for state in answer.outputs["state"]] == [True, True, False]
