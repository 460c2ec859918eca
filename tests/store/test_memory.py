"""The memory store's clock and its memory."""

import tracemalloc
from collections.abc import Iterator

import pytest
from stream_filters.store.base import StoreFullError, Write
from stream_filters.store.memory import MemoryStore

VALUE_BYTES = 10_000


class Clock:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def traced_bytes() -> int:
    return tracemalloc.get_traced_memory()[0]


async def fill(store: MemoryStore, keys: int, ttl_seconds: float) -> list[bytes]:
    return [await store.write(Write(f"k{number}", bytes(VALUE_BYTES), None, ttl_seconds)) for number in range(keys)]


async def test_expiry_is_exact(clock: Clock) -> None:
    store = MemoryStore(clock)
    await store.write(Write("a", b"1", None, 10.0))
    clock.seconds = 1009.999
    assert await store.get("a") is not None
    assert await store.count("") == 1
    clock.seconds = 1010.0
    assert await store.get("a") is None
    assert [key async for key in store.keys("")] == []
    assert await store.count("") == 0


@pytest.mark.usefixtures("traced")
async def test_expired_values_are_given_back_without_being_read(clock: Clock) -> None:
    store = MemoryStore(clock)
    await fill(store, 1000, ttl_seconds=10.0)
    assert traced_bytes() > 1000 * VALUE_BYTES
    clock.seconds += 10.0
    for _ in range(100):
        await store.get("another")
    assert traced_bytes() < 100 * VALUE_BYTES


@pytest.mark.usefixtures("traced")
async def test_the_check_gives_back_what_expired_while_nobody_called(clock: Clock) -> None:
    store = MemoryStore(clock)
    await fill(store, 1000, ttl_seconds=10.0)
    clock.seconds += 10.0
    await store.check()
    assert traced_bytes() < 100 * VALUE_BYTES


@pytest.mark.usefixtures("traced")
async def test_deleted_values_are_given_back_at_once(clock: Clock) -> None:
    store = MemoryStore(clock)
    for number, version in enumerate(await fill(store, 1000, ttl_seconds=1e6)):
        await store.write(Write(f"k{number}", None, version, 1.0))
    assert traced_bytes() < 100 * VALUE_BYTES


@pytest.mark.usefixtures("traced")
async def test_ended_and_rewritten_streams_leave_nothing_behind(clock: Clock) -> None:
    store = MemoryStore(clock)
    before = traced_bytes()
    for number in range(20_000):
        clock.seconds += 0.001
        version = await store.write(Write(f"k{number}", b"1", None, 1e6))
        version = await store.write(Write(f"k{number}", b"2", version, 1e6))
        await store.write(Write(f"k{number}", None, version, 1e6))
    kept = None
    for _ in range(20_000):
        clock.seconds += 0.001
        kept = await store.write(Write("kept", b"1", kept, 1e6))
    assert traced_bytes() - before < 1_000_000


async def test_prolonged_keys_outlive_their_first_deadline(clock: Clock) -> None:
    store = MemoryStore(clock)
    versions: list[bytes | None] = [None] * 50
    for _ in range(10):
        for number in range(50):
            versions[number] = await store.write(Write(f"k{number}", b"1", versions[number], 10.0))
        clock.seconds += 9.0
        assert await store.count("k") == 50
    clock.seconds += 1.0
    assert await store.count("k") == 0


async def test_a_key_that_expired_among_many_others_can_be_created_again_at_once(clock: Clock) -> None:
    store = MemoryStore(clock)
    versions = await fill(store, 1000, ttl_seconds=10.0)
    clock.seconds += 10.0
    assert await store.write(Write("k999", b"new", None, 10.0)) not in versions
    assert await store.count("") == 1


async def test_bytes_beyond_the_limit_are_refused_until_there_is_room(clock: Clock) -> None:
    store = MemoryStore(clock, max_bytes=1_000_000)
    versions: list[bytes] = []

    async def fill_up() -> None:
        while True:
            versions.extend(await store.write_many([Write(f"k{len(versions)}", bytes(VALUE_BYTES), None, 60.0)]))  # type: ignore[arg-type]

    with pytest.raises(StoreFullError, match="1000000 bytes"):
        await fill_up()
    assert 90 < len(versions) < 100
    with pytest.raises(StoreFullError):
        await store.write(Write("k0", bytes(2 * VALUE_BYTES), versions[0], 60.0))
    # what does not grow, and what ends a stream, is carried out
    await store.write(Write("k0", bytes(VALUE_BYTES), versions[0], 60.0))
    await store.write(Write("k1", bytes(2 * VALUE_BYTES), versions[1], 60.0, is_last=True))
    for number in (2, 3, 4):
        await store.write(Write(f"k{number}", None, versions[number], 60.0))
    await store.write(Write("again", bytes(VALUE_BYTES), None, 60.0))
    clock.seconds += 61.0
    await store.check()
    assert await store.count("k") == 0
    versions.clear()
    with pytest.raises(StoreFullError):
        await fill_up()
    assert 90 < len(versions) < 100
