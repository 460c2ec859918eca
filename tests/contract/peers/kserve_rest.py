"""KServe's own REST client, in JSON and with the binary extension. Prints the means of both."""

import asyncio
import json
import sys

URL, MODEL, SEQUENCE_ID = sys.argv[1:]
# KServe reads the command line when it is imported
del sys.argv[1:]

import numpy as np  # noqa: E402
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig  # noqa: E402


async def main() -> None:
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await client.is_server_ready(URL)
    told = []
    for binary in (False, True):
        observations = InferInput("observations", [3], "FP64")
        observations.set_data_from_numpy(np.array([1.0, 2.0, 3.0]), binary_data=binary)
        parameters = {"sequence_id": f"{SEQUENCE_ID}-{binary}", "sequence_start": True, "binary_data_output": binary}
        request = InferRequest(MODEL, [observations], parameters=parameters)
        response = await client.infer(URL, request, model_name=MODEL)
        told.append(next(output for output in response.outputs if output.name == "mean").as_numpy().tolist())
    print(json.dumps(told))


asyncio.run(main())
