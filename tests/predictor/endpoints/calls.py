"""Streaming calls as any client makes them: a channel, and the messages of the client's own wire."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import grpc
import numpy as np
from stream_filters_client.wire import inference_pb2 as wire

METHOD = "/inference.GRPCInferenceService/ModelStreamInfer"
_RUNS = itertools.count()


def open_stream(channel: grpc.Channel, requests: Iterable[wire.ModelInferRequest], **options: Any) -> Any:
    """A streaming call; iterate over it for the responses."""
    call = channel.stream_stream(
        METHOD,
        request_serializer=wire.ModelInferRequest.SerializeToString,
        response_deserializer=wire.ModelStreamInferResponse.FromString,
    )
    return call(iter(requests), **options)


def request(model: str, sequence_id: str, offset: int, rows: int = 1) -> wire.ModelInferRequest:
    """The rows from `offset` on of a stream that counts up."""
    message = wire.ModelInferRequest(model_name=model, id=f"{sequence_id}@{offset}")
    message.inputs.add(name="observations", datatype="FP64", shape=[rows])
    message.raw_input_contents.append(np.arange(offset, offset + rows, dtype=float).tobytes())
    message.parameters["sequence_id"].string_param = sequence_id
    message.parameters["offset"].int64_param = offset
    if offset == 0:
        message.parameters["sequence_start"].bool_param = True
    return message


def requests(model: str, sequence_id: str, count: int, rows: int = 1) -> Iterator[wire.ModelInferRequest]:
    """The first `count` requests of a stream."""
    return (request(model, sequence_id, index * rows, rows) for index in range(count))


def fresh_name() -> str:
    """A stream that no other test of this process uses."""
    return f"stream-{next(_RUNS)}"
