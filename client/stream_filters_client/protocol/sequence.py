"""The client's side of one stream: it keeps the offset, so that every request is idempotent."""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stream_filters_client import errors
from stream_filters_client.protocol import codec
from stream_filters_client.protocol.calls import Call, Conversation
from stream_filters_client.protocol.codec import Observations
from stream_filters_client.result import Result
from stream_filters_client.wire import inference_pb2 as wire

# the input that says how good each reading is, of models that take one
SCALES = "observation_scale"


def new_sequence_id() -> str:
    """A name that no other stream has."""
    return uuid.uuid4().hex


class _Lives:
    """Numbers of lives: microseconds of the clock, and growing in this process even where that stands or steps back."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = Lock()

    def next(self) -> int:
        """A number above those of all earlier lives of any stream, as far as clocks agree."""
        with self._lock:
            self._last = max(time.time_ns() // 1_000, self._last + 1)
            return self._last


_LIVES = _Lives()


@dataclass(frozen=True, slots=True)
class Rows:
    """What one request carries, oldest row first.

    observations: [T] or [T, D], NaN or None = missing. time_deltas: [T] or None.
    outputs: names of those wanted, the model's default set if none. horizon: steps to forecast after the last row.
    observation_scale: how good each reading is, [T]: its std beside the usual one's; None for all as usual.
    """

    observations: Observations
    time_deltas: ArrayLike | None = None
    outputs: tuple[str, ...] = ()
    horizon: int | None = None
    observation_scale: ArrayLike | None = None

    def inputs(self) -> dict[str, codec.Array]:
        """The input tensors. Raises InvalidRequest."""
        inputs: dict[str, codec.Array] = {"observations": codec.as_observations(self.observations)}
        if self.time_deltas is not None:
            inputs["time_deltas"] = codec.as_floats("time_deltas", self.time_deltas).reshape(-1)
        if self.observation_scale is not None:
            inputs[SCALES] = codec.as_floats("observation_scale", self.observation_scale).reshape(-1)
        return inputs

    def parameters(self) -> dict[str, bool | int | str]:
        """The parameters that go with them."""
        return {} if self.horizon is None else {"horizon": self.horizon}


@dataclass(slots=True)
class Sequence:
    """Order of one stream. Not for two threads at once: a stream is one line of observations.

    offset: index of the next observation; None while resuming a stream whose offset is not known.
    begun: the server knows the stream. life: number of this life of the stream, above all before it; None where it is
    not known, or none is numbered.
    """

    model: str
    sequence_id: str
    config: Mapping[str, Any] = field(default_factory=dict)
    offset: int | None = 0
    begun: bool = False
    ended: bool = False
    life: int | None = None
    _row_shape: list[int] = field(default_factory=list)

    @classmethod
    def open(
        cls,
        model: str,
        sequence_id: str | None,
        config: Mapping[str, Any] | None,
        offset: int | None,
        *,
        resume: bool,
    ) -> "Sequence":
        """A new stream, or with `offset` or `resume` one that the server knows. Raises InvalidRequest."""
        if not resume and offset is None:
            return cls(model, sequence_id or new_sequence_id(), dict(config or {}), life=_LIVES.next())
        if sequence_id is None:
            raise errors.InvalidRequest("resuming needs the sequence_id of the stream; pass it as it was begun")
        if config:
            raise errors.InvalidRequest("config is settled when a stream begins; resume without it, or begin anew")
        return cls(model, sequence_id, {}, offset, begun=True)

    def send(self, rows: Rows, *, end: bool = False) -> Conversation[Result]:
        """Send the next rows; the stream moves on when the answer is there."""
        self.check_open()
        message, shape = self.encode(rows, self.offset, end=end)
        response = yield Call("ModelInfer", message, idempotent=self.offset is not None, in_stream=self.begun)
        return self.accept(response, shape, end=end)

    def check_open(self) -> None:
        """Raise InvalidRequest when the stream has ended."""
        if self.ended:
            raise errors.InvalidRequest(f"stream {self.sequence_id} has ended; begin a new one")

    def encode(
        self, rows: Rows, offset: int | None, *, end: bool = False
    ) -> tuple[wire.ModelInferRequest, tuple[int, ...]]:
        """The request of the rows that begin at `offset`, and their shape. Raises InvalidRequest."""
        inputs = rows.inputs()
        parameters = {**self._parameters(offset, end=end), **rows.parameters()}
        return codec.encode(self.model, inputs, parameters, rows.outputs), inputs["observations"].shape

    def finish(self) -> Conversation[None]:
        """End the stream on the server; a stream that is gone already needs no end."""
        if not self.begun or self.ended:
            self.ended = True
            return
        try:
            yield from self.send(Rows(np.empty((0, *self._row_shape))), end=True)
        except (errors.SequenceLost, errors.EarlierLife):
            self.ended = True

    def _parameters(self, offset: int | None, *, end: bool) -> dict[str, bool | int | str]:
        parameters: dict[str, bool | int | str] = {"sequence_id": self.sequence_id}
        if offset is not None:
            parameters["offset"] = offset
            if self.life is not None:
                parameters["life"] = self.life
        if not self.begun:
            parameters["sequence_start"] = True
            if self.config:
                parameters["config"] = encode_config(self.config)
        if end:
            parameters["sequence_end"] = True
        return parameters

    def accept(self, response: wire.ModelInferResponse, shape: tuple[int, ...], *, end: bool = False) -> Result:
        """The answer to the next rows, of that shape: the stream moves on. Raises ServerFault."""
        rows, *row_shape = shape
        told = codec.read_parameters(response)
        next_offset = told.get("next_offset")
        if not isinstance(next_offset, int) or (self.offset is not None and next_offset != self.offset + rows):
            raise errors.ServerFault(
                f"after {rows} rows at offset {self.offset} the server names {next_offset!r} as the next offset; "
                "see the server's log"
            )
        self.offset, self.begun, self.ended, self._row_shape = next_offset, True, end, row_shape
        self.life = int(told["life"]) if "life" in told else None
        return as_result(response, next_offset - rows)


def encode_config(config: Mapping[str, Any]) -> str:
    """The settings as JSON. Raises InvalidRequest."""
    try:
        return json.dumps(config, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise errors.InvalidRequest(f"config cannot be written as JSON: {error}") from error


def infer(model: str, rows: Rows, state: bytes | None = None) -> Conversation[Result]:
    """A request without a stream: from the prior, or from `state`."""
    inputs = rows.inputs()
    if state is not None:
        inputs["state"] = np.array([state], dtype=object)
    response = yield Call("ModelInfer", codec.encode(model, inputs, rows.parameters(), rows.outputs))
    return as_result(response)


def as_result(response: wire.ModelInferResponse, offset: int | None = None) -> Result:
    """The response as a result; offset: index in the stream of its first row."""
    parameters = codec.read_parameters(response)
    sequence_id = parameters.get("sequence_id")
    next_offset = parameters.get("next_offset")
    return Result(
        outputs=codec.decode(response),
        model=response.model_name,
        model_version=response.model_version,
        sequence_id=None if sequence_id is None else str(sequence_id),
        offset=offset,
        next_offset=None if next_offset is None or offset is None else int(next_offset),
        replayed=parameters.get("replayed") is True,
    )
