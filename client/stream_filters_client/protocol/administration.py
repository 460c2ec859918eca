"""Streams listed, looked at, saved, begun from what was saved, and deleted. Looking changes nothing on the server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stream_filters_client import errors
from stream_filters_client.protocol import belief, codec
from stream_filters_client.protocol.calls import Call, Conversation
from stream_filters_client.protocol.sequence import as_result
from stream_filters_client.result import Result
from stream_filters_client.wire import inference_pb2 as wire

NAMES_PER_PAGE = 1_000
# states of some kilobytes each: far below the size of a message
STREAMS_PER_REQUEST = 100
_NOTHING = np.empty(0)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A stream that the server holds and cannot go on with. reason: its sentence."""

    sequence_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Saved:
    """All that a server needs to go on with a stream, its next request excepted."""

    model: str
    sequence_id: str
    state: bytes


def page(model: str, after: str = "") -> Conversation[tuple[list[str], str]]:
    """Some names of the model's streams, and what the next page is asked for with; empty when there is none."""
    request = wire.ModelSequencesRequest(model_name=model, after=after, limit=NAMES_PER_PAGE)
    answer = yield Call("ModelSequences", request)
    return list(answer.sequence_ids), answer.next


def look(model: str, sequence_id: str, outputs: Sequence[str] = (), horizon: int | None = None) -> Conversation[Result]:
    """What a stream believes now. Raises SequenceLost when there is none."""
    parameters: dict[str, Any] = {"sequence_id": sequence_id}
    if horizon is not None:
        parameters["horizon"] = horizon
    message = codec.encode(model, {"observations": _NOTHING}, parameters, tuple(outputs))
    return as_result((yield Call("ModelInfer", message, in_stream=True)))


def save(model: str, sequence_ids: Sequence[str]) -> Conversation[tuple[list[Saved], list[Unreadable]]]:
    """Up to STREAMS_PER_REQUEST streams, and those that the server cannot read.

    Those that have ended are left out.
    """
    names = np.empty(len(sequence_ids), dtype=object)
    names[:] = [name.encode() for name in sequence_ids]
    inputs = {"sequence_ids": names, "observations": np.empty((len(names), 0))}
    response = yield Call("ModelInfer", codec.encode(model, inputs, {}, ("state",)))
    came = codec.decode(response)
    saved, unreadable = [], []
    codes = came.get("codes", [None] * len(names))
    for sequence_id, state, code, status in zip(sequence_ids, came["state"], codes, came["status"], strict=True):
        if state:
            saved.append(Saved(model, sequence_id, state))
        elif not (yield from _is_gone(model, sequence_id, code)):
            unreadable.append(Unreadable(sequence_id, status.decode()))
    return saved, unreadable


def _is_gone(model: str, sequence_id: str, code: bytes | None) -> Conversation[bool]:
    """Whether a stream was refused because there is none; of a server that sends no codes its status says so."""
    if code is not None:
        return code == b"not-found"
    try:
        yield from look(model, sequence_id, ["state"])
    except errors.SequenceLost:
        return True
    except errors.StreamFiltersError:
        return False
    return False


def begin(saved: Saved, *, replace: bool = False) -> Conversation[bool]:
    """Begin a stream where `saved` is; False when the server holds it already, just so.

    Raises OffsetMismatch when another stream of that name is there, unless it may be replaced.
    """
    if not replace:
        try:
            held = yield from look(saved.model, saved.sequence_id, ["state"])
        except errors.SequenceLost:
            pass
        else:
            if held["state"][0] == saved.state:
                return False
            raise errors.OffsetMismatch(
                f"{saved.model} has a stream {saved.sequence_id!r} already, which differs; give --replace to begin it "
                "again from the file, or --as for another name"
            )
    offset = belief.read(saved.state).offset
    state = np.array([saved.state], dtype=object)
    parameters: Mapping[str, Any] = {"sequence_id": saved.sequence_id, "sequence_start": True, "offset": offset}
    inputs = {"observations": _NOTHING, "state": state}
    yield Call("ModelInfer", codec.encode(saved.model, inputs, parameters, ("state",)))
    return True


def delete(model: str, sequence_id: str) -> Conversation[bool]:
    """Let the server forget a stream at once, also one that it cannot read; False when there was none.

    It carries no offset, so that the name is free and not held for retries: deleting twice is deleting once.
    """
    try:
        yield from _end(model, sequence_id, {})
    except errors.SequenceLost:
        return False
    except (errors.StateUnusable, errors.OffsetMismatch):
        # no offset came that could be wrong, whatever the status of an older server says: what cannot be read can
        # still be begun again, and ended with it
        yield from _end(model, sequence_id, {"sequence_start": True})
    return True


def _end(model: str, sequence_id: str, more: Mapping[str, Any]) -> Conversation[None]:
    parameters = {"sequence_id": sequence_id, "sequence_end": True, **more}
    message = codec.encode(model, {"observations": _NOTHING}, parameters, ("state",))
    yield Call("ModelInfer", message, in_stream=True)
