"""A small predictor on a real gRPC socket: a running mean with true offsets, replay, and faults on demand."""

import asyncio
import hashlib
import json
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any, Literal, Self

import grpc
import numpy as np
from google.protobuf import message_factory
from stream_filters_client.wire import inference_pb2 as wire

Fault = Literal["unavailable", "aborted", "overloaded", "full", "too large", "drop", "hang", "kill", "forget"]
EXHAUSTED = {
    "overloaded": ("the server has as many requests as it can hold; slow down", (("refusal", "overloaded"),)),
    "full": ("the model has 9 live streams, its limit; end some", (("refusal", "too-many-streams"),)),
    # gRPC itself says this, and no more
    "too large": ("CLIENT: Received message larger than max (9 vs. 4)", ()),
}
COMMON = {"predictive_mean": (), "predictive_std": (), "predictive_interval": (2,), "log_evidence": (), "pit": ()}
FORECAST = ["forecast_mean", "forecast_std", "forecast_interval"]
MODELS: dict[str, dict[str, tuple[int, ...]]] = {
    "streaming_kalman": {
        "position_mean": (1,),
        "position_std": (1,),
        "velocity_mean": (1,),
        "velocity_std": (1,),
        "observation_noise_std": (1, 3),
    },
    "online_ar_learning": {"intercept": (3,), "coefficients": (1, 3), "noise_std": (3,)},
    "adaptive_mixture": {
        "regime": (),
        "regime_probabilities": (2,),
        "change_probability": (),
        "regime_means": (2,),
        "regime_stds": (2,),
    },
}


@dataclass
class Sequence:
    offset: int = 0
    total: float = 0.0
    squares: float = 0.0
    seen: int = 0
    last_offset: int = -1
    last_digest: bytes = b""
    last_answer: bytes = b""
    ended: bool = False

    def apply(self, value: float) -> tuple[float, float]:
        """Mean and standard deviation before the value, then learn it."""
        mean = self.total / self.seen if self.seen else 0.0
        spread = np.sqrt(max(self.squares / self.seen - mean**2, 0.0) + 1.0) if self.seen else 1.0
        if not np.isnan(value):
            self.total, self.squares, self.seen = self.total + value, self.squares + value**2, self.seen + 1
        self.offset += 1
        return mean, float(spread)


class FakePredictor:
    """`with FakePredictor() as predictor:` serves at predictor.target from a thread of its own."""

    def __init__(self) -> None:
        self.faults: deque[Fault] = deque()
        self.sequences: dict[str, Sequence] = {}
        self.requests: list[wire.ModelInferRequest] = []
        self.applied = 0
        self.peers: set[str] = set()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(None), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._started.set()
        self._loop.run_forever()

    async def _serve(self) -> None:
        self.server = grpc.aio.server()
        handlers = {}
        for method in wire.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods:
            if behaviour := getattr(self, method.name, None):
                handlers[method.name] = grpc.unary_unary_rpc_method_handler(
                    behaviour,
                    request_deserializer=message_factory.GetMessageClass(method.input_type).FromString,
                    response_serializer=lambda answer: (
                        answer if isinstance(answer, bytes) else answer.SerializeToString()
                    ),
                )
        generic = grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers)
        self.server.add_generic_rpc_handlers((generic,))
        self.port = self.server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self.server.start()

    async def _restart(self) -> None:
        await self.server.stop(None)
        await self._serve()

    async def ServerLive(self, *_: Any) -> wire.ServerLiveResponse:  # noqa: N802
        return wire.ServerLiveResponse(live=True)

    async def ServerReady(self, *_: Any) -> wire.ServerReadyResponse:  # noqa: N802
        return wire.ServerReadyResponse(ready=True)

    async def ServerMetadata(self, *_: Any) -> wire.ServerMetadataResponse:  # noqa: N802
        return wire.ServerMetadataResponse(name="fake", version="1.2.3", extensions=["model_repository_extension"])

    async def RepositoryIndex(self, *_: Any) -> wire.RepositoryIndexResponse:  # noqa: N802
        index = wire.RepositoryIndexResponse()
        for name in MODELS:
            index.models.add(name=name, version="1", state="READY")
        return index

    async def ModelReady(self, request: Any, context: Any) -> wire.ModelReadyResponse:  # noqa: N802
        await self._known(request.name, context)
        return wire.ModelReadyResponse(ready=True)

    async def ModelMetadata(self, request: Any, context: Any) -> wire.ModelMetadataResponse:  # noqa: N802
        await self._known(request.name, context)
        answer = wire.ModelMetadataResponse(name=request.name, versions=["1"], platform="fake")
        answer.inputs.add(name="observations", datatype="FP64", shape=[-1])
        if request.name == "streaming_kalman":
            answer.inputs.add(name="time_deltas", datatype="FP64", shape=[-1])
        for name, shape in {**COMMON, **MODELS[request.name]}.items():
            answer.outputs.add(name=name, datatype="INT64" if name == "regime" else "FP64", shape=[-1, *shape])
        return answer

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.requests.append(request)
        self.peers.add(context.peer())
        fault = self.faults.popleft() if self.faults else None
        if fault == "unavailable":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "draining; safe to send again")
        if fault == "aborted":
            await context.abort(grpc.StatusCode.ABORTED, "lost a race; send the request again")
        if fault in EXHAUSTED:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, *EXHAUSTED[fault])
        if fault == "forget":
            self.sequences.clear()
        await self._known(request.model_name, context)
        answer = await self._answer(request, context)
        if fault == "drop":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the answer was lost")
        if fault == "kill":
            task = self._loop.create_task(self._restart())
            self._tasks.add(task)
        if fault in {"hang", "kill"}:
            await asyncio.Event().wait()
        return answer

    async def _known(self, model: str, context: Any) -> None:
        if model not in MODELS:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no model {model!r}; ask for its name")

    async def _answer(self, request: Any, context: Any) -> bytes:
        parameters = {
            name: getattr(value, value.WhichOneof("parameter_choice")) for name, value in request.parameters.items()
        }
        if "config" in parameters and "bad" in json.loads(parameters["config"]):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "config: unknown key 'bad'; remove it")
        name = parameters.get("sequence_id", "")
        digest = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
        sequence = self.sequences.get(name)
        if sequence and sequence.last_digest == digest and parameters.get("offset") == sequence.last_offset:
            replay = wire.ModelInferResponse.FromString(sequence.last_answer)
            replay.parameters["replayed"].bool_param = True
            return replay.SerializeToString(deterministic=True)
        if not name or parameters.get("sequence_start"):
            sequence = Sequence()
        elif sequence is None or sequence.ended:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no stream {name!r}; begin it (sequence_start)")
        assert sequence is not None
        offset = parameters.get("offset", sequence.offset)
        if offset != sequence.offset:
            facts = (("refusal", "wrong-offset"), ("next-offset", str(sequence.offset)))
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"{offset} came, not the next one", facts)
        answer = self._compute(sequence, request, name)
        if name:
            sequence.last_digest, sequence.last_offset, sequence.last_answer = digest, offset, answer
            sequence.ended = bool(parameters.get("sequence_end"))
            self.sequences[name] = sequence
        return answer

    def _compute(self, sequence: Sequence, request: Any, name: str) -> bytes:
        """Outputs of the running mean: the mean stands for whatever the model is to estimate."""
        rows = np.frombuffer(request.raw_input_contents[0], "<f8")
        self.applied += len(rows)
        before = np.array([sequence.apply(float(row)) for row in rows]).reshape(-1, 2)
        mean, std = before[:, 0], before[:, 1]
        answer = wire.ModelInferResponse(model_name=request.model_name, model_version="1", id=request.id)
        if name:
            answer.parameters["sequence_id"].string_param = name
            answer.parameters["next_offset"].int64_param = sequence.offset
            answer.parameters["replayed"].bool_param = False
        shapes = {**COMMON, **MODELS[request.model_name]}
        wanted = [output.name for output in request.outputs] or [key for key in shapes if key != "pit"]
        horizon = request.parameters["horizon"].int64_param if "horizon" in request.parameters else 0
        if horizon and not request.outputs:
            wanted += FORECAST
        after = sequence.total / max(sequence.seen, 1)
        for key in wanted:
            if key in FORECAST:
                values = np.full((horizon, 2) if key.endswith("interval") else horizon, after)
            else:
                values = _output(key, shapes[key], mean, std, rows)
            datatype = "INT64" if values.dtype.kind == "i" else "FP64"
            answer.outputs.add(name=key, datatype=datatype, shape=values.shape)
            answer.raw_output_contents.append(values.tobytes())
        return answer.SerializeToString(deterministic=True)


def _output(key: str, shape: tuple[int, ...], mean: Any, std: Any, rows: Any) -> Any:
    column = (slice(None), *(None for _ in shape))
    if key == "predictive_interval":
        return np.stack([mean - 1.645 * std, mean + 1.645 * std], axis=-1)
    if key == "log_evidence":
        return -0.5 * ((rows - mean) / std) ** 2 - np.log(std * np.sqrt(2 * np.pi))
    if key == "regime":
        return (mean > 0).astype("<i8")
    if key in {"change_probability", "pit"}:
        return np.full(len(rows), 0.5)
    if key.endswith("std"):
        return np.broadcast_to(std[column], (len(rows), *shape)).copy()
    return np.broadcast_to(mean[column], (len(rows), *shape)).copy()
