"""Triton's HTTP client drives streams, in JSON and in binary, by names and by numbers. Prints the ends of all."""

import json
import sys
from typing import Any

import numpy as np
import tritonclient.http as triton

address, model, sequence_id = sys.argv[1:]
client = triton.InferenceServerClient(address)
assert client.is_server_live()
assert client.is_server_ready()
assert client.is_model_ready(model)


def drive(name: str | int, *, binary: bool) -> list[Any]:
    """The mean after the last row, and the next offset."""
    for index, value in enumerate([1.0, 2.0, 3.0]):
        observations = triton.InferInput("observations", [1], "FP64")
        observations.set_data_from_numpy(np.array([value]), binary_data=binary)
        result = client.infer(
            model,
            [observations],
            outputs=[triton.InferRequestedOutput("mean", binary_data=binary)],
            sequence_id=name,
            sequence_start=index == 0,
            sequence_end=index == 2,
            priority=7,
            timeout=30_000_000,
        )
    response = result.get_response()
    return [result.as_numpy("mean").tolist(), response["parameters"]["next_offset"]]


names: list[tuple[str | int, bool]] = [
    (sequence_id, False),
    (f"{sequence_id}-binary", True),
    (7_000_001, False),
    (2**62, True),
]
print(json.dumps([drive(name, binary=binary) for name, binary in names]))
