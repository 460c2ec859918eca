"""A v2 inference request as turns: what came is checked by name before any state is touched."""

from collections.abc import Collection, Mapping, Sequence, Sized
from functools import lru_cache
from typing import Any, NamedTuple

from stream_filters.filters.base import Filter
from stream_filters.refusals import InvalidRequest, Refusal
from stream_filters.streams.exactly_once import Turn
from stream_filters.streams.records import Belief, same_filter
from stream_filters.wire import tensors
from stream_filters.wire.batches import Common, parse_batch
from stream_filters.wire.tensors import RawTensor
from stream_filters.wire.validation import (
    RequestLimits,
    check_count,
    floats,
    life_number,
    observation_scales,
    rows,
    sequence_name,
    time_deltas,
)

Parameter = bool | int | float | str
STATE = "state"
# parameter -> the types that may come
PARAMETERS: dict[str, tuple[type, ...]] = {
    "sequence_id": (str, int),
    "sequence_start": (bool,),
    "sequence_end": (bool,),
    "offset": (int,),
    "life": (int,),
    "config": (str,),
    "horizon": (int,),
    # how REST and Triton's clients ask for raw outputs; the transport obeys it
    "binary_data_output": (bool,),
}
# what Triton's clients add on their own, for a server that schedules requests; here they come in order, and at once
IGNORED = frozenset({"priority", "timeout", "triton_enable_empty_final_response"})
_TYPE_NAMES = {bool: "bool", int: "int64", float: "double", str: "string"}


class RawRequest(NamedTuple):
    """A request as it came. outputs: the names asked for, or None for the model's default set."""

    inputs: Sequence[RawTensor]
    parameters: Mapping[str, Parameter]
    outputs: Sequence[str] | None

    @property
    def size(self) -> int:
        """How many bytes, or values, there are to read; what has no length is refused when it is read."""
        return sum(len(tensor.data) for tensor in self.inputs if isinstance(tensor.data, Sized))


class Request(NamedTuple):
    """A request that was understood.

    turns: one for each stream (one with an empty sequence_id: stateless; a Refusal: that stream's part is wrong).
    names: outputs in the order to send them, `state` among them where it was asked for. batch: many streams
    in one request.
    """

    turns: Sequence[Turn | Refusal]
    names: Sequence[str]
    batch: bool = False


def parse(raw: RawRequest, bound: Filter[Any], limits: RequestLimits) -> Request:
    """Understand a request for the model whose own settings `bound` has. Raises InvalidRequest."""
    _check_parameters(raw.parameters)
    inputs = _by_name(raw.inputs, bound)
    horizon = _horizon(raw.parameters, limits)
    names, asked = _outputs(tuple(raw.outputs or ()), bound, horizon=horizon > 0)
    if "sequence_ids" in inputs:
        config = _config(raw.parameters, limits)
        _check_batch(raw.parameters, inputs)
        common = Common(asked, horizon, config, bound)
        return Request(parse_batch(inputs, common, limits), names, batch=True)
    observations = rows(floats(inputs["observations"]), "observations")
    check_count("observations", len(observations), limits.rows, "rows")
    deltas, scales = inputs.get("time_deltas"), inputs.get("observation_scale")
    turn = Turn(
        sequence_id=_sequence_id(raw.parameters, limits),
        observations=observations,
        time_deltas=None if deltas is None else time_deltas(floats(deltas), len(observations)),
        observation_scales=None if scales is None else observation_scales(floats(scales), len(observations)),
        names=asked,
        horizon=horizon,
        start=bool(raw.parameters.get("sequence_start", False)),
        end=bool(raw.parameters.get("sequence_end", False)),
        offset=_offset(raw.parameters),
        config=_config(raw.parameters, limits),
        belief=_belief(inputs[STATE], bound, limits) if STATE in inputs else None,
        answer_bytes=limits.answer_bytes,
        life=life_number("life", raw.parameters["life"]) if "life" in raw.parameters else None,
    )
    _check_together(turn, inputs)
    return Request([turn], names)


def stream_names(raw: RawRequest, limits: RequestLimits) -> Collection[str]:
    """The streams of a request, each once, before the rest of it is read; none where they cannot be told."""
    name = raw.parameters.get("sequence_id", "")
    if name:
        return [str(name)]
    for tensor in raw.inputs:
        if tensor.name == "sequence_ids":
            try:
                values = tensors.decode(tensor, (tensors.BYTES,), (limits.streams, "streams"))
            except InvalidRequest:
                return []
            return dict.fromkeys(value.decode("utf-8", "replace") for value in values.ravel())
    return []


@lru_cache(maxsize=64)
def input_names(bound: Filter[Any]) -> tuple[str, ...]:
    """The inputs that a model takes, `observations` first."""
    deltas = ["time_deltas"] if bound.takes_time_deltas else []
    scales = ["observation_scale"] if bound.takes_observation_scales else []
    streams = ("sequence_ids", "offsets", "lives", "starts", "ends", "lengths")
    return "observations", *deltas, *scales, *streams, STATE


def _by_name(inputs: Sequence[RawTensor], bound: Filter[Any]) -> dict[str, RawTensor]:
    known = input_names(bound)
    found: dict[str, RawTensor] = {}
    for tensor in inputs:
        if tensor.name not in known:
            raise InvalidRequest(f"{tensor.name[:64]!r} is not an input of {bound.name}; it takes {', '.join(known)}")
        if tensor.name in found:
            raise InvalidRequest(f"{tensor.name}: came twice; send each input once")
        found[tensor.name] = tensor
    if "observations" not in found:
        raise InvalidRequest("observations: missing; send the next rows of the stream as FP64 [T] or [T, D]")
    return found


def _check_parameters(parameters: Mapping[str, Parameter]) -> None:
    for name, value in parameters.items():
        if name in IGNORED:
            continue
        if name not in PARAMETERS:
            raise InvalidRequest(f"{name[:64]!r} is not a parameter; known are {', '.join(PARAMETERS)}")
        if type(value) not in PARAMETERS[name]:
            wanted = " or ".join(_TYPE_NAMES[kind] for kind in PARAMETERS[name])
            came = _TYPE_NAMES.get(type(value), "another type")
            raise InvalidRequest(f"{name}: a parameter of type {came} came, expected {wanted}")


def _horizon(parameters: Mapping[str, Parameter], limits: RequestLimits) -> int:
    horizon = int(parameters.get("horizon", 0))
    if "horizon" in parameters and not 1 <= horizon <= limits.horizon:
        raise InvalidRequest(f"horizon: {horizon} came, expected 1 to {limits.horizon} steps")
    return horizon


@lru_cache(maxsize=256)
def _outputs(names: Sequence[str], bound: Filter[Any], *, horizon: bool) -> tuple[Sequence[str], frozenset[str]]:
    """The outputs in the order to send them, and those of them that a filter gives. Raises InvalidRequest."""
    declared = bound.declared
    if not names:
        names = (*bound.default_names, *(bound.horizon_names if horizon else ()))
    for name in names:
        if name != STATE and name not in declared:
            raise InvalidRequest(
                f"{name[:64]!r} is not an output of {bound.name}; known are {', '.join(declared)}, state"
            )
        if name in declared and declared[name].on_horizon and not horizon:
            raise InvalidRequest(f"{name}: needs the parameter horizon, the number of steps to forecast")
    return tuple(dict.fromkeys(names)), frozenset(names) - {STATE}


def _sequence_id(parameters: Mapping[str, Parameter], limits: RequestLimits) -> str:
    """The stream's name; empty for none, which Triton's clients say with 0 too."""
    name = parameters.get("sequence_id", "")
    return "" if name == 0 else sequence_name(str(name), limits)


def _offset(parameters: Mapping[str, Parameter]) -> int | None:
    if "offset" not in parameters:
        return None
    offset = int(parameters["offset"])
    if offset < 0:
        raise InvalidRequest(f"offset: {offset} came, expected the index of the first observation, from 0")
    return offset


def _belief(tensor: RawTensor, bound: Filter[Any], limits: RequestLimits) -> Belief:
    values = tensors.decode(tensor, (tensors.BYTES,)).ravel()
    if len(values) != 1:
        raise InvalidRequest(f"state: {len(values)} elements came, expected one; send a `state` output unchanged")
    belief = Belief.decode(bytes(values[0]))
    same_filter(belief, bound)
    # settings written out in full are longer than those that a request gave
    if len(belief.config) > 4 * limits.config_bytes:
        raise InvalidRequest("state: its settings are longer than any that a stream can have; send it unchanged")
    return belief


def _config(parameters: Mapping[str, Parameter], limits: RequestLimits) -> str | None:
    config = parameters.get("config")
    if config is None:
        return None
    if len(str(config).encode()) > limits.config_bytes:
        raise InvalidRequest(f"config: more than {limits.config_bytes} bytes came; send a smaller one")
    return str(config)


def _check_batch(parameters: Mapping[str, Parameter], inputs: Mapping[str, RawTensor]) -> None:
    """Refuse what belongs to requests of one stream."""
    tensors_for = {
        "sequence_id": "sequence_ids",
        "sequence_start": "starts",
        "sequence_end": "ends",
        "offset": "offsets",
        "life": "lives",
    }
    for name, tensor in tensors_for.items():
        if name in parameters:
            raise InvalidRequest(f"{name}: came with sequence_ids; send the input tensor {tensor} instead")
    if STATE in inputs:
        raise InvalidRequest("state: came with sequence_ids; the server keeps those streams' states, leave it out")


def _check_together(turn: Turn, inputs: Mapping[str, RawTensor]) -> None:
    """Refuse what makes no sense in one request."""
    for name in ("offsets", "lives", "starts", "ends", "lengths"):
        if name in inputs:
            raise InvalidRequest(f"{name}: belongs to requests of many streams; send sequence_ids too, or leave it out")
    if turn.sequence_id and STATE in inputs and not turn.start:
        raise InvalidRequest(
            "state: came for a running stream, whose state the server keeps; leave it out, "
            "or send sequence_start too to begin the stream from it"
        )
    if turn.config is not None and STATE in inputs:
        raise InvalidRequest("config: came with a state, which has settings of its own; send one of them")
    if not turn.sequence_id:
        asked = {
            "sequence_start": turn.start,
            "sequence_end": turn.end,
            "offset": turn.offset is not None,
            "life": turn.life is not None,
        }
        for name, came in asked.items():
            if came:
                raise InvalidRequest(f"{name}: came without a sequence_id; name the stream that it is for")
    if turn.life is not None and turn.offset is None:
        raise InvalidRequest("life: came without an offset; send the index of the first observation too")
    if turn.config is not None and not turn.start:
        raise InvalidRequest("config: is only taken with sequence_start; a running stream keeps its settings")
