"""Streams over a store: order, exactly once, a lifetime."""

import asyncio
import random
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from stream_filters.local_copies import Held, LocalCopies
from stream_filters.long_work import in_portions
from stream_filters.ordering import Apply, Bind, Look, Replay, Turn, next_record, order
from stream_filters.records import Record
from stream_filters.refusals import Contended, Exhausted, InvalidRequest, Refusal, Unavailable, Unusable
from stream_filters.runner import Answer, Runner
from stream_filters.store.base import (
    BadTokenError,
    ConflictError,
    Store,
    StoreFullError,
    StoreUnavailableError,
    Versioned,
    Write,
)
from stream_filters.telemetry import Operation
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


_NOTHING = Held()
_Order = Apply | Refusal
_Result = Answer | Refusal
_T = TypeVar("_T")


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
        self._copies = LocalCopies(limits.cached_streams, runner.observer)
        self._starting = 0

    @property
    def copies(self) -> int:
        """Local copies of streams."""
        return len(self._copies)

    @property
    def busy(self) -> int:
        """Streams that a request holds or waits for."""
        return len(self._turnstile)

    async def count(self) -> int:
        """How many streams are live. Raises StoreUnavailableError."""
        return await self._timed("count", self._store.count(self._prefix))

    async def _timed(self, operation: Operation, call: Awaitable[_T]) -> _T:
        began = time.perf_counter()
        try:
            return await call
        finally:
            self._runner.observer.stored(operation, time.perf_counter() - began)

    async def apply(self, turns: Sequence[Turn]) -> list[_Result]:
        """Carry out turns of different streams; each is answered or refused on its own.

        Raises Unavailable when the store is away: some turns may have been applied then, and the same request is
        safe to send again if it has offsets.
        """
        full = [self._turnstile.full(turn.sequence_id) for turn in turns]
        admitted = [turn for turn, refusal in zip(turns, full, strict=True) if refusal is None]
        try:
            async with self._turnstile.turn([turn.sequence_id for turn in admitted]):
                applied = iter(await in_portions(admitted, self._apply_in_turn))
            return [refusal or next(applied) for refusal in full]
        except StoreUnavailableError as error:
            raise Unavailable(f"the store is away ({error}); requests with an offset are safe to send again") from error
        except StoreFullError as error:
            raise Exhausted(f"the store is full ({error}); end streams that are no longer needed") from error

    async def page(self, after: str, limit: int) -> tuple[list[str], str]:
        """About `limit` names of streams, and what to ask for the next page with; empty when there is none.

        Streams that ended, but are still held for retries, may be among them. Raises InvalidRequest and Unavailable.
        """
        try:
            page = await self._timed("list", self._store.page(self._prefix, after, limit))
        except BadTokenError:
            raise InvalidRequest("after: this is no `next` that this server gave; begin again without it") from None
        except StoreUnavailableError as error:
            raise Unavailable(f"the store is away ({error}); ask again") from error
        return [key.removeprefix(self._prefix) for key in page.keys], page.next_token

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
        room = await self._room() if begun else 0
        starting = min(begun, max(room, 0))
        self._starting += starting
        try:
            return await self._carry_out(turns, held, self._order(turns, held, room))
        finally:
            self._starting -= starting

    async def _room(self) -> int:
        """How many more streams may begin, those of others that are beginning now counted as begun."""
        before = self._starting
        live = await self.count()
        # those that were stored while it was counted may be in neither number
        return self._limits.live_streams - live - max(before, self._starting)

    def _order(self, turns: Sequence[Turn], held: Sequence[Held], room: int) -> list[_Order | None]:
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
            # a local copy may be old: only what the store confirms is refused, shown or answered again
            if stream.cached and (isinstance(todo, Refusal | Replay | Look)):
                todo = None
            orders.append(todo)
        return orders

    async def _carry_out(
        self, turns: Sequence[Turn], held: Sequence[Held], orders: Sequence[_Order | None]
    ) -> list[_Result | None]:
        results: list[_Result | None] = [todo if isinstance(todo, Refusal) else None for todo in orders]
        for index, todo in enumerate(orders):
            if todo is None:
                self._copies.drop(self._prefix + turns[index].sequence_id)
        work = [(index, turns[index], todo) for index, todo in enumerate(orders) if isinstance(todo, Apply)]
        answers = await self._runner.run([(turn, todo) for _, turn, todo in work])
        writes: list[tuple[int, Answer, Record]] = []
        for (index, turn, todo), answer in zip(work, answers, strict=True):
            if answer.replayed:
                self._runner.observer.replayed()
                results[index] = answer
            elif isinstance(todo, Look):
                self._runner.observer.applied(0)
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

    async def _load(self, keys: Sequence[str]) -> list[Held]:
        """The streams of the keys, from local copies where there are."""
        held = {key: copy for key in keys if (copy := self._copies.get(key))}
        missing = [key for key in keys if key not in held]
        if missing:
            found = await self._timed("read", self._store.get_many(missing))
            for key, value in zip(missing, found, strict=True):
                held[key] = _read(value) if value else _NOTHING
        return [held[key] for key in keys]

    async def _commit(
        self, turns: Sequence[Turn], held: Sequence[Held], writes: Sequence[tuple[int, Answer, Record]]
    ) -> list[bool]:
        """Write the records; whether each won its race. What may have changed is no longer trusted locally."""
        if not writes:
            return []
        asked = []
        for index, _, record in writes:
            key = self._prefix + turns[index].sequence_id
            self._copies.drop(key)
            keep = not record.ended or record.previous is not None
            ttl = self._limits.replay_seconds if record.ended else self._limits.ttl_seconds
            asked.append(Write(key, record.encode() if keep else None, held[index].version, ttl))
        # counted from before the write, so that no copy outlives its stream
        expires_at = time.monotonic() + self._limits.ttl_seconds
        versions = await self._timed("write", self._store.write_many(asked))
        for write, version, (_, _, record) in zip(asked, versions, writes, strict=True):
            if not isinstance(version, ConflictError) and not record.ended:
                self._copies.put(write.key, record, version, expires_at)
        return [not isinstance(version, ConflictError) for version in versions]

    def _full(self) -> Exhausted:
        return Exhausted(
            f"sequence_start: the model has {self._limits.live_streams} live streams, its limit "
            f"(those that ended less than {self._limits.replay_seconds:g} s ago may count); "
            "end streams that are no longer needed with sequence_end, or raise the limit"
        )


def _read(value: Versioned) -> Held:
    try:
        return Held(Record.decode(value.value), value.version)
    except Unusable as refusal:
        return Held(version=value.version, unreadable=refusal)
