"""Streams over a store: order, exactly once, a lifetime."""

import asyncio
import random
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from stream_filters.refusals import (
    Contended,
    InvalidRequest,
    Refusal,
    StoreFull,
    TooManyStreams,
    Unavailable,
)
from stream_filters.store.base import (
    BadTokenError,
    ConflictError,
    Store,
    StoreError,
    StoreFullError,
    Write,
)
from stream_filters.streams.exactly_once import Apply, Bind, Look, Replay, Turn, next_record, order
from stream_filters.streams.local_copies import Held, LocalCopies
from stream_filters.streams.portions import in_portions
from stream_filters.streams.queues import Turnstile
from stream_filters.streams.reading import read
from stream_filters.streams.records import Record
from stream_filters.streams.runner import Answer, Runner
from stream_filters.telemetry import Operation


@dataclass(frozen=True, slots=True)
class Limits:
    """What one model may hold.

    ttl_seconds: an idle stream is forgotten after so long. replay_seconds: how long an ended stream still answers
    retries of its last request. live_streams: how many streams may be live at once. waiting: how many requests may
    queue for one stream. attempts: how often a lost race is run again. cached_streams: local copies of
    streams, cached_bytes: of how many bytes.
    """

    ttl_seconds: float = 86_400.0
    replay_seconds: float = 60.0
    live_streams: int = 100_000
    waiting: int = 64
    attempts: int = 10
    cached_streams: int = 4_096
    cached_bytes: int = 64 * 1024 * 1024


_NOTHING = Held()
_TO_CONFIRM = (Refusal, Replay, Look)
_Result = Answer | Refusal
_T = TypeVar("_T")


@dataclass(slots=True)
class _Try:
    """A turn beside what its stream holds; no result: the stream must be read again first."""

    turn: Turn
    key: str
    held: Held
    result: _Result | None = None

    @property
    def begins(self) -> bool:
        """Whether it makes a stream that the store does not hold."""
        return self.turn.start and self.held.is_new


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
        self._copies = LocalCopies((limits.cached_streams, limits.cached_bytes), runner.observer)
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
        except StoreFullError as error:
            raise StoreFull(f"the store is full ({error}); end streams that are no longer needed") from error
        except StoreError as error:
            raise Unavailable(f"the store is away ({error}); requests with an offset are safe to send again") from error

    async def page(self, after: str, limit: int) -> tuple[list[str], str]:
        """About `limit` names of streams, and what to ask for the next page with; empty when there is none.

        Streams that ended, but are still held for retries, may be among them. Raises InvalidRequest and Unavailable.
        """
        try:
            page = await self._timed("list", self._store.page(self._prefix, after, limit))
        except BadTokenError:
            raise InvalidRequest("after: this is no `next` that this server gave; begin again without it") from None
        except StoreError as error:
            raise Unavailable(f"the store is away ({error}); ask again") from error
        return [key.removeprefix(self._prefix) for key in page.keys], page.next_token

    async def _apply_in_turn(self, turns: Sequence[Turn]) -> list[_Result]:
        results = await self._attempt(turns)
        for attempt in range(1, self._limits.attempts):
            pending = [index for index, result in enumerate(results) if result is None]
            if not pending:
                break
            if attempt > 1:
                await asyncio.sleep(random.uniform(0, 0.001 * 2**attempt))  # noqa: S311  jitter, not a secret
            for index, result in zip(pending, await self._attempt([turns[index] for index in pending]), strict=True):
                results[index] = result
        return [result or self._lost() for result in results]

    async def _attempt(self, turns: Sequence[Turn]) -> list[_Result | None]:
        """Try each turn once; None for those to try again on a fresh copy of the stream."""
        tries = await self._load(turns)
        begun = sum([attempt.begins for attempt in tries])
        room = await self._room() if begun else 0
        starting = min(begun, max(room, 0))
        self._starting += starting
        try:
            await self._carry_out(self._order(tries, room))
        finally:
            self._starting -= starting
        return [attempt.result for attempt in tries]

    async def _room(self) -> int:
        """How many more streams may begin, those of others that are beginning now counted as begun."""
        before = self._starting
        live = await self.count()
        # those that were stored while it was counted may be in neither number
        return self._limits.live_streams - live - max(before, self._starting)

    def _order(self, tries: Sequence[_Try], room: int) -> list[tuple[_Try, Apply]]:
        """What is to be done for those that are not refused, when so many more streams may begin."""
        work = []
        for attempt in tries:
            turn, held = attempt.turn, attempt.held
            todo: Apply | Refusal
            try:
                if held.unreadable and not turn.start:
                    raise held.unreadable
                todo = order(turn, held.record, self._bind)
                if attempt.begins:
                    room -= 1
                    todo = todo if room >= 0 else self._full()
            except Refusal as refusal:
                todo = refusal
            # a local copy may be old: only what the store confirms is refused, shown or answered again
            if held.cached and isinstance(todo, _TO_CONFIRM):
                self._copies.drop(attempt.key)
            elif isinstance(todo, Refusal):
                attempt.result = todo
            else:
                work.append((attempt, todo))
        return work

    async def _carry_out(self, work: Sequence[tuple[_Try, Apply]]) -> None:
        """Run the filters, and write what changes."""
        answers = await self._runner.run([(attempt.turn, todo) for attempt, todo in work])
        writes = []
        for (attempt, todo), answer in zip(work, answers, strict=True):
            if answer.replayed:
                self._runner.observer.replayed()
                attempt.result = answer
            elif isinstance(todo, Look):
                self._runner.observer.applied(1, 0)
                attempt.result = answer
            else:
                record = next_record(attempt.turn, attempt.held.record, todo, answer.belief, answer.digest)
                writes.append((attempt, answer, record))
        if writes:
            await self._commit(writes)

    async def _load(self, turns: Sequence[Turn]) -> list[_Try]:
        """The turns with what their streams hold, by local copies where there are."""
        keys = [self._prefix + turn.sequence_id for turn in turns]
        held = [self._copies.get(key) for key in keys]
        missing = [key for key, copy in zip(keys, held, strict=True) if copy is None]
        if missing:
            found = iter(await self._timed("read", self._store.get_many(missing)))
            held = [copy or read(next(found), turn, self._bind) for copy, turn in zip(held, turns, strict=True)]
        return [_Try(turn, key, copy or _NOTHING) for turn, key, copy in zip(turns, keys, held, strict=True)]

    async def _commit(self, writes: Sequence[tuple[_Try, Answer, Record]]) -> None:
        """Write the records; an attempt has its answer as result if it won its race.

        What may have changed is no longer trusted locally.
        """
        asked = []
        for attempt, _, record in writes:
            self._copies.drop(attempt.key)
            # what ended is kept while retries may come: to answer them, or to know that their life is over
            keep = not record.ended or record.previous is not None or record.life > 0
            ttl = self._limits.replay_seconds if record.ended else self._limits.ttl_seconds
            value = (record if self._store.keeps_objects else record.encode()) if keep else None
            asked.append(Write(attempt.key, value, attempt.held.version, ttl, is_last=record.ended))
        # counted from before the write, so that no copy outlives its stream
        expires_at = time.monotonic() + self._limits.ttl_seconds
        versions = await self._timed("write", self._store.write_many(asked))
        applied = observations = 0
        for (attempt, answer, record), version in zip(writes, versions, strict=True):
            if isinstance(version, ConflictError):
                self._runner.observer.conflicted()
                continue
            if not record.ended:
                self._copies.put(attempt.key, record, version, expires_at)
            applied += 1
            observations += record.last_rows
            attempt.result = answer
        self._runner.observer.applied(applied, observations)

    def _lost(self) -> Contended:
        return Contended(f"other writers changed the stream {self._limits.attempts} times in a row; send this again")

    def _full(self) -> TooManyStreams:
        return TooManyStreams(
            f"sequence_start: the model has {self._limits.live_streams} live streams, its limit "
            f"(those that ended less than {self._limits.replay_seconds:g} s ago may count); "
            "end streams that are no longer needed with sequence_end, or raise the limit"
        )
