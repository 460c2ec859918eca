"""Parameters that Triton's clients add, and the types that Triton's definition has beyond KServe's."""

import struct

import pytest

from tests.predictor.models import MEAN
from tests.predictor.v2 import Caller, message, pb


def uint64(value: int) -> bytes:
    """Triton's `uint64_param`, as it is on the wire."""
    digits, rest = [], value
    while rest > 0x7F:
        digits.append(0x80 | rest & 0x7F)
        rest >>= 7
    return bytes([5 << 3, *digits, rest])


def double(value: float) -> bytes:
    """Triton's `double_param`."""
    return bytes([4 << 3 | 1]) + struct.pack("<d", value)


def asked(name: str, raw: bytes, **more: bool | int | str) -> object:
    """A request of two rows with a parameter in these bytes."""
    request = message(MEAN, {"observations": [1.0, 2.0]}, **more)  # type: ignore[arg-type]
    request.parameters[name].CopyFrom(pb.InferParameter.FromString(raw))
    return request


def test_a_uint64_is_a_number(caller: Caller) -> None:
    name = "uint64"
    assert caller.send(asked("offset", uint64(0), sequence_id=name, sequence_start=True)).parameters["next_offset"] == 2
    assert caller.send(asked("offset", uint64(2), sequence_id=name)).parameters["next_offset"] == 4
    by_number = caller.send(asked("sequence_id", uint64(2**64 - 1), sequence_start=True))
    assert by_number.parameters["sequence_id"] == str(2**64 - 1)


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("horizon", double(2.0), "horizon: a parameter of type double came, expected int64"),
        ("offset", double(0.0), "offset: a parameter of type double came"),
        ("sequence_start", uint64(1), "sequence_start: a parameter of type int64 came, expected bool"),
        ("horizon", uint64(2**63 + 5), f"horizon: {2**63 + 5} came"),
        ("horizon", b"", "horizon: the parameter came without a value"),
        ("horizon", bytes([9 << 3, 1]), "horizon: the parameter came without a value"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(caller: Caller, name: str, raw: bytes, words: str) -> None:
    assert words in caller.refused(asked(name, raw)).sentence


@pytest.mark.parametrize("name", ["priority", "timeout", "triton_enable_empty_final_response"])
@pytest.mark.parametrize("raw", [uint64(9), double(1.5), pb.InferParameter(bool_param=True).SerializeToString()])
def test_what_is_for_a_scheduler_is_ignored(caller: Caller, name: str, raw: bytes) -> None:
    assert caller.send(asked(name, raw)).parameters["next_offset"] == 2


def test_a_number_and_its_digits_name_the_same_stream(caller: Caller) -> None:
    caller.infer(MEAN, [1.0], sequence_id=7_000_007, sequence_start=True, offset=0)
    assert caller.infer(MEAN, [1.0], sequence_id="7000007", offset=1).parameters["next_offset"] == 2
