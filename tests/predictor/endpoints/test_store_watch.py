"""A store that is away is waited for, and never ends the server; a part that ends by itself does, with its reason."""

import asyncio
import logging
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from stream_filters.endpoints.store_watch import StoreWatch
from stream_filters.store.base import StoreFullError, StoreUnavailableError, StoreUnusableError
from stream_filters.store.memory import MemoryStore

from tests.predictor.models import MEAN
from tests.predictor.process import ROOT, PredictorProcess
from tests.predictor.v2 import Caller, Refused, message
from tests.store.servers import Server, wait_until

# nothing to compile
ONLY_MEAN = ("--models", f'[{{"name": "{MEAN}", "filter": "{MEAN}"}}]')
DIES = """
import sys
from stream_filters.endpoints.store_watch import StoreWatch

async def follow(self, tell):
    raise RuntimeError("the reason")

StoreWatch.follow = follow
import tests.serve_running_mean
from stream_filters.__main__ import main
sys.exit(main())
"""


class Moody(MemoryStore):
    """Raises what it was given, one after the other; None: it answers."""

    def __init__(self, moods: list[Exception | None]) -> None:
        super().__init__()
        self.moods = iter(moods)

    async def open(self) -> None:
        await self.check()

    async def check(self) -> None:
        if (mood := next(self.moods)) is not None:
            raise mood


async def told(moods: list[Exception | None]) -> list[bool]:
    """What a watch tells of a store of these moods."""
    heard: list[bool] = []

    async def tell(ready: bool) -> None:
        heard.append(ready)
        if len(heard) == len(moods):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await StoreWatch(Moody(moods), 0.0).follow(tell)
    return heard


async def test_whatever_a_store_raises_the_watch_goes_on() -> None:
    random = Random(3)
    kinds = [StoreUnavailableError, StoreUnusableError, ConnectionResetError, IndexError, KeyError, RuntimeError]
    moods = [random.choice(kinds)("s") if random.random() < 0.7 else None for _ in range(200)]
    assert await told(moods) == [mood is None for mood in moods]


async def test_a_full_store_answers() -> None:
    assert await told([StoreFullError("no room"), None]) == [True, True]


async def test_a_store_that_is_away_is_told_of_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    seconds = iter(range(10_000))
    watch = StoreWatch(Moody([*[StoreUnavailableError("no route")] * 150, None]), 0.0, lambda: float(next(seconds)))
    with caplog.at_level(logging.WARNING, "stream_filters"):
        await watch.opened()
    said = [record.getMessage() for record in caplog.records]
    assert [re.sub(r"\d+", "n", line) for line in said] == [
        *["not ready: the store is away for n s: no route"] * 3,
        "the store answers again, after n s",
    ]


async def test_a_store_that_is_none_to_use_is_not_waited_for() -> None:
    with pytest.raises(StoreUnusableError, match="another application"):
        await StoreWatch(Moody([StoreUnusableError("another application's")]), 0.0).opened()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def waits(store: Server, tmp_path: Path) -> Iterator[PredictorProcess]:
    """A predictor whose store is away."""
    flags = (*ONLY_MEAN, "--store", f"valkey://127.0.0.1:{store.port}", "--store-check-seconds", "0.2")
    predictor = PredictorProcess(tmp_path, *flags, store_is_away=True)
    yield predictor
    predictor.stop()


def status(predictor: PredictorProcess, path: str) -> int:
    try:
        with urllib.request.urlopen(f"{predictor.http_url}{path}") as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_store_away_at_the_start_is_waited_for(store: Server, waits: PredictorProcess) -> None:
    assert (status(waits, "/v2/health/live"), status(waits, "/v2/health/ready")) == (200, 503)
    caller = Caller(waits.grpc_address)
    begin = message(MEAN, {"observations": [1.0]}, sequence_id="a", sequence_start=True)
    refused = caller.outcome(begin)
    assert isinstance(refused, Refused)
    assert refused.code == "UNAVAILABLE"
    assert "not ready: the store is away" in waits.log
    store.start()
    wait_until(lambda: status(waits, "/v2/health/ready") == 200)
    assert caller.send(begin).parameters["next_offset"] == 1


def test_a_server_that_waits_for_its_store_ends_in_order(waits: PredictorProcess) -> None:
    assert waits.stop() == 0


def test_a_part_that_ends_by_itself_is_told_with_its_reason_and_ends_the_process(tmp_path: Path) -> None:
    predictor = PredictorProcess(tmp_path, *ONLY_MEAN, program=("-c", DIES))
    assert predictor.process.wait(60) == 1
    assert "the watch of the store has ended by itself" in predictor.log
    assert "RuntimeError: the reason" in predictor.log


def test_a_file_of_another_application_ends_the_start(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    file.write_bytes(b"name,amount\n" * 1000)
    command = [sys.executable, "-m", "stream_filters", "--store", f"sqlite://{file}", "--grpc-port", "0"]
    ended = subprocess.run(
        [*command, "--http-port", "0"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 1
    assert "damaged or no SQLite file" in ended.stderr
    assert "Traceback" not in ended.stderr
