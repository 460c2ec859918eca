"""Requests of so many streams that they are carried out in portions."""

from collections.abc import Sequence

import pytest
from stream_filters.refusals import TooManyStreams, Unavailable
from stream_filters.store.base import ConflictError, StoreUnavailableError, Write
from stream_filters.store.memory import MemoryStore
from stream_filters.streams.runner import Answer, Runner

from tests.predictor.in_process import sessions, turn


class Watched(MemoryStore):
    """Knows what was written, and how much at once; fails after so many writes."""

    def __init__(self, most_writes: int = 1_000) -> None:
        super().__init__()
        self.written: list[str] = []
        self.at_once: list[int] = []
        self.most_writes = most_writes

    async def write_many(self, writes: Sequence[Write]) -> list[bytes | ConflictError]:
        if len(self.at_once) >= self.most_writes:
            raise StoreUnavailableError("no answer")
        self.at_once.append(len(writes))
        self.written += [write.key for write in writes]
        return await super().write_many(writes)


async def test_a_request_of_many_streams_is_carried_out_in_portions(runner: Runner) -> None:
    store = Watched()
    names = [f"stream {index}" for index in range(2_000)]
    answers = await sessions(store, runner).apply([turn(name, [1.0, 2.0], start=True) for name in names])
    assert [answer.belief.offset for answer in answers if isinstance(answer, Answer)] == [2] * len(names)
    assert sorted(store.written) == sorted(f"model/{name}" for name in names)
    # others come in between
    assert max(store.at_once) <= len(names) / 10


async def test_as_many_streams_of_many_portions_begin_as_there_is_room_for(runner: Runner) -> None:
    held = sessions(MemoryStore(), runner, live_streams=500)
    first = await held.apply([turn(f"first {index}", [1.0], start=True) for index in range(300)])
    later = await held.apply([turn(f"later {index}", [1.0], start=True) for index in range(1_000)])
    begun = [isinstance(result, Answer) for result in (*first, *later)]
    assert sum(begun[:300]) == 300
    assert sum(begun) == 500 == await held.count()
    assert {type(result) for result in later} == {Answer, TooManyStreams}


async def test_a_store_that_fails_ends_a_request_of_many_portions_at_once(runner: Runner) -> None:
    store = Watched(most_writes=3)
    held = sessions(store, runner)
    turns = [turn(f"stream {index}", [1.0], start=True, offset=0) for index in range(2_000)]
    with pytest.raises(Unavailable, match="the store is away"):
        await held.apply(turns)
    written = len(store.written)
    assert 0 < written < 1_000
    assert held.busy == 0
    store.most_writes = 1_000
    # the very same request, sent again
    answers = [answer for answer in await held.apply(turns) if isinstance(answer, Answer)]
    assert [answer.belief.offset for answer in answers] == [1] * len(turns)
    assert sum(answer.replayed for answer in answers) == written
