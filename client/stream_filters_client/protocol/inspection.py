"""What a server is, what its models are, and whether a stream makes the round trip."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from stream_filters_client import errors
from stream_filters_client.estimates import Described
from stream_filters_client.protocol.calls import Call, Conversation
from stream_filters_client.protocol.sequence import Rows, Sequence, new_sequence_id
from stream_filters_client.wire import inference_pb2 as wire


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One input or output; -1 in the shape is a size that a request decides."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model as its server describes it."""

    name: str
    platform: str
    versions: tuple[str, ...]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    @property
    def described(self) -> dict[str, Described]:
        """Its outputs of numbers, as `estimates` reads them."""
        return {
            tensor.name: Described(tensor.shape[1:], tensor.datatype == "INT64")
            for tensor in self.outputs
            if tensor.datatype != "BYTES"
        }

    @property
    def dimension(self) -> int:
        """Size D of one observation."""
        shape = next((tensor.shape for tensor in self.inputs if tensor.name == "observations"), ())
        return shape[1] if len(shape) == 2 and shape[1] > 0 else 1


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A server as it describes itself."""

    name: str
    version: str
    extensions: tuple[str, ...]
    live: bool
    ready: bool


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A short stream begun, sent, sent again, and ended.

    seconds: of the first answer. replayed: the second sending was recognised and gave the same answer.
    """

    model: str
    ready: bool
    seconds: float
    replayed: bool

    @property
    def passed(self) -> bool:
        """Whether everything was as it has to be."""
        return self.ready and self.replayed


@dataclass(frozen=True, slots=True)
class Check:
    """What `check` found."""

    server: ServerInfo
    models: tuple[ModelInfo, ...]
    round_trips: tuple[RoundTrip, ...]

    @property
    def passed(self) -> bool:
        """Whether the server is ready and every model made the round trip."""
        ready = self.server.live and self.server.ready
        return ready and bool(self.round_trips) and all(trip.passed for trip in self.round_trips)


def server_info() -> Conversation[ServerInfo]:
    """Ask what the server is."""
    live = yield Call("ServerLive", wire.ServerLiveRequest())
    ready = yield Call("ServerReady", wire.ServerReadyRequest())
    metadata = yield Call("ServerMetadata", wire.ServerMetadataRequest())
    return ServerInfo(metadata.name, metadata.version, tuple(metadata.extensions), live.live, ready.ready)


def model_info(name: str) -> Conversation[ModelInfo]:
    """Ask what a model is. Raises ModelNotFound."""
    metadata = yield Call("ModelMetadata", wire.ModelMetadataRequest(name=name))
    return ModelInfo(
        metadata.name,
        metadata.platform,
        tuple(metadata.versions),
        tuple(TensorInfo(tensor.name, tensor.datatype, tuple(tensor.shape)) for tensor in metadata.inputs),
        tuple(TensorInfo(tensor.name, tensor.datatype, tuple(tensor.shape)) for tensor in metadata.outputs),
    )


def models(names: Iterable[str] | None) -> Conversation[tuple[ModelInfo, ...]]:
    """Ask for the models named, or for all that there are."""
    found = []
    for name in (yield from model_names()) if names is None else names:
        found.append((yield from model_info(name)))  # noqa: PERF401  a comprehension cannot ask
    return tuple(found)


def model_names() -> Conversation[list[str]]:
    """Ask which models there are. Raises Unsupported where the server has no list of them."""
    try:
        index = yield Call("RepositoryIndex", wire.RepositoryIndexRequest())
    except errors.Unsupported as failure:
        raise errors.Unsupported("the server has no list of its models; name one with --model") from failure
    return [model.name for model in index.models]


def round_trip(model: ModelInfo) -> Conversation[RoundTrip]:
    """Begin a stream, send two rows, send them again, end it."""
    ready = yield Call("ModelReady", wire.ModelReadyRequest(name=model.name))
    sequence_id = f"check-{new_sequence_id()}"
    rows = Rows(np.zeros(2) if model.dimension == 1 else np.zeros((2, model.dimension)))
    sequence = Sequence(model.name, sequence_id)
    started_seconds = time.perf_counter()
    first = yield from sequence.send(rows)
    seconds = time.perf_counter() - started_seconds
    again = yield from Sequence(model.name, sequence_id).send(rows)
    same = list(first) == list(again) and all(first[name].tobytes() == again[name].tobytes() for name in first)
    yield from sequence.finish()
    return RoundTrip(model.name, ready.ready, seconds, again.replayed and same)


def check(names: Iterable[str] | None) -> Conversation[Check]:
    """Ask for everything, and make the round trip with each model. Raises ModelNotFound when there is none."""
    server = yield from server_info()
    found = yield from models(names)
    if not found:
        raise errors.ModelNotFound("the server has no models; see its settings")
    trips = yield from _round_trips(found)
    return Check(server, found, tuple(trips))


def _round_trips(found: tuple[ModelInfo, ...]) -> Conversation[list[RoundTrip]]:
    trips = []
    for model in found:
        trip = yield from round_trip(model)
        trips.append(trip)
    return trips
