"""A load of v2 gRPC requests from this process, and what it took."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass

import grpc
import numpy as np
from numpy.typing import NDArray
from stream_filters_client.protocol import codec
from stream_filters_client.wire import inference_pb2 as wire

INFER = "/inference.GRPCInferenceService/ModelInfer"
_STREAM_INFER = "/inference.GRPCInferenceService/ModelStreamInfer"

# (stream, index of the request in the stream) -> request
MakeRequest = Callable[[int, int], wire.ModelInferRequest]


@dataclass(frozen=True, slots=True)
class Measured:
    """requests_per_second: over the whole round. latencies_ms: of each request."""

    requests_per_second: float
    latencies_ms: NDArray[np.float64]

    def percentile_ms(self, percent: float) -> float:
        return float(np.percentile(self.latencies_ms, percent))


def filter_request(model: str, run: str, rows: int = 1, outputs: tuple[str, ...] = ()) -> MakeRequest:
    """Requests of `rows` observations, with offsets; `run` keeps the streams of one round apart from another's.

    outputs: those asked for, the default set if none.
    """

    def make(stream: int, index: int) -> wire.ModelInferRequest:
        request = wire.ModelInferRequest(model_name=model)
        request.inputs.add(name="observations", datatype="FP64", shape=[rows])
        values = np.sin(0.1 * np.arange(index * rows, (index + 1) * rows)) + 0.1 * stream
        request.raw_input_contents.append(values.tobytes())
        request.parameters["sequence_id"].string_param = f"{run}-{stream}"
        request.parameters["offset"].int64_param = index * rows
        for name in outputs:
            request.outputs.add(name=name)
        if index == 0:
            request.parameters["sequence_start"].bool_param = True
        return request

    return make


def batch_request(
    model: str, run: str, observations: NDArray[np.float64], outputs: tuple[str, ...] = ()
) -> wire.ModelInferRequest:
    """One request that begins as many streams as `observations`, [S, T] or [S, T, D], has rows."""
    count = len(observations)
    names = np.array([f"{run}-{stream}".encode() for stream in range(count)], dtype=object)
    inputs = {
        "sequence_ids": names,
        "observations": observations,
        "offsets": np.zeros(count, np.int64),
        "starts": np.ones(count, np.bool_),
    }
    return codec.encode(model, inputs, {}, outputs)


async def unary(address: str, make: MakeRequest, streams: int, requests: int) -> Measured:
    """`streams` callers at once, each sends its next request when it has the last answer."""
    async with grpc.aio.insecure_channel(address) as channel:
        infer = channel.unary_unary(
            INFER,
            request_serializer=wire.ModelInferRequest.SerializeToString,
            response_deserializer=wire.ModelInferResponse.FromString,
        )

        async def one(stream: int) -> list[float]:
            latencies = []
            for index in range(requests):
                message = make(stream, index)
                began = time.perf_counter()
                await infer(message)
                latencies.append(time.perf_counter() - began)
            return latencies

        return await _timed([one(stream) for stream in range(streams)])


async def streaming(address: str, make: MakeRequest, streams: int, requests: int) -> Measured:
    """`streams` streaming calls at once, requests as fast as the call takes them; latency: gap between answers."""
    async with grpc.aio.insecure_channel(address) as channel:
        infer = channel.stream_stream(
            _STREAM_INFER,
            request_serializer=wire.ModelInferRequest.SerializeToString,
            response_deserializer=wire.ModelStreamInferResponse.FromString,
        )

        async def messages(stream: int) -> AsyncIterator[wire.ModelInferRequest]:
            for index in range(requests):
                yield make(stream, index)

        async def one(stream: int) -> list[float]:
            gaps, last = [], time.perf_counter()
            async for response in infer(messages(stream)):
                if response.error_message:
                    raise RuntimeError(response.error_message)
                now = time.perf_counter()
                gaps.append(now - last)
                last = now
            return gaps

        return await _timed([one(stream) for stream in range(streams)])


async def _timed(callers: list[Coroutine[None, None, list[float]]]) -> Measured:
    began = time.perf_counter()
    latencies = np.concatenate(await asyncio.gather(*callers)) * 1e3
    return Measured(len(latencies) / (time.perf_counter() - began), latencies)
