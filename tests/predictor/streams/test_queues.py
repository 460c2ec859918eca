"""Requests of one stream pass one at a time, in the order they came, and nothing of them stays behind."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from stream_filters.refusals import Exhausted
from stream_filters.streams.queues import Turnstile


class Visitors:
    """Requests that note who is inside, and stay until they are let go."""

    def __init__(self, turnstile: Turnstile) -> None:
        self.turnstile = turnstile
        self.order: list[str] = []
        self.inside: set[str] = set()
        self._leave: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, keys: Sequence[str]) -> None:
        """Arrive, and wait or go in."""
        self._leave[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._visit(name, keys))
        await settle()

    async def leave(self, name: str) -> None:
        self._leave[name].set()
        await self.tasks[name]
        await settle()

    async def _visit(self, name: str, keys: Sequence[str]) -> None:
        async with self.turnstile.turn(keys):
            self.order.append(name)
            self.inside.add(name)
            await self._leave[name].wait()
            self.inside.remove(name)


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def visitors() -> Visitors:
    return Visitors(Turnstile(64))


async def test_one_key_lets_one_in(visitors: Visitors) -> None:
    await visitors.come("first", ["a"])
    await visitors.come("second", ["a"])
    assert visitors.inside == {"first"}
    await visitors.leave("first")
    assert visitors.inside == {"second"}
    await visitors.leave("second")


async def test_different_keys_do_not_wait_for_each_other(visitors: Visitors) -> None:
    await visitors.come("first", ["a"])
    await visitors.come("second", ["b"])
    assert visitors.inside == {"first", "second"}
    await visitors.leave("first")
    await visitors.leave("second")


async def test_who_comes_first_goes_first(visitors: Visitors) -> None:
    names = [str(index) for index in range(10)]
    for name in names:
        await visitors.come(name, ["a"])
    for name in names:
        await visitors.leave(name)
    assert visitors.order == names


async def test_many_keys_wait_for_all_of_them(visitors: Visitors) -> None:
    await visitors.come("a", ["a"])
    await visitors.come("b", ["b"])
    await visitors.come("both", ["b", "a"])
    await visitors.leave("a")
    assert visitors.inside == {"b"}
    await visitors.leave("b")
    assert visitors.inside == {"both"}
    await visitors.leave("both")


@pytest.mark.parametrize("keys", [["a", "b"], ["b", "a"]])
async def test_who_waits_for_one_key_keeps_the_place_at_the_others(visitors: Visitors, keys: list[str]) -> None:
    await visitors.come("first", ["a"])
    await visitors.come("both", keys)
    await visitors.come("late", ["b"])
    assert visitors.inside == {"first"}
    await visitors.leave("first")
    assert visitors.inside == {"both"}
    await visitors.leave("both")
    await visitors.leave("late")
    assert visitors.order == ["first", "both", "late"]


async def test_a_full_queue_turns_the_next_one_away() -> None:
    visitors = Visitors(Turnstile(2))
    for name in ("inside", "waiting", "waiting too"):
        await visitors.come(name, ["a"])
    with pytest.raises(Exhausted, match=r"2 requests wait for the stream 'a'"):
        async with visitors.turnstile.turn(["a"]):
            pass
    for name in ("inside", "waiting", "waiting too"):
        await visitors.leave(name)


async def test_who_is_turned_away_at_one_key_holds_no_other() -> None:
    visitors = Visitors(Turnstile(1))
    await visitors.come("inside", ["b"])
    await visitors.come("waiting", ["b"])
    with pytest.raises(Exhausted):
        async with visitors.turnstile.turn(["a", "b", "c"]):
            pass
    assert len(visitors.turnstile) == 1
    await visitors.come("a", ["a", "c"])
    assert visitors.inside == {"inside", "a"}
    for name in ("inside", "waiting", "a"):
        await visitors.leave(name)


async def test_who_gives_up_waiting_is_passed_over(visitors: Visitors) -> None:
    await visitors.come("first", ["a"])
    await visitors.come("gives up", ["a", "b"])
    await visitors.come("third", ["b"])
    visitors.tasks["gives up"].cancel()
    await settle()
    assert visitors.inside == {"first", "third"}
    await visitors.leave("first")
    await visitors.leave("third")
    assert len(visitors.turnstile) == 0


async def test_who_gives_up_inside_makes_way(visitors: Visitors) -> None:
    await visitors.come("first", ["a"])
    await visitors.come("second", ["a"])
    visitors.tasks["first"].cancel()
    await settle()
    assert "second" in visitors.inside
    await visitors.leave("second")


async def test_who_is_let_in_and_gives_up_at_once_makes_way(visitors: Visitors) -> None:
    """Cancelled between being woken and running."""
    for name in ("first", "second", "third"):
        await visitors.come(name, ["a"])
    visitors._leave["first"].set()
    await visitors.tasks["first"]
    visitors.tasks["second"].cancel()
    await settle()
    assert "third" in visitors.inside
    await visitors.leave("third")
    assert len(visitors.turnstile) == 0


async def test_a_failure_inside_makes_way(visitors: Visitors) -> None:
    with pytest.raises(ZeroDivisionError):
        async with visitors.turnstile.turn(["a", "b"]):
            raise ZeroDivisionError
    await visitors.come("next", ["a", "b"])
    assert visitors.inside == {"next"}
    await visitors.leave("next")


async def test_any_mixture_of_requests_passes_in_the_order_of_each_key_and_leaves_nothing() -> None:
    random = np.random.default_rng(7)
    turnstile, order = Turnstile(1_000), []
    holding: set[str] = set()

    async def visit(number: int, keys: list[str], pause: int) -> None:
        async with turnstile.turn(keys):
            assert not holding.intersection(keys)
            holding.update(keys)
            order.append(number)
            try:
                for _ in range(pause):
                    await asyncio.sleep(0)
            finally:
                holding.difference_update(keys)

    wanted = [[str(key) for key in random.permutation(6)[: random.integers(1, 5)]] for _ in range(300)]
    tasks = [asyncio.create_task(visit(index, keys, int(random.integers(0, 4)))) for index, keys in enumerate(wanted)]
    cancelled = set(random.permutation(300)[:60].tolist())
    for index in sorted(cancelled):
        await asyncio.sleep(0)
        tasks[index].cancel()
    outcomes = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30.0)
    assert {type(outcome) for outcome in outcomes} <= {type(None), asyncio.CancelledError}
    for key in "012345":
        passed = [number for number in order if key in wanted[number]]
        assert passed == sorted(passed)
    assert set(range(300)) - cancelled <= set(order)
    assert len(turnstile) == 0
