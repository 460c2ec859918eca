"""How old a shared store's count may be."""

import asyncio

import pytest
from stream_filters.store.base import StoreUnavailableError
from stream_filters.store.valkey_scan import KeyCounts


class Shared:
    """A server that others write to, and a clock."""

    def __init__(self) -> None:
        self.keys = 0
        self.scans = 0
        self.seconds = 0.0
        self.scan_seconds = 0.0
        self.away = False
        self.counts = KeyCounts(self.scan, clock=lambda: self.seconds)

    async def scan(self, prefix: str) -> int:
        assert prefix == "m/"
        self.scans += 1
        if self.away:
            raise StoreUnavailableError("away")
        await asyncio.sleep(0)
        self.seconds += self.scan_seconds
        return self.keys

    async def renewed(self) -> int:
        """The count, after what runs in the background has run."""
        await self.counts.count("m/")
        while self.counts._tasks:
            await asyncio.sleep(0)
        return await self.counts.count("m/")


@pytest.fixture
def shared() -> Shared:
    return Shared()


async def test_a_fresh_count_is_not_asked_for_again(shared: Shared) -> None:
    shared.keys = 7
    assert [await shared.counts.count("m/") for _ in range(100)] == [7] * 100
    shared.seconds = 5.0
    assert await shared.counts.count("m/") == 7
    assert shared.scans == 1


async def test_concurrent_callers_share_one_scan(shared: Shared) -> None:
    shared.keys = 7
    assert await asyncio.gather(*(shared.counts.count("m/") for _ in range(20))) == [7] * 20
    assert shared.scans == 1


async def test_a_caller_that_gives_up_leaves_the_scan_to_the_others(shared: Shared) -> None:
    shared.keys = 7
    first = asyncio.create_task(shared.counts.count("m/"))
    second = asyncio.create_task(shared.counts.count("m/"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 7


async def test_own_changes_are_seen_at_once(shared: Shared) -> None:
    shared.keys = 7
    await shared.counts.count("m/")
    shared.counts.add("m/new", 1)
    shared.counts.add("other/new", 1)
    assert await shared.counts.count("m/") == 8
    shared.counts.add("m/new", -1)
    assert await shared.counts.count("m/") == 7


async def test_an_older_count_is_answered_and_renewed_in_the_background(shared: Shared) -> None:
    shared.keys = 7
    await shared.counts.count("m/")
    shared.keys, shared.seconds = 9, 6.0
    assert await shared.counts.count("m/") == 7
    assert await shared.renewed() == 9
    assert shared.scans == 2


async def test_a_stale_count_is_waited_for(shared: Shared) -> None:
    shared.keys = 7
    await shared.counts.count("m/")
    shared.keys, shared.seconds = 9, 21.0
    assert await shared.counts.count("m/") == 9


async def test_counting_takes_a_fiftieth_of_the_time_at_most(shared: Shared) -> None:
    shared.scan_seconds = 1.0
    await shared.counts.count("m/")
    shared.seconds += 50.0
    await shared.renewed()
    assert shared.scans == 1
    shared.seconds += 1.0
    await shared.renewed()
    assert shared.scans == 2


async def test_a_count_is_renewed_each_minute_however_long_it_takes(shared: Shared) -> None:
    shared.scan_seconds = 10.0
    await shared.counts.count("m/")
    shared.seconds += 61.0
    await shared.renewed()
    assert shared.scans == 2


async def test_a_failure_is_raised_once_there_is_no_answer_left(shared: Shared) -> None:
    shared.keys = 7
    await shared.counts.count("m/")
    shared.away, shared.seconds = True, 6.0
    assert await shared.renewed() == 7
    shared.seconds = 21.0
    with pytest.raises(StoreUnavailableError):
        await shared.counts.count("m/")
    shared.away = False
    assert await shared.counts.count("m/") == 7
