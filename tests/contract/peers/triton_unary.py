"""Triton's client drives a stream with its own sequence arguments. Prints the last answer and the next offset."""

import json
import sys

import numpy as np
import tritonclient.grpc as triton

address, model, sequence_id = sys.argv[1:]
client = triton.InferenceServerClient(address)
assert client.is_server_live()
assert client.is_server_ready()
assert client.is_model_ready(model)
for index, value in enumerate([1.0, 2.0, 3.0]):
    observations = triton.InferInput("observations", [1], "FP64")
    observations.set_data_from_numpy(np.array([value]))
    result = client.infer(
        model,
        [observations],
        sequence_id=sequence_id,
        sequence_start=index == 0,
        sequence_end=index == 2,
        # each becomes a parameter: a uint64, and an int64
        priority=7,
        timeout=30_000_000,
    )
response = result.get_response()
print(json.dumps([result.as_numpy("mean").tolist(), response.parameters["next_offset"].int64_param]))
