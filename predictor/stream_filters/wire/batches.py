"""Many streams in one request: one turn for each row of the tensors."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from stream_filters.filters.base import Array, Filter, Floats
from stream_filters.refusals import InvalidRequest, Refusal
from stream_filters.streams.answer_size import check_answer
from stream_filters.streams.exactly_once import Turn
from stream_filters.wire import tensors
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

_PER_ROW = ("time_deltas", "observation_scale")
# rows of one stream, or of several that have equally many, and of how many
Rows = tuple[Array | None, int]
_PER_STREAM = {"offsets": "INT64", "lives": "INT64", "starts": "BOOL", "ends": "BOOL", "lengths": "INT64"}


@dataclass(frozen=True, slots=True)
class Common:
    """What holds for every stream of the request.

    config: for the streams that start. like: the filter whose output shapes every stream must have.
    """

    names: frozenset[str]
    horizon: int
    config: str | None
    like: Filter[Any]


def parse_batch(inputs: Mapping[str, RawTensor], common: Common, limits: RequestLimits) -> list[Turn | Refusal]:
    """The turns of a request of S streams, in its order; a stream whose rows are wrong has a Refusal instead.

    Raises InvalidRequest when the tensors do not fit each other.
    """
    sequence_ids = _sequence_ids(inputs["sequence_ids"], limits)
    count = len(sequence_ids)
    observations = _observations(inputs["observations"], count, limits)
    per_stream = {name: _column(inputs[name], count) for name in _PER_STREAM if name in inputs}
    sizes = count, observations.shape[1], common.horizon
    check_answer(common.like, common.names, sizes, limits.answer_bytes)
    lengths = _lengths(per_stream.get("lengths"), count, observations.shape[1])
    by_row = {name: _by_row(inputs[name], observations) for name in _PER_ROW if name in inputs}
    turns = _turns(sequence_ids, _Columns(observations, by_row, lengths, per_stream), common)
    if common.config is not None and not any(isinstance(turn, Turn) and turn.start for turn in turns):
        raise InvalidRequest("config: is only taken where a stream starts; set it in the tensor starts")
    return turns


class _Columns(NamedTuple):
    """What came for all streams: observations [S, T] or [S, T, D], by row [S, T], lengths, flags and offsets [S]."""

    observations: Floats
    by_row: Mapping[str, Floats]
    lengths: list[int]
    per_stream: Mapping[str, Array]

    def column(self, name: str, unsaid: Any) -> list[Any]:
        """The values of one input, or what it is for a stream where it did not come."""
        return self.per_stream[name].tolist() if name in self.per_stream else [unsaid] * len(self.lengths)


def _turns(sequence_ids: list[str], columns: _Columns, common: Common) -> list[Turn | Refusal]:
    """A turn for each stream, or why there is none."""
    observations = columns.observations
    steps, scales = (columns.by_row.get(name) for name in _PER_ROW)
    # one look at all of the values; at those of each stream only where one of them is wrong
    plain = bool(observations.size) and not np.isinf(observations).any()
    if plain and observations.ndim == 2:
        observations = observations[:, :, None]
    unsaid = {"offsets": None, "lives": 0, "starts": False, "ends": False}
    of_streams = [columns.column(*asked) for asked in unsaid.items()]
    turns: list[Turn | Refusal] = []
    for index, (sequence_id, offset, life, start, end) in enumerate(zip(sequence_ids, *of_streams, strict=True)):
        length = columns.lengths[index]
        observed = observations[index, :length]
        try:
            if offset is not None and offset < 0:
                raise InvalidRequest(f"offsets: {offset} came, expected the index of the first observation, from 0")
            if life and offset is None:
                raise InvalidRequest("lives: came without offsets; send the index of each first observation too")
            turn = Turn(
                sequence_id=sequence_id,
                observations=observed if plain else rows(observed, "observations"),
                time_deltas=None if steps is None else time_deltas(steps[index, :length], length),
                observation_scales=None if scales is None else observation_scales(scales[index, :length], length),
                names=common.names,
                horizon=common.horizon,
                start=start,
                end=end,
                offset=offset,
                config=common.config if start else None,
                like=common.like,
                life=life_number("lives", life) if life else None,
            )
            turns.append(turn)
        except InvalidRequest as refusal:
            turns.append(refusal)
    return turns


def _sequence_ids(tensor: RawTensor, limits: RequestLimits) -> list[str]:
    values = tensors.decode(tensor, (tensors.BYTES,), (limits.streams, "streams"))
    if values.ndim != 1 or not len(values):
        raise InvalidRequest(f"sequence_ids: shape {list(values.shape)} came, expected [S] with S of at least 1")
    try:
        names = [sequence_name(value.decode(), limits) for value in values]
    except UnicodeDecodeError:
        raise InvalidRequest("sequence_ids: bytes came that are not UTF-8; send readable names") from None
    if "" in names:
        raise InvalidRequest("sequence_ids: an empty name came; every stream needs one")
    if len(set(names)) < len(names):
        raise InvalidRequest("sequence_ids: a stream came twice in one request; send its rows as one")
    return names


def _observations(tensor: RawTensor, count: int, limits: RequestLimits) -> Floats:
    """[S, T] or [S, T, D]."""
    values = floats(tensor)
    if values.ndim not in (2, 3) or values.shape[0] != count:
        raise InvalidRequest(
            f"observations: shape {list(values.shape)} came for {count} sequence_ids, expected [{count}, T(, D)]"
        )
    check_count("observations", values.shape[1], limits.rows, "rows of a stream")
    check_count("observations", count * values.shape[1], limits.batch_rows, "rows")
    return values


def _by_row(tensor: RawTensor, observations: Floats) -> Floats:
    values, expected = floats(tensor), observations.shape[:2]
    if values.shape != expected:
        came = list(values.shape)
        raise InvalidRequest(f"{tensor.name}: shape {came} came, expected {list(expected)} as the observations")
    return values


def _column(tensor: RawTensor, count: int) -> Array:
    values = tensors.decode(tensor, (_PER_STREAM[tensor.name],))
    if values.shape != (count,):
        raise InvalidRequest(f"{tensor.name}: shape {list(values.shape)} came, expected [{count}] as sequence_ids")
    return values


def _lengths(lengths: Array | None, count: int, most: int) -> list[int]:
    if lengths is None:
        return [most] * count
    wrong = (lengths < 0) | (lengths > most)
    if wrong.any():
        raise InvalidRequest(f"lengths: {lengths[wrong][0]} came, expected 0 to {most}, the rows of observations")
    return [int(length) for length in lengths]


def stack(pieces: Iterable[Rows], datatype: str, like: tuple[int, ...]) -> Array:
    """One array [S, T, ...] from the rows of streams; missing rows are NaN (INT64: -1).

    pieces: of as many streams as it says, which have equally many rows, all their rows; None: a stream has none.
    like: the trailing shape of each array. Raises ValueError when an array has another.
    """
    known = list(pieces)
    longest = max((len(array) // count for array, count in known if array is not None), default=0)
    fill, dtype = (-1, np.int64) if datatype == "INT64" else (np.nan, np.float64)
    if len(known) == 1 and known[0][0] is not None:
        return known[0][0].reshape(known[0][1], longest, *like)
    stacked = np.full((sum([count for _, count in known]), longest, *like), fill, dtype)
    first = 0
    for array, count in known:
        if array is not None:
            length = len(array) // count
            stacked[first : first + count, :length] = array.reshape(count, length, *like)
        first += count
    return stacked
