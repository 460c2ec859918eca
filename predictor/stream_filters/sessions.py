"""Streams over a store: order, exactly once, a lifetime."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from stream_filters.ordering import Apply, Bind, Replay, Turn, next_record, order
from stream_filters.records import Record
from stream_filters.refusals import Contended, Exhausted, Refusal, Unavailable, Unusable
from stream_filters.runner import Answer, Runner
from stream_filters.store.base import ConflictError, Store, StoreFullError, StoreUnavailableError, Versioned, Write
from stream_filters.turnstile import Turnstile


@dataclass(frozen=True, slots=True)
class Limits:
    """What one model may hold.

    ttl_seconds: an idle stream is forgotten after so long. replay_seconds: how long an ended stream still answers
    retries of its last request. live_streams: how many streams may be live at once. waiting: how many requests may
    queue for one stream. attempts: how often a lost race is run again. cached_streams: local copies of streams.
    """

    ttl_seconds: float = 86_400.0
    replay_seconds: float = 60.0
    live_streams: int = 100_000
    waiting: int = 64
    attempts: int = 10
    cached_streams: int = 4_096


@dataclass(frozen=True, slots=True)
class _Held:
    """A stream as the store has it: its record and version, or neither."""

    record: Record | None = None
    version: bytes | None = None
    cached: bool = False
    unreadable: Unusable | None = None

    @property
    def is_new(self) -> bool:
        """Whether the store has nothing; a stream that ended, but is still held for retries, has its place there."""
        return self.version is None


_NOTHING = _Held()
_Order = Apply | Refusal
_Result = Answer | Refusal


class Sessions:
    """The streams of one model.

    bind: the filter for settings in JSON (None: the model's own); raises InvalidRequest.
    runner: computes the answers.
    """

    def __init__(self, model: str, store: Store, bind: Bind, runner: Runner, limits: Limits) -> None:
        self._prefix = f"{model}/"
        self._store = store
        self._bind = bind
        self._runner = runner
        self._limits = limits
        self._turnstile = Turnstile(limits.waiting)
        self._cache: OrderedDict[str, _Held] = OrderedDict()
        self._starting = 0

    async def apply(self, turns: Sequence[Turn]) -> list[_Result]:
        """Carry out turns of different streams; each is answered or refused on its own.

        Raises Unavailable when the store is away: some turns may have been applied then, and the same request is
        safe to send again if it has offsets.
        """
        try:
            async with self._turnstile.turn([turn.sequence_id for turn in turns]):
                return await self._apply_in_turn(turns)
        except StoreUnavailableError as error:
            raise Unavailable(f"the store is away ({error}); requests with an offset are safe to send again") from error
        except StoreFullError as error:
            raise Exhausted(f"the store is full ({error}); end streams that are no longer needed") from error

    async def _apply_in_turn(self, turns: Sequence[Turn]) -> list[_Result]:
        results: dict[int, _Result] = {}
        pending = list(range(len(turns)))
        for attempt in range(self._limits.attempts):
            tried = await self._attempt([turns[index] for index in pending])
            results.update({index: result for index, result in zip(pending, tried, strict=True) if result is not None})
            pending = [index for index in pending if index not in results]
            if not pending:
                return [results[index] for index in range(len(turns))]
            if attempt:
                await asyncio.sleep(random.uniform(0, 0.001 * 2**attempt))  # noqa: S311  jitter, not a secret
        lost = Contended(f"other writers changed the stream {self._limits.attempts} times in a row; send this again")
        return [results.get(index, lost) for index in range(len(turns))]

    async def _attempt(self, turns: Sequence[Turn]) -> list[_Result | None]:
        """Try each turn once; None for those to try again on a fresh copy of the stream."""
        held = await self._load([self._prefix + turn.sequence_id for turn in turns])
        begun = sum(turn.start and stream.is_new for turn, stream in zip(turns, held, strict=True))
        self._starting += begun
        try:
            room = await self._room() if begun else 0
            orders = self._order(turns, held, room + begun)
            return await self._carry_out(turns, held, orders)
        finally:
            self._starting -= begun

    async def _room(self) -> int:
        """How many more streams may begin, those that are beginning now counted as begun."""
        return self._limits.live_streams - self._starting - await self._store.count(self._prefix)

    def _order(self, turns: Sequence[Turn], held: Sequence[_Held], room: int) -> list[_Order | None]:
        orders: list[_Order | None] = []
        for turn, stream in zip(turns, held, strict=True):
            try:
                if stream.unreadable and not turn.start:
                    raise stream.unreadable
                todo: _Order | None = order(turn, stream.record, self._bind)
                if turn.start and stream.is_new:
                    room -= 1
                    todo = todo if room >= 0 else self._full()
            except Refusal as refusal:
                todo = refusal
            # a local copy may be old: only what the store confirms is refused or answered again
            if stream.cached and (isinstance(todo, Refusal | Replay)):
                todo = None
            orders.append(todo)
        return orders

    async def _carry_out(
        self, turns: Sequence[Turn], held: Sequence[_Held], orders: Sequence[_Order | None]
    ) -> list[_Result | None]:
        results: list[_Result | None] = [todo if isinstance(todo, Refusal) else None for todo in orders]
        for index, todo in enumerate(orders):
            if todo is None:
                self._cache.pop(self._prefix + turns[index].sequence_id, None)
        work = [(index, turns[index], todo) for index, todo in enumerate(orders) if isinstance(todo, Apply)]
        answers = await self._runner.run([(turn, todo) for _, turn, todo in work])
        writes: list[tuple[int, Answer, Record]] = []
        for (index, turn, todo), answer in zip(work, answers, strict=True):
            if answer.replayed:
                self._runner.observer.replayed()
                results[index] = answer
            else:
                writes.append((index, answer, next_record(turn, held[index].record, todo, answer.belief)))
        for (index, answer, _), won in zip(writes, await self._commit(turns, held, writes), strict=True):
            results[index] = answer if won else None
            if won:
                self._runner.observer.applied(len(turns[index].observations))
            else:
                self._runner.observer.conflicted()
        return results

    async def _load(self, keys: Sequence[str]) -> list[_Held]:
        """The streams of the keys, from local copies where there are."""
        held = {key: self._cache[key] for key in keys if key in self._cache}
        missing = [key for key in keys if key not in held]
        if missing:
            for key, value in zip(missing, await self._store.get_many(missing), strict=True):
                held[key] = _read(value) if value else _NOTHING
        return [held[key] for key in keys]

    async def _commit(
        self, turns: Sequence[Turn], held: Sequence[_Held], writes: Sequence[tuple[int, Answer, Record]]
    ) -> list[bool]:
        """Write the records; whether each won its race. What may have changed is no longer trusted locally."""
        if not writes:
            return []
        asked = []
        for index, _, record in writes:
            key = self._prefix + turns[index].sequence_id
            self._cache.pop(key, None)
            keep = not record.ended or record.previous is not None
            ttl = self._limits.replay_seconds if record.ended else self._limits.ttl_seconds
            asked.append(Write(key, record.encode() if keep else None, held[index].version, ttl))
        versions = await self._store.write_many(asked)
        for write, version, (_, _, record) in zip(asked, versions, writes, strict=True):
            if not isinstance(version, ConflictError) and not record.ended:
                self._cache[write.key] = _Held(record, version, cached=True)
        while len(self._cache) > self._limits.cached_streams:
            self._cache.popitem(last=False)
        return [not isinstance(version, ConflictError) for version in versions]

    def _full(self) -> Exhausted:
        return Exhausted(
            f"sequence_start: the model has {self._limits.live_streams} live streams, its limit "
            f"(those that ended less than {self._limits.replay_seconds:g} s ago may count); "
            "end streams that are no longer needed with sequence_end, or raise the limit"
        )


def _read(value: Versioned) -> _Held:
    try:
        return _Held(Record.decode(value.value), value.version)
    except Unusable as refusal:
        return _Held(version=value.version, unreadable=refusal)
