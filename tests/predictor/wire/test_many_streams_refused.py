"""Requests of many streams whose tensors do not fit each other are refused as a whole."""

from typing import Any

import numpy as np
import pytest

from tests.predictor.models import MEAN
from tests.predictor.v2 import Caller, Refused, add_input, message, set_parameter

IDS = [b"a", b"b", b"c"]
GOOD: dict[str, Any] = {"observations": np.ones((3, 2)), "sequence_ids": IDS}

# what is wrong: inputs that replace or join the good ones, parameters, and the words that the sentence must have
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "one axis": ({"observations": np.ones(3)}, {}, ["observations", "[3]", "[3, T(, D)]"]),
    "four axes": ({"observations": np.ones((3, 2, 1, 1))}, {}, ["observations", "[3, 2, 1, 1]"]),
    "too few rows": ({"observations": np.ones((2, 2))}, {}, ["observations", "[2, 2]", "3 sequence_ids"]),
    "integers": ({"observations": np.ones((3, 2), int)}, {}, ["observations", "INT64", "FP64"]),
    "nobody": ({"observations": np.ones((1, 2)), "sequence_ids": [b""]}, {}, ["sequence_ids", "empty name"]),
    "twice": ({"sequence_ids": [b"a", b"b", b"a"]}, {}, ["sequence_ids", "twice", "as one"]),
    "not text": ({"sequence_ids": [b"a", b"b", b"\xff\xfe"]}, {}, ["sequence_ids", "UTF-8"]),
    "long name": ({"sequence_ids": [b"a", b"b", b"x" * 257]}, {}, ["sequence_id", "257 bytes", "256"]),
    "numbers for names": ({"sequence_ids": np.array([1, 2, 3])}, {}, ["sequence_ids", "INT64", "BYTES"]),
    "too few offsets": ({"offsets": np.array([0, 0])}, {}, ["offsets", "[2]", "[3]"]),
    "offsets of another type": ({"offsets": np.zeros(3)}, {}, ["offsets", "FP64", "INT64"]),
    "starts of another type": ({"starts": np.array([1, 1, 1])}, {}, ["starts", "INT64", "BOOL"]),
    "ends of another shape": ({"ends": np.ones((3, 1), bool)}, {}, ["ends", "[3, 1]", "[3]"]),
    "length too large": ({"lengths": np.array([2, 3, 0])}, {}, ["lengths: 3", "0 to 2"]),
    "length too small": ({"lengths": np.array([2, -1, 0])}, {}, ["lengths: -1", "0 to 2"]),
    "a state": ({"state": [b"x"]}, {}, ["state", "sequence_ids"]),
    "a name too": ({}, {"sequence_id": "a"}, ["sequence_id", "sequence_ids"]),
    "a start for all": ({}, {"sequence_start": True}, ["sequence_start", "starts"]),
    "an end for all": ({}, {"sequence_end": True}, ["sequence_end", "ends"]),
    "an offset for all": ({}, {"offset": 0}, ["offset", "offsets"]),
    "settings and no start": ({}, {"config": "{}"}, ["config", "starts"]),
}


@pytest.mark.parametrize("case", CASES)
def test_tensors_that_do_not_fit_are_refused_by_name(caller: Caller, case: str) -> None:
    inputs, parameters, words = CASES[case]
    refused = caller.refused(message(MEAN, {**GOOD, **inputs}, **parameters))
    assert refused.code == "INVALID_ARGUMENT"
    assert [word for word in words if word not in refused.sentence] == [], refused.sentence


def test_no_streams_at_all_are_refused(caller: Caller) -> None:
    request = message(MEAN, {"observations": np.ones((0, 2))})
    request.inputs.add(name="sequence_ids", datatype="BYTES", shape=[0])
    request.raw_input_contents.append(b"")
    assert "sequence_ids: shape [0] came" in caller.refused(request).sentence


def test_names_that_end_inside_an_element_are_refused(caller: Caller) -> None:
    request = message(MEAN, {"observations": np.ones((3, 2)), "sequence_ids": IDS})
    request.raw_input_contents[1] = request.raw_input_contents[1][:-1]
    assert "sequence_ids: the raw bytes end inside" in caller.refused(request).sentence


def test_a_refused_request_changes_none_of_its_streams(caller: Caller, sequence: str) -> None:
    names = [f"{sequence} {index}".encode() for index in range(3)]
    begin = message(MEAN, {"observations": np.ones((3, 2)), "sequence_ids": names})
    add_input(begin, "starts", np.array([True] * 3))
    caller.send(begin)
    for inputs, parameters, _ in CASES.values():
        request = message(MEAN, {**GOOD, "sequence_ids": names, **inputs})
        for name, value in parameters.items():
            set_parameter(request.parameters[name], value)
        assert isinstance(caller.outcome(request), Refused)
    look = message(MEAN, {"observations": np.ones((3, 0)), "sequence_ids": names}, outputs=["mean"])
    assert list(caller.send(look)["next_offsets"]) == [2, 2, 2]
