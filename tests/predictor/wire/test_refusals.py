"""Wrong requests: the right code, a sentence that names the culprit and what to do, and a stream left as it was."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tests.predictor.models import MEAN
from tests.predictor.v2 import Caller, add_input, message, set_parameter

INF = float("inf")
Spoil = Callable[[Any], Any]


def good(sequence: str) -> Any:
    return message(MEAN, {"observations": [1.0, 2.0]}, sequence_id=sequence)


def parameter(name: str, value: Any) -> Spoil:
    return lambda request: set_parameter(request.parameters[name], value)


def more(name: str, values: Any) -> Spoil:
    return lambda request: add_input(request, name, values)


def observations(values: Any) -> Spoil:
    def spoil(request: Any) -> None:
        del request.inputs[:], request.raw_input_contents[:]
        add_input(request, "observations", values)

    return spoil


def field(**changed: Any) -> Spoil:
    """Of the first input."""

    def spoil(request: Any) -> None:
        for name, value in changed.items():
            if name == "shape":
                request.inputs[0].shape[:] = value
            else:
                setattr(request.inputs[0], name, value)

    return spoil


def raw(data: bytes) -> Spoil:
    return lambda request: request.raw_input_contents.__setitem__(0, data)


def empty(shape: list[int]) -> Spoil:
    def spoil(request: Any) -> None:
        request.inputs[0].shape[:] = shape
        request.raw_input_contents[0] = b""

    return spoil


def without_inputs(request: Any) -> None:
    del request.inputs[:], request.raw_input_contents[:]


def raw_and_typed(request: Any) -> None:
    request.inputs[0].contents.fp64_contents.extend([1.0, 2.0])


def neither(request: Any) -> None:
    del request.raw_input_contents[:]


def wrong_field(request: Any) -> None:
    del request.raw_input_contents[:]
    request.inputs[0].contents.int64_contents.extend([1, 2])


def another_stream(request: Any) -> None:
    set_parameter(request.parameters["sequence_id"], "nobody started this")


def stateless(name: str, value: Any) -> Spoil:
    def spoil(request: Any) -> None:
        del request.parameters["sequence_id"]
        set_parameter(request.parameters[name], value)

    return spoil


def start_with(config: str) -> Spoil:
    def spoil(request: Any) -> None:
        set_parameter(request.parameters["sequence_start"], True)
        set_parameter(request.parameters["config"], config)

    return spoil


def model(name: str) -> Spoil:
    return lambda request: setattr(request, "model_name", name)


def output(name: str) -> Spoil:
    return lambda request: request.outputs.add(name=name)


INVALID, MISSING, WRONG = "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"

# what is wrong: how a good request is spoilt, the code, and the words that the sentence must have
CASES: dict[str, tuple[Spoil, str, list[str]]] = {
    "no inputs": (without_inputs, INVALID, ["observations", "missing", "FP64"]),
    "rank 0": (observations(1.0), INVALID, ["observations", "[]", "[T]"]),
    "rank 3": (observations(np.ones((2, 1, 1))), INVALID, ["observations", "[2, 1, 1]", "[T, D]"]),
    "dimension": (observations(np.ones((2, 5))), INVALID, ["observations", "5", "dimension is 1", "send [T]"]),
    "no columns": (observations(np.ones((2, 0))), INVALID, ["observations", "[2, 0]"]),
    "integers": (observations(np.array([1, 2])), INVALID, ["observations", "INT64", "FP64 or FP32"]),
    "strings": (observations([b"1.0", b"2.0"]), INVALID, ["observations", "BYTES", "FP64"]),
    "inf": (observations([1.0, INF]), INVALID, ["observations", "Inf", "[1]", "NaN"]),
    "minus inf": (observations([-INF, 1.0]), INVALID, ["observations", "Inf", "[0]"]),
    "shape too large": (field(shape=[3]), INVALID, ["observations", "[3]", "2 came"]),
    "shape too small": (field(shape=[1]), INVALID, ["observations", "[1]", "2 came"]),
    "negative shape": (field(shape=[-2]), INVALID, ["observations", "negative"]),
    "two negative sizes": (field(shape=[-1, -2]), INVALID, ["observations", "negative"]),
    "giant shape": (field(shape=[2**62, 2**62]), INVALID, ["observations", "2 came"]),
    "giant empty shape": (empty([2**62, 0]), INVALID, ["observations"]),
    "very giant empty shape": (empty([2**62, 2**62, 0]), INVALID, ["observations"]),
    "largest empty shape": (empty([2**63 - 1, 0]), INVALID, ["observations"]),
    "many axes": (field(shape=[1] * 99 + [2]), INVALID, ["observations", "100 sizes"]),
    "very many axes": (field(shape=[2] + [1] * 100_000), INVALID, ["observations"]),
    "unknown datatype": (field(datatype="FP128"), INVALID, ["observations", "'FP128'", "FP64"]),
    "no datatype": (field(datatype=""), INVALID, ["observations", "''"]),
    "small datatype": (field(datatype="fp64"), INVALID, ["observations", "'fp64'", "FP64"]),
    "half precision": (field(datatype="FP16"), INVALID, ["observations", "FP16", "FP64"]),
    "unknown input": (more("observation", [1.0]), INVALID, ["'observation'", "it takes observations"]),
    "nameless input": (more("", [1.0]), INVALID, ["''", "it takes observations"]),
    "long unknown input": (more("x" * 50_000, [1.0]), INVALID, ["is not an input"]),
    "input twice": (more("observations", [1.0]), INVALID, ["observations", "twice"]),
    "no time deltas here": (more("time_deltas", [1.0, 1.0]), INVALID, ["'time_deltas'", MEAN]),
    "no scales here": (more("observation_scale", [1.0, 1.0]), INVALID, ["'observation_scale'", MEAN]),
    "truncated raw": (raw(b"\0" * 15), INVALID, ["observations", "15 raw bytes", "8"]),
    "short raw": (raw(b"\0" * 8), INVALID, ["observations", "needs 2 values", "1 came"]),
    "more raw than inputs": (
        lambda request: request.raw_input_contents.append(b""),
        INVALID,
        ["raw_input_contents", "2 came for 1 inputs"],
    ),
    "raw and typed": (raw_and_typed, INVALID, ["observations", "contents"]),
    "neither raw nor typed": (neither, INVALID, ["observations", "needs 2 values", "0 came"]),
    "contents of another type": (wrong_field, INVALID, ["observations", "needs 2 values"]),
    "offsets alone": (more("offsets", np.array([2])), INVALID, ["offsets", "sequence_ids"]),
    "lengths alone": (more("lengths", np.array([2])), INVALID, ["lengths", "sequence_ids"]),
    "unknown parameter": (parameter("sequnce_start", True), INVALID, ["'sequnce_start'", "sequence_start"]),
    "long unknown parameter": (parameter("y" * 50_000, True), INVALID, ["is not a parameter"]),
    "empty parameter": (parameter("offset", None), INVALID, ["offset", "a bool, an int64"]),
    "number as start": (parameter("sequence_start", 1), INVALID, ["sequence_start", "int64", "expected bool"]),
    "string as end": (parameter("sequence_end", "true"), INVALID, ["sequence_end", "string", "expected bool"]),
    "string as offset": (parameter("offset", "2"), INVALID, ["offset", "string", "expected int64"]),
    "bool as offset": (parameter("offset", True), INVALID, ["offset", "bool", "expected int64"]),
    "bool as sequence": (parameter("sequence_id", True), INVALID, ["sequence_id", "bool", "string or int64"]),
    "bool as config": (parameter("config", True), INVALID, ["config", "bool", "expected string"]),
    "string as horizon": (parameter("horizon", "3"), INVALID, ["horizon", "string", "expected int64"]),
    "negative offset": (parameter("offset", -1), INVALID, ["offset", "-1", "from 0"]),
    "smallest offset": (parameter("offset", -(2**63)), INVALID, ["offset", "from 0"]),
    "offset behind": (parameter("offset", 1), WRONG, ["offset: 1", "at offset 3"]),
    "offset ahead": (parameter("offset", 4), WRONG, ["offset: 4", "at offset 3", "1 observations in between"]),
    "largest offset": (parameter("offset", 2**63 - 1), WRONG, ["offset", "at offset 3"]),
    "no horizon": (parameter("horizon", 0), INVALID, ["horizon: 0", "1 to"]),
    "negative horizon": (parameter("horizon", -1), INVALID, ["horizon: -1", "1 to"]),
    "giant horizon": (parameter("horizon", 2**63 - 1), INVALID, ["horizon", "1 to 10000"]),
    "settings of a running stream": (parameter("config", "{}"), INVALID, ["config", "sequence_start"]),
    "long name": (parameter("sequence_id", "x" * 257), INVALID, ["sequence_id", "257 bytes", "256"]),
    "long name in few letters": (parameter("sequence_id", "ü" * 129), INVALID, ["sequence_id", "258 bytes"]),
    "stream never started": (another_stream, MISSING, ["sequence_id", "sequence_start"]),
    "start of no stream": (stateless("sequence_start", True), INVALID, ["sequence_start", "sequence_id"]),
    "end of no stream": (stateless("sequence_end", True), INVALID, ["sequence_end", "sequence_id"]),
    "offset in no stream": (stateless("offset", 0), INVALID, ["offset", "sequence_id"]),
    "settings of no stream": (stateless("config", "{}"), INVALID, ["config", "sequence_start"]),
    "broken settings": (start_with("{"), INVALID, ["config", "JSON", "{}"]),
    "empty settings": (start_with(""), INVALID, ["config", "JSON"]),
    "settings in a list": (start_with("[]"), INVALID, ["config", "list", "object"]),
    "settings null": (start_with("null"), INVALID, ["config", "object"]),
    "deep settings": (start_with("[" * 16_000), INVALID, ["config"]),
    "settings with a giant number": (start_with('{"prior_std": 1' + "0" * 5_000 + "}"), INVALID, ["config"]),
    "settings with a giant exponent": (start_with('{"prior_std": 1e999}'), INVALID, ["config", "prior_std"]),
    "settings with NaN": (start_with('{"prior_std": NaN}'), INVALID, ["config", "prior_std", "finite"]),
    "settings with Inf": (start_with('{"prior_std": -Infinity}'), INVALID, ["config", "prior_std", "finite"]),
    "unknown setting": (start_with('{"prior_sd": 1}'), INVALID, ["config", "'prior_sd'", "prior_std", "interval"]),
    "setting of another type": (start_with('{"prior_std": "wide"}'), INVALID, ["config", "prior_std", "'wide'"]),
    "setting out of bounds": (start_with('{"interval": 1.0}'), INVALID, ["config", "interval", "less than 1"]),
    "long settings": (start_with('{"prior_std": 1.0}' + " " * 16_384), INVALID, ["config", "16384 bytes"]),
    "unknown output": (output("means"), INVALID, ["'means'", "mean", "state"]),
    "nameless output": (output(""), INVALID, ["''", "known are"]),
    "forecast of no horizon": (output("forecast_mean"), INVALID, ["forecast_mean", "horizon"]),
    "unknown model": (model("runing_mean"), MISSING, ["runing_mean"]),
    "no model": (model(""), MISSING, []),
    "long unknown model": (model("z" * 100_000), MISSING, []),
}


@pytest.fixture(scope="module")
def victim(caller: Caller) -> Iterator[str]:
    """A stream that has seen three rows."""
    name = "the stream that every wrong request is for"
    caller.send(message(MEAN, {"observations": [1.0, 2.0, 3.0]}, sequence_id=name, sequence_start=True))
    yield name
    caller.send(message(MEAN, {"observations": []}, sequence_id=name, sequence_end=True))


def state_of(caller: Caller, sequence: str) -> bytes:
    return caller.infer(MEAN, [], sequence_id=sequence, outputs=["state"]).state


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_request_is_refused_by_name_and_changes_nothing(caller: Caller, victim: str, case: str) -> None:
    spoil, code, words = CASES[case]
    before = state_of(caller, victim)
    request = good(victim)
    spoil(request)
    refused = caller.refused(request)
    assert refused.code == code, refused
    assert [word for word in words if word not in refused.sentence] == [], refused.sentence
    assert 0 < len(refused.sentence) <= 2_000
    assert state_of(caller, victim) == before
