"""Requests and responses that are so large that they are read and written in steps."""

from typing import Any

import grpc
import numpy as np
import pytest
from stream_filters_client.wire import inference_pb2 as wire

from tests.predictor.endpoints.calls import METHOD
from tests.predictor.process import PredictorProcess
from tests.predictor.v2 import Caller, message, pb

MODEL = "streaming_kalman"
ROWS = 100_000
OUTPUTS = ("position_mean", "position_std")
VALUES = np.random.default_rng(5).standard_normal(ROWS)
# fields that no version of the protocol has: one of no bytes, and one that is a number
UNKNOWN, UNKNOWN_NUMBER = b"\xa2\x06\x00", b"\xa0\x06\x01"


@pytest.fixture(scope="module")
def caller(served: PredictorProcess) -> Caller:
    return Caller(served.grpc_address)


@pytest.fixture(scope="module")
def expected(caller: Caller) -> dict[str, bytes]:
    """The outputs of requests that are small, one after the other on one stream."""
    pieces: dict[str, list[bytes]] = {name: [] for name in OUTPUTS}
    for start in range(0, ROWS, 5_000):
        rows = VALUES[start : start + 5_000]
        reply = caller.infer(MODEL, rows, outputs=OUTPUTS, sequence_id="in pieces", sequence_start=start == 0)
        for name in OUTPUTS:
            pieces[name].append(reply[name].tobytes())
    return {name: b"".join(parts) for name, parts in pieces.items()}


def _large(values: Any = VALUES) -> Any:
    return message(MODEL, {"observations": values}, outputs=OUTPUTS, id="large")


def _raw_first() -> bytes:
    """The message with its raw contents before all else."""
    whole = _large()
    raw = pb.ModelInferRequest(raw_input_contents=whole.raw_input_contents)
    whole.ClearField("raw_input_contents")
    return bytes(raw.SerializeToString() + whole.SerializeToString())


FORMS = {
    "as protobuf writes it": _large().SerializeToString(),
    "raw contents first": _raw_first(),
    "an unknown field first": UNKNOWN + _large().SerializeToString(),
    "an unknown number first": UNKNOWN_NUMBER + _large().SerializeToString(),
    "very many fields first": 5_000 * UNKNOWN + _large().SerializeToString(),
    "an unknown field last": _large().SerializeToString() + UNKNOWN,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_large_request_is_answered_as_small_ones_are(caller: Caller, expected: dict[str, bytes], form: str) -> None:
    infer: Any = caller.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    response = pb.ModelInferResponse.FromString(infer(FORMS[form]))
    assert [output.name for output in response.outputs] == list(OUTPUTS)
    assert [output.shape[0] for output in response.outputs] == [ROWS] * len(OUTPUTS)
    assert dict(zip(OUTPUTS, response.raw_output_contents, strict=True)) == expected
    assert (response.id, response.model_name) == ("large", MODEL)
    assert response.parameters["next_offset"].int64_param == ROWS


def test_a_streaming_call_takes_and_gives_large_messages_as_a_unary_one_does(
    caller: Caller, expected: dict[str, bytes]
) -> None:
    call: Any = caller.channel.stream_stream(METHOD, response_deserializer=wire.ModelStreamInferResponse.FromString)
    told = _large(np.full(ROWS, np.inf)).SerializeToString()
    small = message(MODEL, {"observations": [1.0]}, id="small").SerializeToString()
    first, refused, last, after = call(iter([_large().SerializeToString(), told, _raw_first(), small]))
    for response in (first, last):
        assert dict(zip(OUTPUTS, response.infer_response.raw_output_contents, strict=True)) == expected
        assert (response.error_message, response.infer_response.id) == ("", "large")
    assert refused.error_message.startswith("observations: Inf came")
    assert refused.infer_response.id == "large"
    assert (after.error_message, after.infer_response.id) == ("", "small")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        # a tag, a size and a text that are cut off; a size that never ends; text that is none; a field that cannot be
        lambda data: data + b"\xba",
        lambda data: data + b"\x3a\xff",
        lambda data: data + b"\x3a" + 11 * b"\xff",
        lambda data: data + b"\x0a\x02\xff\xfe",
        lambda data: b"\x02\x00" + data,
    ],
)
def test_large_bytes_that_are_no_message_are_refused(caller: Caller, spoil: Any) -> None:
    infer: Any = caller.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    with pytest.raises(grpc.RpcError) as refused:
        infer(spoil(_large().SerializeToString()))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert str(refused.value.details()).startswith("the bytes are not a v2 message")


def test_a_large_request_of_many_streams_is_answered_for_each(caller: Caller) -> None:
    # long names make a large tensor of text, beside one of numbers
    names = [f"{index:0200}".encode() for index in range(2_000)]
    values = np.random.default_rng(6).standard_normal((len(names), 20))
    inputs = {"sequence_ids": names, "observations": values, "starts": np.ones(len(names), bool)}
    reply = caller.send(message(MODEL, inputs, outputs=["position_mean"]))
    assert list(reply["status"]) == [b""] * len(names)
    alone = caller.infer(MODEL, values[7], outputs=["position_mean"])
    assert reply["position_mean"][7].tobytes() == alone["position_mean"].tobytes()


def test_contents_that_do_not_fit_the_inputs_of_a_large_request_are_refused(caller: Caller) -> None:
    request = _large()
    request.raw_input_contents.append(b"")
    assert caller.refused(request).sentence.startswith("raw_input_contents: 2 came for 1 inputs")
    assert caller.refused(_large(VALUES[:-1].astype(np.int64))).code == "INVALID_ARGUMENT"
