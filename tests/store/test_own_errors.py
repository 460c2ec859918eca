"""Whatever a driver, a server or a disk raises, a store raises its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from stream_filters.store import open_store
from stream_filters.store.base import Store, StoreError, StoreUnavailableError, Write
from stream_filters.store.sqlite_file import SqliteFile

ERRORS: list[Exception] = [
    IndexError("pop from an empty deque"),
    RuntimeError("s3cret"),
    AttributeError("x"),
    KeyError(0),
]
CALLS: dict[str, Callable[[Store], Any]] = {
    "open": lambda store: store.open(),
    "check": lambda store: store.check(),
    "get_many": lambda store: store.get_many(["a"]),
    "write_many": lambda store: store.write_many([Write("a", b"1", None, 60.0)]),
    "page": lambda store: store.page("a", "", 10),
    "count": lambda store: store.count("a"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_a_driver_that_fails_is_a_store_that_is_away(
    call: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    store = open_store("valkey://127.0.0.1:1")
    with pytest.raises(StoreUnavailableError):
        await store.open()
    for name in ("pipeline", "execute_command"):
        monkeypatch.setattr(Redis, name, fail)
    with pytest.raises(StoreError) as raised:
        await CALLS[call](store)
    assert "s3cret" not in str(raised.value)
    await store.close()


@pytest.mark.parametrize("call", [name for name in CALLS if name != "open"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_a_file_that_fails_is_a_store_that_is_away(
    call: str, error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    store = open_store(f"sqlite://{tmp_path}/streams.db")
    await store.open()
    with monkeypatch.context() as patched:
        for name in ("begin", "read", "keys_after", "expire"):
            patched.setattr(SqliteFile, name, fail)
        with pytest.raises(StoreError) as raised:
            await CALLS[call](store)
        assert "s3cret" not in str(raised.value)
    # the thread that serves the file goes on
    await store.write(Write("a", b"1", None, 60.0))
    await store.close()
