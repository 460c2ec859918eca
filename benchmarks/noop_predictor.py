"""The least that a KServe predictor can do: take a tensor and send it back. What ours is measured against."""

import logging
import sys

PORTS = sys.argv[1:3]
# KServe reads the command line when it is imported
del sys.argv[1:]

import kserve  # noqa: E402
from kserve.protocol.grpc.grpc_predict_v2_pb2 import ModelInferResponse  # noqa: E402


class Noop(kserve.Model):
    def __init__(self) -> None:
        super().__init__("noop")
        self.ready = True

    async def predict(self, payload: kserve.InferRequest, headers: object = None) -> ModelInferResponse:
        del headers
        observations = payload.inputs[0].as_numpy()
        response = ModelInferResponse(id=payload.id, model_name=payload.model_name)
        response.outputs.add(name="observations", datatype="FP64", shape=observations.shape)
        response.raw_output_contents.append(observations.tobytes())
        return response


if __name__ == "__main__":
    # as quiet as ours, or its log lines would be what is measured
    logging.disable(logging.INFO)
    server = kserve.ModelServer(http_port=int(PORTS[0]), grpc_port=int(PORTS[1]), enable_latency_logging=False)
    server.start([Noop()])
