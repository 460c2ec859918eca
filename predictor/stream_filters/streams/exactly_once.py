"""What a turn does to its stream: apply, answer again, or refuse. Pure: no store, no clock."""

import hashlib
import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from stream_filters.filters.base import Array, Batch, Filter, Floats
from stream_filters.refusals import InvalidRequest, NotFound, Unusable, WrongOffset
from stream_filters.streams import lives
from stream_filters.streams.answer_size import check_answer
from stream_filters.streams.records import DIGEST_BYTES, Belief, Record, same_filter

Bind = Callable[[str | None], Filter[Any]]


@lru_cache(maxsize=256)
def _asked(*what: Any) -> bytes:
    """What a turn asks for beside its numbers, as bytes."""
    return repr(what).encode()


class Turn(NamedTuple):
    """The next rows of one stream, as the request has them.

    observations: [T, D]. time_deltas: [T], or None for the nominal step. observation_scales: [T], or None for readings
    that are all as good as usual. names: the outputs to compute.
    horizon: how many steps to forecast after the last row. offset: index in the stream of the first row.
    config: the stream's settings in JSON, with `start` only. belief: what to begin from instead of the prior, with
    `start` or without a sequence_id. like: the filter whose output shapes are needed, where
    answers of several streams become one tensor. answer_bytes: how large its answer may be, where that is not told
    already. life: number of the stream's life, above those before it; None: the caller does not number them.
    """

    sequence_id: str
    observations: Floats
    time_deltas: Floats | None
    names: frozenset[str]
    horizon: int = 0
    start: bool = False
    end: bool = False
    offset: int | None = None
    config: str | None = None
    belief: Belief | None = None
    like: Filter[Any] | None = None
    answer_bytes: int | None = None
    observation_scales: Floats | None = None
    life: int | None = None

    def digest(self) -> bytes:
        """What the turn does to its stream, in few bytes. What it asks to see does not count."""
        asked = _asked(self.observations.shape, self.time_deltas is None, self.start, self.end, self.config)
        digest = hashlib.blake2b(asked + self.observations.tobytes(), digest_size=DIGEST_BYTES)
        if self.time_deltas is not None:
            digest.update(self.time_deltas.tobytes())
        if self.observation_scales is not None:
            digest.update(b"observation_scales" + self.observation_scales.tobytes())
        if self.belief is not None:
            digest.update(self.belief.encoded)
        return digest.digest()

    def batch(self, bound: Filter[Any]) -> Batch:
        """The rows as the filter takes them; no rows are no rows of any dimension."""
        if not len(self.observations):
            return Batch(np.empty((0, bound.dimension)), np.empty(0))
        deltas = self.time_deltas
        if deltas is None:
            deltas = np.empty(len(self.observations))
            deltas.fill(bound.nominal_time_delta)
        if self.observation_scales is None:
            return Batch(self.observations, deltas)
        return Batch(self.observations, deltas, self.observation_scales)


def rows_together(turns: Sequence[Turn], bound: Filter[Any]) -> tuple[Batch, list[int]]:
    """The rows of all turns one behind the other, and behind which row each ends."""
    ends = list(itertools.accumulate([len(turn.observations) for turn in turns]))
    if all(turn.time_deltas is turn.observation_scales is None and len(turn.observations) for turn in turns):
        observations = np.concatenate([turn.observations for turn in turns])
        return Batch(observations, np.full(ends[-1], bound.nominal_time_delta)), ends
    batches = [turn.batch(bound) for turn in turns]
    return Batch(
        np.concatenate([batch.observations for batch in batches]),
        np.concatenate([batch.time_deltas for batch in batches]),
        np.concatenate([batch.observation_scales for batch in batches]),
    ), ends


def state_of(bound: Filter[Any], state: bytes) -> Array:
    """The bytes of a state as the filter `bound` takes it, read-only."""
    return np.frombuffer(state, bound.state_dtype).reshape(())


class Apply(NamedTuple):
    """Run the turn's rows through `bound` from the bytes of a state, which has seen `offset` observations.

    life: the stream's, 0 for none.
    """

    bound: Filter[Any]
    state: bytes
    offset: int
    life: int = 0

    @property
    def is_stored(self) -> bool:
        """Whether the stream is another one afterwards."""
        return True

    @property
    def before(self) -> Array:
        """The state as the filter takes it, read-only."""
        return state_of(self.bound, self.state)


class Replay(Apply):
    """The very request that was applied last: run it again from the belief before it, and store nothing."""

    __slots__ = ()

    @property
    def is_stored(self) -> bool:
        """Nothing changes."""
        return False


class Look(Apply):
    """A request of no rows only looks: nothing is stored, so that the last request can still be answered again."""

    __slots__ = ()

    @property
    def is_stored(self) -> bool:
        """Nothing changes."""
        return False


def order(turn: Turn, record: Record | None, bind: Bind) -> Apply:
    """What `turn` does to the stream that `record` holds (None: there is none).

    Raises InvalidRequest, NotFound, EarlierLife or WrongOffset, whose sentences say where the stream is and how to go
    on.
    """
    if record and turn.life is not None:
        lives.check(turn.sequence_id, turn.life, record, starts=turn.start)
    same_life = record is not None and turn.life in (None, record.life)
    if (
        record
        and same_life
        and record.previous
        and turn.offset == record.last_offset
        and turn.digest() == record.digest
    ):
        bound, state = _restored(record.previous, bind)
        return Replay(checked(turn, bound), state, record.previous.offset, record.life)
    if turn.start:
        return _begin(turn, record, bind)
    if record is None or record.ended:
        raise NotFound(
            f"sequence_id: there is no stream {turn.sequence_id!r}, it was never started, has ended or has expired; "
            "start it with the parameter sequence_start"
        )
    _check_offset(turn, record.belief.offset)
    bound, state = _restored(record.belief, bind)
    kind = Apply if turn.end or len(turn.observations) else Look
    return kind(checked(turn, bound), state, record.belief.offset, record.life)


def _restored(belief: Belief, bind: Bind) -> tuple[Filter[Any], bytes]:
    """The filter and the state of a stored belief."""
    try:
        return restored(belief, bind)
    except InvalidRequest as refusal:
        raise Unusable(f"the stored stream does not fit this server: {refusal}") from refusal


def restored(belief: Belief, bind: Bind) -> tuple[Filter[Any], bytes]:
    """The filter under the belief's own settings, and the bytes of its state. Raises InvalidRequest."""
    same_filter(belief, bind(None))
    bound = bind(belief.config)
    return bound, belief.state_for(bound)


def received(belief: Belief, bind: Bind) -> tuple[Filter[Any], bytes]:
    """The same of a belief that a client sent, which need not be one that the filter made. Raises InvalidRequest."""
    bound, state = restored(belief, bind)
    try:
        bound.verify(state_of(bound, state))
    except ValueError as error:
        raise InvalidRequest(f"state: no {bound.name} made it ({error}); send a `state` output unchanged") from error
    return bound, state


def _begin(turn: Turn, record: Record | None, bind: Bind) -> Apply:
    first = turn.belief.offset if turn.belief else 0
    if turn.offset not in (None, first):
        where = f"the state that came is at offset {first}" if turn.belief else "a stream starts at offset 0"
        raise InvalidRequest(f"offset: {turn.offset} came with sequence_start; {where}")
    begun = record is not None and not record.ended and turn.life in (None, record.life)
    if record and begun and turn.offset is not None and turn.digest() == record.start_digest:
        raise WrongOffset(
            f"sequence_start: this very request started the stream {turn.sequence_id!r} already; "
            f"go on from offset {record.belief.offset}, or leave the offset out to begin again",
            next_offset=record.belief.offset,
        )
    if record and turn.life is not None:
        lives.check_start(turn.sequence_id, turn.life, record)
    if turn.belief:
        bound, state = received(turn.belief, bind)
    else:
        bound = bind(turn.config)
        state = prior(bound)
    return Apply(checked(turn, bound), state, first, lives.begun(turn.life, record))


@lru_cache(maxsize=64)
def prior(bound: Filter[Any]) -> bytes:
    """What a stream begins from; made once, since with many members it takes longer than many rows."""
    return bound.initial_state().tobytes()


def _check_offset(turn: Turn, next_offset: int) -> None:
    if turn.offset is None or turn.offset == next_offset:
        return
    if turn.offset < next_offset:
        raise WrongOffset(
            f"offset: {turn.offset} came, but the stream {turn.sequence_id!r} is at offset {next_offset} "
            f"and these rows are not its last request; go on from offset {next_offset}",
            next_offset=next_offset,
        )
    raise WrongOffset(
        f"offset: {turn.offset} came, but the stream {turn.sequence_id!r} is at offset {next_offset}; "
        f"send the {turn.offset - next_offset} observations in between first",
        next_offset=next_offset,
    )


def checked(turn: Turn, bound: Filter[Any]) -> Filter[Any]:
    """`bound`, if it takes the turn's rows and gives what the turn needs. Raises InvalidRequest."""
    dimension = turn.observations.shape[1]
    if len(turn.observations) and dimension != bound.dimension:
        wanted = "[T]" if bound.dimension == 1 else f"[T, {bound.dimension}]"
        raise InvalidRequest(
            f"observations: rows of {dimension} values came, the filter's dimension is {bound.dimension}; send {wanted}"
        )
    if turn.answer_bytes is not None:
        check_answer(bound, turn.names, (1, len(turn.observations), turn.horizon), turn.answer_bytes)
    if turn.like is not None and turn.like is not bound:
        for name in turn.names:
            if bound.declared[name].shape != turn.like.declared[name].shape:
                raise InvalidRequest(
                    f"{name}: under the settings of the stream {turn.sequence_id!r} it has another shape than the "
                    "model's; ask for it in a request of that stream alone"
                )
    return bound


def next_record(turn: Turn, record: Record | None, applied: Apply, belief: Belief, digest: bytes) -> Record:
    """What is stored after `applied`: a stream that had an offset can answer its last request again.

    digest: the turn's.
    """
    previous = None
    if turn.offset is not None:
        if record and not turn.start and record.belief.schema_version == belief.schema_version:
            previous = record.belief
        else:
            previous = Belief.of(applied.bound, applied.offset, applied.state)
    start_digest = digest if turn.start or record is None else record.start_digest
    return Record(belief, previous, len(turn.observations), digest, start_digest, turn.end, applied.life)
