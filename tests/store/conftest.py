"""The stores under test, each before a real server where it has one."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import pytest_asyncio
from stream_filters.store import open_store
from stream_filters.store.base import Store

from tests.authority import Authority
from tests.store.servers import Server, free_port, wait_until
from tests.store.tls_front import TlsFront

PASSWORD = "s3cret p@ss/word?#"  # noqa: S105
ACL_RULES = "-@all +get +getrange +set +del +eval +evalsha +scan"
KINDS = ["memory", "sqlite", "valkey", "sentinel", "cluster", "tls"]

_numbers = itertools.count()


StartServer = Callable[..., Server]
OpenUrl = Callable[[str], Awaitable[Store]]


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Starts servers, each in a folder of its own, and ends them all."""
    servers: list[Server] = []

    def start(*arguments: str, **settings: str) -> Server:
        servers.append(Server(tmp_path_factory.mktemp("server"), *arguments, **settings))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in reversed(servers):
        server.stop()


@pytest.fixture(scope="session")
def valkey(start_server: StartServer) -> Server:
    return start_server()


@pytest.fixture(scope="session")
def sentinel(start_server: StartServer, valkey: Server) -> Server:
    return start_server("--sentinel", sentinel=f"monitor main 127.0.0.1 {valkey.port} 1")


@pytest.fixture(scope="session")
def start_cluster(start_server: StartServer) -> Callable[[], Server]:
    """Starts clusters of one node, which holds all slots."""

    def start() -> Server:
        server = start_server(cluster_enabled="yes", cluster_port=str(free_port()))
        with server.client() as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            wait_until(lambda: client.cluster("info")["cluster_state"] == "ok")
        return server

    return start


@pytest.fixture(scope="session")
def cluster(start_cluster: Callable[[], Server]) -> Server:
    return start_cluster()


@pytest.fixture(scope="session")
def tls(start_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsFront]:
    """TLS only, and a user that may do no more than the store needs."""
    folder = tmp_path_factory.mktemp("certificates")
    Authority(folder).issue("server")
    server = start_server(user=f'default off\npredictor on ">{PASSWORD}" ~test:* {ACL_RULES}')
    with TlsFront(folder, server.port) as front:
        yield front


@pytest.fixture
def url_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """The URL of a fresh store of a kind; the servers are shared, the keys are not."""

    def url(kind: str) -> str:
        prefix = f"prefix=test:{next(_numbers)}:"
        if kind == "memory":
            return "memory://"
        if kind == "sqlite":
            return f"sqlite://{tmp_path}/streams.db"
        server: Server | TlsFront = request.getfixturevalue(kind)
        if kind == "sentinel":
            return f"valkey+sentinel://127.0.0.1:{server.port}/main?{prefix}"
        if kind == "cluster":
            return f"valkey+cluster://127.0.0.1:{server.port}?{prefix}"
        if isinstance(server, TlsFront):
            user = f"predictor:{quote(PASSWORD, safe='')}"
            return f"valkeys://{user}@127.0.0.1:{server.port}/0?{prefix}&ssl_ca_certs={server.authority}"
        return f"valkey://127.0.0.1:{server.port}/0?{prefix}"

    return url


@pytest_asyncio.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, url_of: Callable[[str], str]) -> AsyncIterator[Store]:
    opened = open_store(url_of(request.param))
    await opened.open()
    yield opened
    await opened.close()


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
