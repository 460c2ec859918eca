"""What every store promises, before real servers: one suite, no exceptions."""

import asyncio
from math import inf

import pytest
from stream_filters.store.base import ConflictError, Store, Versioned, Write

from tests.store.servers import eventually


def put(key: str, value: bytes | None, expected: bytes | None = None, ttl_seconds: float = 60.0) -> Write:
    return Write(key, value, expected, ttl_seconds)


async def test_a_value_is_read_back_under_the_version_it_was_written_with(store: Store) -> None:
    version = await store.write(put("a", b"\x00\xffvalue"))
    assert await store.get("a") == Versioned(b"\x00\xffvalue", version)


async def test_a_missing_key_reads_as_nothing(store: Store) -> None:
    assert await store.get("missing") is None


async def test_the_store_answers_its_check(store: Store) -> None:
    await store.check()


async def test_an_empty_value_is_a_value(store: Store) -> None:
    version = await store.write(put("a", b""))
    assert await store.get("a") == Versioned(b"", version)


async def test_keys_may_hold_any_text(store: Store) -> None:
    keys = ["model/ü*?[x]\\", "model/{slot} two", "model/new\nline\x00", "model/🦉", "model/^-"]
    await store.write_many([put(key, key.encode()) for key in keys])
    assert [found and found.value for found in await store.get_many(keys)] == [key.encode() for key in keys]
    assert {key async for key in store.keys("model/")} == set(keys)
    for key in keys:
        assert {found async for found in store.keys(key)} == {key}
        assert await store.count(key) == 1


async def test_expecting_nothing_creates_only_what_does_not_exist(store: Store) -> None:
    version = await store.write(put("a", b"1"))
    with pytest.raises(ConflictError):
        await store.write(put("a", b"2"))
    assert await store.get("a") == Versioned(b"1", version)


async def test_a_write_needs_the_current_version(store: Store) -> None:
    first = await store.write(put("a", b"1"))
    second = await store.write(put("a", b"2", first))
    assert second != first
    with pytest.raises(ConflictError):
        await store.write(put("a", b"3", first))
    assert await store.get("a") == Versioned(b"2", second)


async def test_a_version_is_no_good_for_a_missing_key(store: Store) -> None:
    version = await store.write(put("a", b"1"))
    with pytest.raises(ConflictError):
        await store.write(put("b", b"1", version))
    assert await store.get("b") is None


async def test_a_delete_needs_the_current_version(store: Store) -> None:
    first = await store.write(put("a", b"1"))
    second = await store.write(put("a", b"2", first))
    with pytest.raises(ConflictError):
        await store.write(put("a", None, first))
    assert await store.write(put("a", None, second)) == b""
    assert await store.get("a") is None
    with pytest.raises(ConflictError):
        await store.write(put("a", None, second))


async def test_deleting_what_must_not_exist_succeeds_if_it_does_not(store: Store) -> None:
    assert await store.write(put("a", None)) == b""
    assert await store.count("") == 0
    await store.write(put("a", b"1"))
    with pytest.raises(ConflictError):
        await store.write(put("a", None))


async def test_a_version_from_before_a_delete_never_matches_again(store: Store) -> None:
    first = await store.write(put("a", b"same"))
    await store.write(put("a", None, first))
    second = await store.write(put("a", b"same"))
    assert second != first
    with pytest.raises(ConflictError):
        await store.write(put("a", b"late", first))
    assert await store.get("a") == Versioned(b"same", second)


async def test_a_version_from_before_expiry_never_matches_again(store: Store) -> None:
    first = await store.write(put("a", b"same", ttl_seconds=0.02))

    async def gone() -> bool:
        return await store.get("a") is None

    await eventually(gone)
    second = await store.write(put("a", b"same"))
    with pytest.raises(ConflictError):
        await store.write(put("a", b"late", first))
    assert await store.get("a") == Versioned(b"same", second)


async def test_a_key_is_gone_after_its_time_and_each_write_begins_it_anew(store: Store) -> None:
    version = await store.write(put("a", b"1", ttl_seconds=0.5))
    await store.write(put("b", b"1", ttl_seconds=0.5))
    kept = await store.write(put("c", b"1", ttl_seconds=0.5))
    kept = await store.write(put("c", b"2", kept, ttl_seconds=60.0))
    shortened = await store.write(put("d", b"1", ttl_seconds=60.0))
    await store.write(put("d", b"2", shortened, ttl_seconds=0.5))

    async def gone() -> bool:
        return await store.get_many(["a", "b", "c", "d"]) == [None, None, Versioned(b"2", kept), None]

    await eventually(gone)
    with pytest.raises(ConflictError):
        await store.write(put("a", b"2", version))
    assert [key async for key in store.keys("")] == ["c"]
    assert await store.count("") == 1


async def test_an_infinite_time_to_live_never_ends(store: Store) -> None:
    version = await store.write(put("a", b"1", ttl_seconds=inf))
    version = await store.write(put("a", b"2", version, ttl_seconds=1e12))
    assert await store.get("a") == Versioned(b"2", version)


async def test_many_reads_keep_their_order_and_repetitions(store: Store) -> None:
    await store.write_many([put(f"k{number}", str(number).encode()) for number in range(1200)])
    asked = [f"k{number}" for number in range(1199, -1, -1)] + ["missing", "k7"]
    expected = [str(number).encode() for number in range(1199, -1, -1)] + [None, b"7"]
    assert [found and found.value for found in await store.get_many(asked)] == expected


async def test_each_of_many_writes_stands_alone(store: Store) -> None:
    version = await store.write(put("b", b"old"))
    results = await store.write_many(
        [put("a", b"1"), put("b", b"new"), put("b", b"2", version), put("c", None, b"x" * 16), put("a", b"again")]
    )
    kinds = [isinstance(result, ConflictError) for result in results]
    assert kinds == [False, True, False, True, True]
    assert [found and found.value for found in await store.get_many(["a", "b", "c"])] == [b"1", b"2", None]


async def test_no_reads_and_no_writes_are_no_trouble(store: Store) -> None:
    assert await store.get_many([]) == []
    assert await store.write_many([]) == []


async def test_of_fifty_concurrent_writers_one_wins_each_version(store: Store) -> None:
    version = await store.write(put("a", b"start"))
    for round_number in range(10):
        results = await asyncio.gather(
            *(store.write(put("a", b"%d/%d" % (round_number, writer), version)) for writer in range(50)),
            return_exceptions=True,
        )
        ((winner, version),) = [(at, result) for at, result in enumerate(results) if isinstance(result, bytes)]
        assert sum(isinstance(result, ConflictError) for result in results) == 49
        assert await store.get("a") == Versioned(b"%d/%d" % (round_number, winner), version)


async def test_concurrent_increments_lose_nothing(store: Store) -> None:
    await store.write(put("a", b"0"))

    async def increment() -> None:
        while True:
            found = await store.get("a")
            assert found is not None
            try:
                await store.write(put("a", b"%d" % (int(found.value) + 1), found.version))
            except ConflictError:
                continue
            return

    await asyncio.gather(*(increment() for _ in range(20)))
    found = await store.get("a")
    assert found is not None
    assert found.value == b"20"


async def test_keys_and_count_see_the_prefix_alone(store: Store) -> None:
    await store.write_many([put(f"m/{number}", b"x") for number in range(2500)])
    await store.write_many([put(key, b"x") for key in ("m", "n/1", "mm/2")])
    assert {key async for key in store.keys("m/")} == {f"m/{number}" for number in range(2500)}
    assert {key async for key in store.keys("n")} == {"n/1"}
    assert [await store.count(prefix) for prefix in ("m/", "n", "m", "", "none")] == [2500, 1, 2502, 2503, 0]


async def test_own_creations_and_deletions_are_counted_at_once(store: Store) -> None:
    assert await store.count("m/") == 0
    version = await store.write(put("m/1", b"x"))
    version = await store.write(put("m/1", b"y", version))
    await store.write(put("m/2", b"x"))
    await store.write(put("n/1", b"x"))
    assert await store.count("m/") == 2
    await store.write(put("m/1", None, version))
    assert await store.count("m/") == 1
    with pytest.raises(ConflictError):
        await store.write(put("m/2", b"y"))
    assert await store.count("m/") == 1


async def test_keys_may_be_deleted_while_they_are_listed(store: Store) -> None:
    await store.write_many([put(f"m/{number}", b"x") for number in range(100)])
    async for key in store.keys("m/"):
        found = await store.get(key)
        if found is not None:
            await store.write(put(key, None, found.version))
    assert [key async for key in store.keys("m/")] == []


async def test_large_values_are_kept_whole(store: Store) -> None:
    value = bytes(range(256)) * 16384
    version = await store.write(put("a", value))
    assert await store.get("a") == Versioned(value, version)


async def pages(store: Store, prefix: str, limit: int) -> list[list[str]]:
    found: list[list[str]] = []
    token = ""
    while not found or token:
        page = await store.page(prefix, token, limit)
        found.append(page.keys)
        token = page.next_token
        assert len(found) < 2000
    return found


@pytest.mark.parametrize("limit", [1, 10, 999, 5000])
async def test_pages_hold_every_key_under_the_prefix_and_no_other(store: Store, limit: int) -> None:
    keys = [f"m/{number}" for number in range(1100)] + ["m/ü*[x]", "m/a/b"]
    await store.write_many([put(key, b"1") for key in [*keys, "m", "n/1", "M/1"]])
    found = await pages(store, "m/", limit)
    assert {key for page in found for key in page} == set(keys)
    assert max(len(page) for page in found) <= max(2 * limit, 32)
    assert await pages(store, "other/", limit) == [[]]


async def test_a_key_that_lives_throughout_is_on_a_page_whatever_comes_and_goes_around_it(store: Store) -> None:
    await store.write_many([put(f"m/{number}", b"1") for number in range(500)])
    doomed = {f"m/{number}": await store.get(f"m/{number}") for number in range(0, 500, 2)}
    found, token, number = set(), "", 0
    while number == 0 or token:
        page = await store.page("m/", token, 50)
        found.update(page.keys)
        token = page.next_token
        if doomed:
            key, held = doomed.popitem()
            assert held is not None
            await store.write(put(key, None, held.version))
        number += 1
        await store.write(put(f"m/new-{number}", b"1"))
    assert {f"m/{number}" for number in range(1, 500, 2)} <= found


async def test_expired_keys_are_on_no_page(store: Store) -> None:
    await store.write_many([put("m/short", b"1", ttl_seconds=0.05), put("m/long", b"1")])

    async def gone() -> bool:
        return await pages(store, "m/", 10) == [["m/long"]]

    await eventually(gone)
