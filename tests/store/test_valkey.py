"""The Valkey store before a real server: round trips, scripts, lost answers, neighbours."""

import asyncio
from collections.abc import Callable

import pytest
from stream_filters.store import open_store
from stream_filters.store.base import ConflictError, StoreUnavailableError, Versioned, Write

from tests.store.conftest import OpenUrl
from tests.store.proxy import Proxy
from tests.store.servers import Server, wait_until


def through(proxy: Proxy, url: str, server: Server) -> str:
    return url.replace(f":{server.port}", f":{proxy.port}")


async def a_hundred_keys_are_one_round_trip(url: str, proxy: Proxy) -> None:
    store = open_store(url)
    await store.open()
    await store.write(Write("warm", b"1", None, 60.0))
    proxy.turns = 0
    results = await store.write_many([Write(f"k{number}", b"1", None, 60.0) for number in range(100)])
    assert proxy.turns == 1
    assert len(set(results)) == 100
    found = await store.get_many([f"k{number}" for number in range(100)])
    assert proxy.turns == 2
    assert [entry and entry.version for entry in found] == results
    await store.close()


async def test_a_hundred_keys_are_one_round_trip(valkey: Server, url_of: Callable[[str], str]) -> None:
    async with Proxy(valkey.port) as proxy:
        await a_hundred_keys_are_one_round_trip(through(proxy, url_of("valkey"), valkey), proxy)


async def test_a_hundred_keys_are_one_round_trip_to_a_clusters_node(start_cluster: Callable[[], Server]) -> None:
    server = start_cluster()
    async with Proxy(server.port) as proxy:
        # The node tells clients where it is: it has to name the relay.
        with server.client() as client:
            client.config_set("cluster-announce-port", proxy.port)
            wait_until(lambda: client.execute_command("CLUSTER SLOTS")[0][2][1] == proxy.port)
        await a_hundred_keys_are_one_round_trip(f"valkey+cluster://127.0.0.1:{proxy.port}", proxy)


async def test_a_write_is_one_command_that_sends_no_script(valkey: Server, url_of: Callable[[str], str]) -> None:
    store = open_store(url_of("valkey"))
    await store.open()
    await store.write(Write("warm", b"1", None, 60.0))
    with valkey.client() as client:
        client.config_resetstat()
        await store.write_many([Write(f"k{number}", b"1", None, 60.0) for number in range(100)])
        calls = {name: stats["calls"] for name, stats in client.info("commandstats").items()}
    await store.close()
    assert calls["cmdstat_evalsha"] == 100
    assert "cmdstat_eval" not in calls
    assert "cmdstat_script|load" not in calls


async def test_a_server_that_forgot_the_script_is_told_again(
    valkey: Server, url_of: Callable[[str], str], opened: OpenUrl
) -> None:
    store = await opened(url_of("valkey"))
    version = await store.write(Write("a", b"1", None, 60.0))
    with valkey.client() as client:
        client.script_flush()
    results = await store.write_many([Write("a", b"2", version, 60.0), Write("b", b"1", b"x" * 16, 60.0)])
    assert isinstance(results[0], bytes)
    assert isinstance(results[1], ConflictError)


@pytest.mark.parametrize("step", ["create", "update", "delete"])
async def test_a_write_whose_answer_was_lost_is_recognised_as_its_own(
    valkey: Server, url_of: Callable[[str], str], step: str
) -> None:
    async with Proxy(valkey.port) as proxy:
        store = open_store(through(proxy, url_of("valkey"), valkey))
        await store.open()
        before = None if step == "create" else await store.write(Write("a", b"1", None, 60.0))
        count = await store.count("")
        value = None if step == "delete" else b"2"
        proxy.lose_answers = 1
        version = await store.write(Write("a", value, before, 60.0))
        assert proxy.lose_answers == 0
        assert await store.get("a") == (None if value is None else Versioned(b"2", version))
        assert await store.count("") == count + {"create": 1, "update": 0, "delete": -1}[step]
        await store.close()


async def test_when_answers_keep_being_lost_the_outcome_is_said_to_be_unknown(
    valkey: Server, url_of: Callable[[str], str]
) -> None:
    async with Proxy(valkey.port) as proxy:
        store = open_store(through(proxy, url_of("valkey"), valkey))
        await store.open()
        await store.get("a")
        proxy.lose_answers = 10
        with pytest.raises(StoreUnavailableError, match="cannot be reached"):
            await store.write(Write("a", b"1", None, 60.0))
        proxy.lose_answers = 0
        found = await store.get("a")
        assert found is None or found.value == b"1"
        await store.close()


async def test_predictors_share_keys_and_exactly_one_wins(url_of: Callable[[str], str], opened: OpenUrl) -> None:
    url = url_of("valkey")
    stores = [await opened(url) for _ in range(3)]
    version = await stores[0].write(Write("a", b"1", None, 60.0))
    results = await asyncio.gather(
        *(store.write(Write("a", b"2", version, 60.0)) for store in stores), return_exceptions=True
    )
    assert sorted(isinstance(result, ConflictError) for result in results) == [False, True, True]
    assert all(store.shared for store in stores)


async def test_keys_of_other_predictors_are_listed_and_counted(url_of: Callable[[str], str], opened: OpenUrl) -> None:
    url = url_of("valkey")
    one, two = await opened(url), await opened(url)
    await one.write_many([Write(f"m/{number}", b"1", None, 60.0) for number in range(25_000)])
    assert await two.count("m/") == 25_000
    assert len({key async for key in two.keys("m/")}) == 25_000


async def test_prefixes_keep_stores_on_one_server_apart(url_of: Callable[[str], str], opened: OpenUrl) -> None:
    one, two = await opened(url_of("valkey")), await opened(url_of("valkey"))
    await one.write(Write("a", b"1", None, 60.0))
    assert await two.get("a") is None
    assert [key async for key in two.keys("")] == []


async def test_calls_that_come_together_share_round_trips(valkey: Server, url_of: Callable[[str], str]) -> None:
    async with Proxy(valkey.port) as proxy:
        store = open_store(through(proxy, url_of("valkey"), valkey) + "&max_connections=1")
        await store.open()
        await store.write(Write("warm", b"1", None, 60.0))
        proxy.turns = 0
        await asyncio.gather(*(store.write(Write(f"k{number}", b"1", None, 60.0)) for number in range(100)))
        assert proxy.turns <= 2
        await store.close()


async def test_a_caller_that_gives_up_harms_no_other(url_of: Callable[[str], str], opened: OpenUrl) -> None:
    store = await opened(url_of("valkey") + "&max_connections=1")
    for given_up in range(4):
        calls = [asyncio.create_task(store.write(Write(f"{given_up}/{n}", b"1", None, 60.0))) for n in range(4)]
        await asyncio.sleep(0)
        calls[given_up].cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        kinds = [type(result) for result in results]
        assert kinds == [asyncio.CancelledError if n == given_up else bytes for n in range(4)]
    await store.check()


async def test_a_call_that_cannot_be_carried_out_harms_no_other(url_of: Callable[[str], str], opened: OpenUrl) -> None:
    store = await opened(url_of("valkey") + "&max_connections=1")
    results = await asyncio.gather(
        store.write(Write("a", b"1", None, 60.0)),
        store.write(Write("\ud800", b"1", None, 60.0)),
        store.write(Write("b", b"1", None, 60.0)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [bytes, StoreUnavailableError, bytes]
