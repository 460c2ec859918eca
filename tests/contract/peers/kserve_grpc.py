"""KServe's own gRPC client, with the sequence in the parameters. Prints the means and the next offset."""

import asyncio
import json
import sys

ADDRESS, MODEL, SEQUENCE_ID = sys.argv[1:]
# KServe reads the command line when it is imported
del sys.argv[1:]

import numpy as np  # noqa: E402
from kserve import InferenceGRPCClient, InferInput, InferRequest  # noqa: E402


async def main() -> None:
    async with InferenceGRPCClient(ADDRESS) as client:
        assert await client.is_server_ready()
        assert await client.is_model_ready(MODEL)
        observations = InferInput("observations", [3], "FP64")
        observations.set_data_from_numpy(np.array([1.0, 2.0, 3.0]))
        parameters = {"sequence_id": SEQUENCE_ID, "sequence_start": True, "offset": 0}
        response = await client.infer(InferRequest(MODEL, [observations], parameters=parameters))
        means = next(output for output in response.outputs if output.name == "mean")
        print(json.dumps([means.as_numpy().tolist(), response.parameters["next_offset"].int64_param]))


asyncio.run(main())
