"""What the tests of streaming calls send, and what unary calls answer to it."""

from typing import Any

import numpy as np
from stream_filters_client import Patience, Result, StreamClient

from tests.predictor.process import PredictorProcess

MODELS = ("streaming_kalman", "online_ar_learning", "adaptive_mixture")
MODEL = MODELS[0]
CHUNKS = np.split(np.random.default_rng(5).normal(size=60), range(2, 60, 2))
PATIENCE = Patience(timeout_seconds=20.0, first_wait_seconds=0.01, last_wait_seconds=0.1, jitter_seconds=0.01)
ONE_TRY = Patience(timeout_seconds=20.0, retry_seconds=0.0)


def answered(results: list[Result]) -> list[dict[str, bytes]]:
    return [{name: result[name].tobytes() for name in result} for result in results]


def by_unary_calls(served: PredictorProcess, model: str = MODEL, **asked: Any) -> list[dict[str, bytes]]:
    with StreamClient(served.grpc_address, patience=PATIENCE) as client:
        stream = client.stream(model, transport="unary")
        return answered([stream.send(chunk, **asked) for chunk in CHUNKS])


def places(results: list[Result]) -> list[tuple[int | None, int | None]]:
    return [(result.offset, result.next_offset) for result in results]


EVERY_PLACE = [(offset, offset + 2) for offset in range(0, 60, 2)]
