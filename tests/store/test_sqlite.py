"""The SQLite store's file: durable, locked, and refused when it is not ours."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from stream_filters.store import sqlite_file
from stream_filters.store.base import Store, StoreFullError, StoreUnavailableError, Write
from stream_filters.store.sqlite import SqliteStore
from stream_filters.store.sqlite_file import SqliteFile

# Eight writers count up, each in its own key; a line is printed when the store has answered.
WRITERS = """
import asyncio, sys
from pathlib import Path
from stream_filters.store.base import Write
from stream_filters.store.sqlite import SqliteStore

async def count_up(store, key):
    version, number = None, 0
    while True:
        version = await store.write(Write(key, b"%d" % number, version, 3600.0))
        print(key, number, flush=True)
        number += 1

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    await asyncio.gather(*(count_up(store, f"k{writer}") for writer in range(8)))

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "streams.db"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "LOCK_TIMEOUT_SECONDS", 0.05)


async def refusal(store: Store) -> str:
    with pytest.raises(StoreUnavailableError) as raised:
        await store.open()
    assert "\n" not in str(raised.value)
    return str(raised.value)


async def test_values_versions_and_counts_survive_closing(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    version = await store.write(Write("m/a", b"1", None, 60.0))
    await store.close()
    store = SqliteStore(path)
    await store.open()
    assert await store.count("m/") == 1
    newer = await store.write(Write("m/a", b"2", version, 60.0))
    assert newer != version
    await store.close()


async def test_every_answered_write_survives_a_kill(path: Path) -> None:
    """Also, the killed process's lock is gone with it."""
    with subprocess.Popen([sys.executable, "-c", WRITERS, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(400)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    answered = {key: int(number) for key, number in (line.split() for line in lines if line.endswith("\n"))}
    assert len(answered) == 8
    store = SqliteStore(path)
    await store.open()
    for key, number in answered.items():
        found = await store.get(key)
        assert found is not None
        assert int(found.value) in (number, number + 1)  # one more may have been committed and not yet answered
    await store.close()


async def test_a_second_process_is_locked_out_by_name(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITERS, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        said = await refusal(SqliteStore(path))
        process.kill()
    assert str(path) in said
    assert "in use by another process" in said


async def test_a_second_store_in_the_same_process_is_locked_out_too(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    assert "in use" in await refusal(SqliteStore(path))
    await store.write(Write("a", b"1", None, 60.0))
    await store.close()


async def test_opening_waits_for_the_process_before_to_let_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "LOCK_TIMEOUT_SECONDS", 60.0)
    before, after = SqliteStore(path), SqliteStore(path)
    await before.open()
    version = await before.write(Write("a", b"1", None, 60.0))
    opening = asyncio.create_task(after.open())
    await asyncio.wait([opening], timeout=0.2)
    assert not opening.done()
    await before.close()
    await opening
    await after.write(Write("a", b"2", version, 60.0))
    await after.close()


async def test_a_file_of_another_application_is_refused_and_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE customers (name TEXT)")
    connection.close()
    before = path.read_bytes()
    assert "belongs to another application" in await refusal(SqliteStore(path))
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.write_bytes(b"name,amount\n" * 1000)
    assert "damaged or no SQLite file" in await refusal(SqliteStore(path))
    assert path.read_bytes() == b"name,amount\n" * 1000


async def test_a_damaged_file_is_refused(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.write_many([Write(f"k{number}", bytes(5000), None, 60.0) for number in range(100)])
    await store.close()
    data = bytearray(path.read_bytes())
    data[100:4096] = bytes(3996)
    path.write_bytes(data)
    assert "damaged or no SQLite file" in await refusal(SqliteStore(path))


async def test_a_newer_schema_is_refused_by_its_version(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE stream_filters_schema SET version = 9")
    connection.commit()
    connection.close()
    assert "schema version 9, this release reads version 1" in await refusal(SqliteStore(path))


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert "folder must exist" in await refusal(SqliteStore(tmp_path / "missing" / "streams.db"))


async def test_expiry_is_exact_and_survives_closing(path: Path) -> None:
    time = [1e9]
    store = SqliteStore(path, clock=lambda: time[0])
    await store.open()
    await store.write(Write("a", b"1", None, 10.0))
    await store.close()
    store = SqliteStore(path, clock=lambda: time[0])
    await store.open()
    time[0] += 9.999
    assert await store.get("a") is not None
    time[0] += 0.001
    assert await store.get("a") is None
    assert await store.count("") == 0
    await store.close()


async def test_expired_rows_leave_the_file_without_being_read(path: Path) -> None:
    time = [1e9]
    store = SqliteStore(path, clock=lambda: time[0])
    await store.open()
    await store.write_many([Write(f"k{number}", b"1", None, 10.0) for number in range(500)])
    await store.write_many([Write(f"l{number}", b"1", None, 1000.0) for number in range(5)])
    time[0] += 10.0
    await store.check()
    await store.close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM streams").fetchone() == (5,)
    connection.close()


async def test_writes_that_wait_are_committed_together(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = []
    commit = SqliteFile.commit

    def counted(file: SqliteFile) -> None:
        commits.append(file)
        commit(file)

    monkeypatch.setattr(SqliteFile, "commit", counted)
    store = SqliteStore(path)
    await store.open()
    await asyncio.gather(*(store.write(Write(f"k{number}", b"1", None, 60.0)) for number in range(500)))
    await store.close()
    assert len(commits) < 50


async def test_a_value_without_room_fails_alone(path: Path) -> None:
    store = SqliteStore(path, max_bytes=1_000_000)
    await store.open()
    assert await store.count("") == 0
    sizes = [1000, 2_000_000, 1000, 1000]
    results = await asyncio.gather(
        *(store.write(Write(f"k{number}", bytes(size), None, 60.0)) for number, size in enumerate(sizes)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [bytes, StoreFullError, bytes, bytes]
    assert await store.count("") == 3
    assert [await store.get(f"k{number}") is not None for number in range(4)] == [True, False, True, True]
    await store.close()


async def test_a_full_file_can_be_emptied_and_filled_again(path: Path) -> None:
    store = SqliteStore(path, max_bytes=1_000_000)
    await store.open()
    versions: list[bytes] = []

    async def fill() -> None:
        while True:
            versions.append(await store.write(Write(f"k{len(versions)}", bytes(10_000), None, 60.0)))

    with pytest.raises(StoreFullError, match="size limit"):
        await fill()
    assert len(versions) > 50
    for number, version in enumerate(versions[:10]):
        await store.write(Write(f"k{number}", None, version, 60.0))
    await store.write(Write("again", bytes(10_000), None, 60.0))
    await store.close()


async def test_a_file_at_its_limit_lets_a_last_write_through(path: Path) -> None:
    store = SqliteStore(path, max_bytes=1_000_000)
    await store.open()
    versions: list[bytes] = []

    async def fill() -> None:
        while True:
            versions.append(await store.write(Write(f"k{len(versions)}", bytes(10_000), None, 60.0)))

    with pytest.raises(StoreFullError):
        await fill()
    await store.check()
    assert await store.count("k") == len(versions)
    await store.write(Write("k0", bytes(20_000), versions[0], 60.0, is_last=True))
    with pytest.raises(StoreFullError):
        await store.write(Write("k1", bytes(30_000), versions[1], 60.0))
    for number, version in enumerate(versions[2:12], start=2):
        await store.write(Write(f"k{number}", None, version, 60.0, is_last=True))
    await store.write(Write("again", bytes(10_000), None, 60.0))
    await store.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.stat().st_size <= 1_000_000


async def test_a_call_that_cannot_be_carried_out_harms_no_other(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    results = await asyncio.gather(
        store.write(Write("a", b"1", None, 60.0)),
        store.write(Write("\ud800", b"1", None, 60.0)),
        store.write(Write("b", b"1", None, 60.0)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [bytes, StoreUnavailableError, bytes]
    assert await store.count("") == 2
    await store.close()


async def test_calls_that_wait_at_closing_are_finished(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    waiting = [asyncio.create_task(store.write(Write(f"k{number}", b"1", None, 60.0))) for number in range(300)]
    await asyncio.sleep(0)
    await store.close()
    assert all(isinstance(result, bytes) for result in await asyncio.gather(*waiting))
    with pytest.raises(StoreUnavailableError, match="not open"):
        await store.get("k0")
