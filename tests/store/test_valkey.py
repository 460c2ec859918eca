"""The Valkey store in good and bad times of its server."""

import asyncio
import signal
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from stream_filters.store import open_store
from stream_filters.store.base import (
    ConflictError,
    Store,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
    Versioned,
    Write,
)

from tests.store.proxy import Proxy
from tests.store.servers import Server, eventually, free_port, wait_until

StartServer = Callable[..., Server]
OpenUrl = Callable[[str], Awaitable[Store]]


@pytest_asyncio.fixture
async def opened() -> AsyncIterator[OpenUrl]:
    """Opens stores and closes them all."""
    stores: list[Store] = []

    async def open_url(url: str) -> Store:
        stores.append(open_store(url))
        await stores[-1].open()
        return stores[-1]

    yield open_url
    for store in stores:
        await store.close()


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


async def test_a_killed_server_is_named_and_what_it_answered_is_there_after_its_restart(
    start_server: StartServer, opened: OpenUrl
) -> None:
    server = start_server()
    store = await opened(f"valkey://127.0.0.1:{server.port}")
    versions = [await store.write(Write(f"k{number}", b"1", None, 600.0)) for number in range(200)]
    server.kill()
    with pytest.raises(StoreUnavailableError, match=f"127.0.0.1:{server.port} cannot be reached"):
        await store.get("k0")
    with pytest.raises(StoreUnavailableError):
        await store.check()
    server.start()

    async def loaded() -> bool:
        try:
            await store.check()
        except StoreUnavailableError:
            return False
        return True

    await eventually(loaded)
    found = await store.get_many([f"k{number}" for number in range(200)])
    assert [entry and entry.version for entry in found] == versions
    await store.write(Write("k0", b"2", versions[0], 600.0))


async def test_a_store_whose_server_is_away_at_opening_finds_it_later(start_server: StartServer) -> None:
    server = start_server()
    server.stop()
    store = open_store(f"valkey://127.0.0.1:{server.port}")
    with pytest.raises(StoreUnavailableError):
        await store.open()
    server.start()
    await store.check()
    await store.close()


async def test_a_server_that_hangs_is_given_up_after_the_timeout(start_server: StartServer, opened: OpenUrl) -> None:
    server = start_server()
    store = await opened(f"valkey://127.0.0.1:{server.port}?socket_timeout=0.2&socket_connect_timeout=0.2")
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(StoreUnavailableError, match="did not answer in time"):
            await store.get("a")
    finally:
        server.process.send_signal(signal.SIGCONT)
    await store.check()


async def test_a_full_server_refuses_new_values_until_there_is_room(start_server: StartServer, opened: OpenUrl) -> None:
    server = start_server()
    store = await opened(f"valkey://127.0.0.1:{server.port}")
    version = await store.write(Write("a", bytes(1_000_000), None, 60.0))
    with server.client() as client:
        client.config_set("maxmemory", client.info("memory")["used_memory"])
        with pytest.raises(StoreFullError, match="maxmemory"):
            await store.write(Write("b", bytes(100_000), None, 60.0))
        await store.write(Write("a", None, version, 60.0))
        await store.write(Write("b", bytes(100_000), None, 60.0))


async def test_a_read_only_replica_is_named(start_server: StartServer, opened: OpenUrl) -> None:
    server = start_server()
    store = await opened(f"valkey://127.0.0.1:{server.port}")
    with server.client() as client:
        client.replicaof("127.0.0.1", free_port())
    with pytest.raises(StoreUnavailableError, match="read-only replica"):
        await store.write(Write("a", b"1", None, 60.0))


async def test_a_loading_server_is_named(start_server: StartServer) -> None:
    server = start_server(appendonly="no")
    with server.client() as client:
        client.mset({f"k{number}": bytes(1000) for number in range(300)})
        client.save()
    server.kill()
    # Twenty milliseconds for each key: there is time to look.
    server.start(key_load_delay="20000", loading_process_events_interval_bytes="1024")
    store = open_store(f"valkey://127.0.0.1:{server.port}")
    with pytest.raises(StoreUnavailableError, match="still loading"):
        await store.open()
    await store.close()
    server.kill()


async def test_a_foreign_value_under_the_prefix_is_no_stream(
    valkey: Server, url_of: Callable[[str], str], opened: OpenUrl
) -> None:
    url = url_of("valkey")
    store = await opened(url)
    with valkey.client() as client:
        client.set(url.partition("prefix=")[2] + "a", "short")
    with pytest.raises(StoreError, match="no store wrote"):
        await store.get("a")


async def test_a_wrong_password_is_refused_and_told_nowhere(tls: Server) -> None:
    authority = tls.settings["tls_ca_cert_file"]
    store = open_store(f"valkeys://predictor:wrongpass@127.0.0.1:{tls.port}?ssl_ca_certs={authority}")
    with pytest.raises(StoreUnavailableError, match="refused the user or the password") as raised:
        await store.open()
    assert "wrongpass" not in "".join(traceback.format_exception(raised.value))
    await store.close()


async def test_a_user_without_permission_is_told_so(url_of: Callable[[str], str]) -> None:
    store = open_store(url_of("tls").replace("prefix=test:", "prefix=other:"))
    with pytest.raises(StoreUnavailableError, match="does not permit this user"):
        await store.open()
    await store.close()


async def test_a_server_with_an_unknown_certificate_is_refused(url_of: Callable[[str], str]) -> None:
    store = open_store(url_of("tls").partition("&ssl_ca_certs")[0])
    with pytest.raises(StoreUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        await store.open()
    await store.close()


async def test_a_cluster_that_is_down_is_named_and_found_again(
    start_cluster: Callable[[], Server], opened: OpenUrl
) -> None:
    server = start_cluster()
    with server.client() as client:
        store = await opened(f"valkey+cluster://127.0.0.1:{server.port}")
        version = await store.write(Write("a", b"1", None, 60.0))
        client.execute_command("CLUSTER DELSLOTSRANGE", 0, 100)
        wait_until(lambda: client.cluster("info")["cluster_state"] == "fail")
        with pytest.raises(StoreUnavailableError):
            await store.get("a")
        client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 100)
        wait_until(lambda: client.cluster("info")["cluster_state"] == "ok")
    await store.write(Write("a", b"2", version, 60.0))


async def test_sentinels_lead_to_the_new_primary_after_the_old_one_was_killed(
    start_server: StartServer, opened: OpenUrl
) -> None:
    primary, replica = start_server(), start_server()
    with replica.client() as client:
        client.replicaof("127.0.0.1", primary.port)
        wait_until(lambda: client.info("replication")["master_link_status"] == "up")
    sentinel = start_server(
        "--sentinel",
        sentinel=f"monitor main 127.0.0.1 {primary.port} 1\ndown-after-milliseconds main 300\n"
        "failover-timeout main 3000",
    )
    with sentinel.client() as client:
        wait_until(lambda: len(client.sentinel_slaves("main")) == 1)
    store = await opened(f"valkey+sentinel://127.0.0.1:{sentinel.port}/main")
    version = await store.write(Write("a", b"1", None, 600.0))
    with primary.client() as client:
        assert client.wait(1, 10_000) == 1
    primary.kill()
    with pytest.raises(StoreUnavailableError):
        await store.get("a")

    async def found_again() -> bool:
        try:
            await store.write(Write("a", b"2", version, 600.0))
        except StoreUnavailableError:
            return False
        return True

    await eventually(found_again)
    with replica.client() as client:
        assert client.info("replication")["role"] == "master"
