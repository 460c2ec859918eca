"""Streams over a store that fails: nothing is lost, nothing is applied twice, whoever writes beside us."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest
from stream_filters.refusals import Contended, Exhausted, Refusal, Unavailable, Unusable
from stream_filters.store.base import ConflictError, StoreFullError, StoreUnavailableError, Versioned, Write
from stream_filters.store.memory import MemoryStore
from stream_filters.streams.exactly_once import Turn
from stream_filters.streams.records import Record
from stream_filters.streams.runner import Answer, Runner
from stream_filters.streams.sessions import Sessions

from tests.predictor.in_process import BIND, sessions, turn
from tests.predictor.models import posterior_means


class Unreliable(MemoryStore):
    """Fails at random, before or after it has written; and writes what is there once more, as another replica might."""

    def __init__(self, random: Random, share: float) -> None:
        super().__init__()
        self.random = random
        self.share = share
        self.failures = 0

    def _maybe_fail(self) -> None:
        if self.random.random() < self.share:
            self.failures += 1
            raise StoreUnavailableError("no answer")

    async def get_many(self, keys: Sequence[str]) -> list[Versioned | None]:
        await asyncio.sleep(0)
        self._maybe_fail()
        return await super().get_many(keys)

    async def write_many(self, writes: Sequence[Write]) -> list[bytes | ConflictError]:
        await asyncio.sleep(0)
        self._maybe_fail()
        for write in writes:
            held = await self.get(write.key)
            if held is not None and self.random.random() < self.share:
                await super().write_many([Write(write.key, held.value, held.version, 60.0)])
        done = await super().write_many(writes)
        await asyncio.sleep(0)
        self._maybe_fail()
        return done


async def only(held: Sessions, asked: Turn) -> Answer:
    (result,) = await held.apply([asked])
    if isinstance(result, Refusal):
        raise result
    return result


class Slow(MemoryStore):
    """Reads the stream `busy` only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = asyncio.Event()

    async def get_many(self, keys: Sequence[str]) -> list[Versioned | None]:
        if "model/busy" in keys:
            await self.let.wait()
        return await super().get_many(keys)


async def until_done(replicas: list[Sessions], random: Random, asked: Turn) -> Answer:
    """Again and again, at any replica, as a client does when the answer does not come."""
    for _ in range(10_000):
        try:
            return await only(random.choice(replicas), asked)
        except (Unavailable, Contended):
            await asyncio.sleep(0)
    raise AssertionError("never done")


async def test_a_stream_whose_queue_is_full_is_refused_alone(runner: Runner) -> None:
    store = Slow()
    held = sessions(store, runner, waiting=1)
    begins = asyncio.create_task(only(held, turn("busy", [1.0], start=True)))
    waits = asyncio.create_task(only(held, turn("busy", [2.0])))
    # each goes as far as it can
    await asyncio.sleep(0)
    both = [turn("busy", [3.0]), turn("free", [4.0], start=True)]
    refused, applied = await asyncio.wait_for(held.apply(both), 30)
    assert isinstance(refused, Exhausted)
    assert isinstance(applied, Answer)
    assert applied.output("mean") == pytest.approx(posterior_means([4.0]))
    store.let.set()
    assert [(await begins).belief.offset, (await waits).belief.offset] == [1, 2]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("replicas", [1, 3])
async def test_no_row_is_lost_or_applied_twice_over_a_store_that_fails(
    runner: Runner, seed: int, replicas: int
) -> None:
    random = Random(seed)
    store = Unreliable(random, 0.25)
    servers = [sessions(store, runner, attempts=4) for _ in range(replicas)]

    async def stream(name: str) -> None:
        rows = [random.uniform(-5, 5) for _ in range(30)]
        sent = 0
        while sent < len(rows):
            length = random.randint(1, 4)
            piece = rows[sent : sent + length]
            answer = await until_done(servers, random, turn(name, piece, offset=sent, start=sent == 0))
            sent += len(piece)
            assert answer.output("mean") == pytest.approx(posterior_means(rows[:sent])[-len(piece) :])
            assert answer.belief.offset == sent
        held = await store.get(f"model/{name}")
        assert held is not None
        bound = BIND(None)
        whole = bound.run(bound.initial_state(), turn(name, rows).batch(bound), frozenset()).state
        assert isinstance(held.value, Record)
        assert held.value.belief.state == whole.tobytes()

    await asyncio.gather(*(stream(f"stream {index}") for index in range(5)))
    assert store.failures > 20


@pytest.mark.parametrize("seed", range(3))
async def test_requests_of_many_streams_are_safe_to_repeat(runner: Runner, seed: int) -> None:
    random = Random(seed)
    store = Unreliable(random, 0.2)
    held = sessions(store, runner)
    names = [f"stream {index}" for index in range(4)]
    rows = {name: [random.uniform(-5, 5) for _ in range(20)] for name in names}
    for sent in range(0, 20, 2):
        turns = [turn(name, rows[name][sent : sent + 2], offset=sent, start=sent == 0) for name in names]
        while True:
            try:
                results = await held.apply(turns)
            except Unavailable:
                continue
            if not any(isinstance(result, Refusal) for result in results):
                break
    for name in names:
        final = await until_done([held], random, turn(name, [1.0], offset=20))
        assert final.output("mean") == pytest.approx(posterior_means([*rows[name], 1.0])[-1:])


async def test_rows_without_offsets_are_applied_once_when_only_races_are_lost(runner: Runner) -> None:
    class Raced(MemoryStore):
        lost = 0

        async def write_many(self, writes: Sequence[Write]) -> list[bytes | ConflictError]:
            if self.lost < 3:
                self.lost += 1
                return [ConflictError("raced") for _ in writes]
            return await super().write_many(writes)

    held = sessions(Raced(), runner)
    assert (await only(held, turn("a", [1.0, 2.0], start=True))).belief.offset == 2


async def test_a_race_lost_too_often_is_told(runner: Runner) -> None:
    class Contested(MemoryStore):
        async def write_many(self, writes: Sequence[Write]) -> list[bytes | ConflictError]:
            return [ConflictError("raced") for _ in writes]

    with pytest.raises(Contended, match="2 times in a row; send this again"):
        await only(sessions(Contested(), runner, attempts=2), turn("a", [1.0], start=True))


async def test_one_lost_race_does_not_hold_up_other_streams_of_the_request(runner: Runner) -> None:
    class Contested(MemoryStore):
        async def write_many(self, writes: Sequence[Write]) -> list[bytes | ConflictError]:
            fine = await super().write_many([write for write in writes if not write.key.endswith("/b")])
            found = iter(fine)
            return [ConflictError("raced") if write.key.endswith("/b") else next(found) for write in writes]

    held = sessions(Contested(), runner, attempts=2)
    results = await held.apply([turn(name, [1.0], start=True) for name in "abc"])
    assert [type(result) for result in results] == [Answer, Contended, Answer]


async def test_a_full_store_is_told(runner: Runner) -> None:
    class Full(MemoryStore):
        async def write_many(self, writes: Sequence[Write]) -> list[bytes | ConflictError]:
            raise StoreFullError(f"no room for {len(writes)}")

    with pytest.raises(Exhausted, match="the store is full"):
        await only(sessions(Full(), runner), turn("a", [1.0], start=True))


async def test_what_another_replica_applied_is_seen(runner: Runner) -> None:
    store = MemoryStore()
    one, other = sessions(store, runner), sessions(store, runner)
    await only(one, turn("a", [1.0], start=True, offset=0))
    await only(other, turn("a", [2.0], offset=1))
    await only(one, turn("a", [3.0], offset=2))
    again = await only(other, turn("a", [3.0], offset=2))
    assert again.replayed
    assert again.output("mean") == pytest.approx(posterior_means([1.0, 2.0, 3.0])[-1:])


async def test_a_stream_that_is_not_readable_is_told_and_can_begin_again(runner: Runner) -> None:
    store = MemoryStore()
    await store.write(Write("model/a", b"what is this", None, 60.0))
    held = sessions(store, runner)
    with pytest.raises(Unusable, match="start it anew"):
        await only(held, turn("a", [1.0], offset=0))
    assert (await only(held, turn("a", [1.0], offset=0, start=True))).belief.offset == 1


async def test_a_request_that_is_given_up_leaves_the_stream_as_it_was_or_applied(runner: Runner) -> None:
    random = Random(5)
    store = Unreliable(random, 0.0)
    held = sessions(store, runner)
    await only(held, turn("a", [0.0], start=True, offset=0))
    done = 1
    for _ in range(60):
        task = asyncio.create_task(held.apply([turn("a", [float(done)], offset=done)]))
        for _ in range(random.randint(0, 6)):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        answer = await only(held, turn("a", [float(done)], offset=done))
        done += 1
        assert answer.output("mean") == pytest.approx(posterior_means(range(done))[-1:])
