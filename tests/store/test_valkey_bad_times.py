"""The Valkey store in its server's bad times: killed, hung, full, loading, failed over, or not to be trusted."""

import asyncio
import signal
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio.client import Pipeline
from stream_filters.store import open_store
from stream_filters.store.base import StoreFullError, StoreUnavailableError, Versioned, Write

from tests.store.conftest import OpenUrl, StartServer
from tests.store.proxy import Proxy
from tests.store.servers import Server, eventually, free_port, wait_until
from tests.store.tls_front import TlsFront


async def test_a_killed_server_is_named_and_what_it_answered_is_there_after_its_restart(
    start_server: StartServer, opened: OpenUrl
) -> None:
    # with `everysec` a slow disk may hold back what was answered for up to two seconds
    server = start_server(appendfsync="always")
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


async def test_a_wrong_password_is_refused_and_told_nowhere(tls: TlsFront) -> None:
    store = open_store(f"valkeys://predictor:wrongpass@127.0.0.1:{tls.port}?ssl_ca_certs={tls.authority}")
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


async def test_a_clusters_node_is_found_at_its_new_address(
    start_cluster: Callable[[], Server], opened: OpenUrl
) -> None:
    server = start_cluster()
    async with Proxy(server.port) as new_address:
        with server.client() as client:
            async with Proxy(server.port) as old_address:
                client.config_set("cluster-announce-port", old_address.port)
                wait_until(lambda: client.execute_command("CLUSTER SLOTS")[0][2][1] == old_address.port)
                store = await opened(f"valkey+cluster://127.0.0.1:{server.port}")
                version = await store.write(Write("a", b"1", None, 60.0))
                assert old_address.turns
            client.config_set("cluster-announce-port", new_address.port)
            wait_until(lambda: client.execute_command("CLUSTER SLOTS")[0][2][1] == new_address.port)
        await store.write(Write("a", b"2", version, 60.0))
        assert new_address.turns
        await store.close()


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


async def test_a_value_without_room_fails_none_that_came_with_it(start_server: StartServer, opened: OpenUrl) -> None:
    server = start_server()
    store = await opened(f"valkey://127.0.0.1:{server.port}?max_connections=1")
    version = await store.write(Write("a", b"1", None, 60.0))
    with server.client() as client:
        client.config_set("maxmemory", client.info("memory")["used_memory"])
    refused, found, deleted = await asyncio.gather(
        store.write(Write("b", bytes(100_000), None, 60.0)),
        store.get("a"),
        store.write(Write("a", None, version, 60.0)),
        return_exceptions=True,
    )
    assert isinstance(refused, StoreFullError)
    assert found == Versioned(b"1", version)
    assert deleted == b""


async def test_the_new_primary_is_found_when_the_old_one_lives_on_as_its_replica(
    start_server: StartServer, opened: OpenUrl
) -> None:
    """Behind one address, as a Service is: connections to the old one stay open, and refuse every write."""
    old, new = start_server(), start_server()
    with old.client() as primary, new.client() as replica:
        replica.replicaof("127.0.0.1", old.port)
        wait_until(lambda: replica.info("replication")["master_link_status"] == "up")
        async with Proxy(old.port) as service:
            store = await opened(f"valkey://127.0.0.1:{service.port}")
            version = await store.write(Write("a", b"1", None, 600.0))
            wait_until(lambda: replica.exists("stream-filters:a"))
            replica.replicaof("no", "one")
            primary.replicaof("127.0.0.1", new.port)
            service.server_port = new.port
            assert await store.write(Write("a", b"2", version, 600.0))
            assert replica.getrange("stream-filters:a", 16, -1) == b"2"
            await store.check()


async def test_a_check_is_not_content_with_a_replica(start_server: StartServer, opened: OpenUrl) -> None:
    server = start_server()
    store = await opened(f"valkey://127.0.0.1:{server.port}")
    with server.client() as client:
        client.replicaof("127.0.0.1", free_port())
        with pytest.raises(StoreUnavailableError, match="read-only replica"):
            await store.check()
        client.replicaof("no", "one")
    await store.check()


async def test_a_full_server_lets_a_last_write_through(start_server: StartServer, opened: OpenUrl) -> None:
    server = start_server()
    store = await opened(f"valkey://127.0.0.1:{server.port}")
    versions = [await store.write(Write(key, bytes(10_000), None, 60.0)) for key in "abc"]
    with server.client() as client:
        client.config_set("maxmemory", 1)
        await store.check()
        with pytest.raises(StoreFullError):
            await store.write(Write("a", bytes(10_000), versions[0], 60.0))
        ended = await store.write(Write("a", bytes(20_000), versions[0], 60.0, is_last=True))
        assert await store.get("a") == Versioned(bytes(20_000), ended)
        assert await store.write(Write("b", None, versions[1], 60.0, is_last=True)) == b""
        with pytest.raises(StoreFullError):
            await store.write(Write("d", b"new", None, 60.0))


async def test_a_driver_whose_answers_are_out_of_step_gives_them_to_nobody_else(
    valkey: Server, opened: OpenUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(f"valkey://127.0.0.1:{valkey.port}?prefix=step:&max_connections=1")
    for key in "ab":
        await store.write(Write(key, key.encode(), None, 60.0))

    def fail(*_: object) -> None:
        raise IndexError("pop from an empty deque")

    with monkeypatch.context() as patched:
        patched.setattr(Pipeline, "_execute_pipeline", _half(fail))
        with pytest.raises(StoreUnavailableError):
            await store.get("a")
    found = await store.get("b")
    assert found is not None
    assert found.value == b"b"


def _half(fail: Callable[..., None]) -> Callable[..., Any]:
    """Sends the commands, and fails before their answers are read."""

    async def execute(_: Pipeline, connection: Any, commands: Any, *__: object) -> None:
        await connection.send_packed_command(connection.pack_commands([args for args, _ in commands]), False)
        fail()

    return execute
