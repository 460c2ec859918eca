"""Triton's client drives a stream over its streaming call. Prints every answer, and the error of a wrong request."""

import json
import queue
import sys
from typing import Any

import numpy as np
import tritonclient.grpc as triton

address, model, sequence_id = sys.argv[1:]
answers: "queue.Queue[tuple[Any, Any]]" = queue.Queue()
client = triton.InferenceServerClient(address)
client.start_stream(lambda result, error: answers.put((result, error)))
for name, start in ((sequence_id, True), (sequence_id, False), ("never-started", False), (sequence_id, False)):
    observations = triton.InferInput("observations", [1], "FP64")
    observations.set_data_from_numpy(np.array([2.0]))
    client.async_stream_infer(
        model, [observations], sequence_id=name, sequence_start=start, enable_empty_final_response=True
    )
told = []
for _ in range(4):
    result, error = answers.get(timeout=30)
    told.append(str(error) if error else result.as_numpy("mean").tolist())
client.stop_stream()
print(json.dumps(told))
