"""A state whose checksum fits but that no filter made: refused, or harmless; the server goes on."""

import struct
import zlib
from random import Random
from typing import Any

import pytest
from stream_filters.filters import REGISTRY

from tests.predictor.models import bound, rows
from tests.predictor.process import PredictorProcess
from tests.predictor.v2 import Caller, Refused, message

FORGED = 150
INTEGERS = [-1, 2**62, -(2**63), 10**6, 7, 1000, -5]


@pytest.mark.parametrize("model", REGISTRY)
def test_forged_states_do_not_bring_the_server_down(served: PredictorProcess, caller: Caller, model: str) -> None:
    random = Random(5)
    genuine = caller.infer(model, rows(model, 30), outputs=["state"]).state
    outputs = [name for name in bound(model).declared if not name.startswith("forecast")]
    for _ in range(FORGED):
        sent = message(
            model, {"observations": rows(model, 5), "state": [_forged(genuine, model, random)]}, outputs=outputs
        )
        outcome = caller.outcome(sent)
        assert served.is_alive()
        assert not isinstance(outcome, Refused) or outcome.code == "INVALID_ARGUMENT", outcome


def _forged(genuine: bytes, model: str, random: Random) -> bytes:
    """Some of the state's numbers replaced, integers or reals alike, and the checksum set right."""
    state, size = bytearray(genuine), bound(model).state_dtype.itemsize
    for _ in range(random.randint(1, 6)):
        place = len(state) - size + 8 * random.randrange(size // 8)
        if random.random() < 0.5:
            state[place : place + 8] = struct.pack("<q", random.choice(INTEGERS))
        else:
            state[place : place + 8] = struct.pack("<d", random.choice([float("nan"), float("inf"), -1.0, 1e300]))
    struct.pack_into("<I", state, 4, zlib.crc32(bytes(state[8:])))
    return bytes(state)


def test_a_state_with_an_integer_out_of_range_is_refused(caller: Caller) -> None:
    model = "adaptive_mixture"
    state = bytearray(caller.infer(model, rows(model, 30), outputs=["state"]).state)
    fields: Any = bound(model).state_dtype.fields
    place = len(state) - bound(model).state_dtype.itemsize + fields["label"][1]
    state[place : place + 8] = struct.pack("<q", 10**6)
    struct.pack_into("<I", state, 4, zlib.crc32(bytes(state[8:])))
    refused = caller.refused(message(model, {"observations": rows(model, 5), "state": [bytes(state)]}))
    assert (refused.code, "labels" in refused.sentence) == ("INVALID_ARGUMENT", True)
