"""A file for one predictor: what was answered is still there after a crash."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

from stream_filters.store.base import (
    ConflictError,
    Page,
    Store,
    StoreFullError,
    StoreUnavailableError,
    Versioned,
    Write,
    own_errors_only,
)
from stream_filters.store.sqlite_file import SqliteFile

CALLS_PER_COMMIT = 256
EXPIRED_PER_COMMIT = 64
KEYS_PER_PAGE = 1000

T = TypeVar("T")
Outcome = tuple["asyncio.Future[object]", object]


@dataclass(slots=True)
class _Call:
    future: "asyncio.Future[object]"
    run: Callable[[], object]
    writes: bool
    may_use_reserve: bool


class SqliteStore(Store):
    """Streams in one SQLite file, used by one process.

    A thread of its own carries out the calls in their order. Calls that came while it was busy are committed
    together, so that many concurrent writes share the wait for the disk; none is answered before its commit.

    max_bytes: size limit of the file, 0: none. clock: seconds since the epoch, since files outlive processes.
    """

    def __init__(self, path: Path, max_bytes: int = 0, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._clock = clock
        self._file: SqliteFile | None = None
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    @own_errors_only
    async def open(self) -> None:
        """Open and lock the file, creating it if need be; its folder must exist."""
        self._file = await asyncio.to_thread(SqliteFile, self._path, self._max_bytes, self._clock)
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, args=[loop, self._file], name="sqlite-store", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Finish the calls that wait, then release the file."""
        if self._thread is not None:
            self._calls.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = self._file = None

    @own_errors_only
    async def check(self) -> None:
        """Raise `StoreUnavailableError` unless the file answers; gives back what has expired."""
        file = self._opened()

        def expire() -> bool:
            file.keep_reserve()
            return file.expire(EXPIRED_PER_COMMIT)

        while await self._call(expire, writes=True, may_use_reserve=True):
            pass

    @own_errors_only
    async def get_many(self, keys: Sequence[str]) -> list[Versioned | None]:
        """The values of `keys`, in their order; None where there is none or it expired."""
        file = self._opened()
        return await self._call(lambda: file.read(keys), writes=False)

    @own_errors_only
    async def write_many(self, writes: Sequence[Write]) -> list[bytes | ConflictError]:
        """Carry out each write, all in one commit; the new version, or the conflict, of each."""
        file = self._opened()
        last = all(write.is_last for write in writes)
        return await self._call(lambda: [file.write(write) for write in writes], writes=True, may_use_reserve=last)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """The live keys that begin with `prefix`, read page by page."""
        file, after = self._opened(), b""
        while page := await self._call(
            lambda after=after: file.keys_after(prefix, after, KEYS_PER_PAGE),  # type: ignore[misc]
            writes=False,
        ):
            for key in page:
                yield key.decode()
            after = page[-1]

    @own_errors_only
    async def page(self, prefix: str, token: str, limit: int) -> Page:
        """The `limit` live keys that follow the token in the order of their bytes; it is the last key before them."""
        file = self._opened()
        after = token.encode("utf-8", "replace")
        keys = await self._call(lambda: file.keys_after(prefix, after, limit + 1), writes=False)
        names = [key.decode() for key in keys[:limit]]
        return Page(names, names[-1] if len(keys) > limit else "")

    @own_errors_only
    async def count(self, prefix: str) -> int:
        """How many live keys begin with `prefix`, exactly."""
        file = self._opened()

        def expire_and_count() -> int:
            while file.expire(EXPIRED_PER_COMMIT):
                pass
            return file.count(prefix)

        return await self._call(expire_and_count, writes=True, may_use_reserve=True)

    def _opened(self) -> SqliteFile:
        if self._file is None:
            raise StoreUnavailableError(f"{self._path} is not open")
        return self._file

    async def _call(self, run: Callable[[], T], *, writes: bool, may_use_reserve: bool = False) -> T:
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._calls.put(_Call(future, run, writes, may_use_reserve))
        return await future  # type: ignore[return-value]

    def _work(self, loop: asyncio.AbstractEventLoop, file: SqliteFile) -> None:
        """The thread: takes whatever waits, commits it together, answers."""
        while (first := self._calls.get()) is not None:
            calls, stop = self._waiting(first)
            try:
                outcomes = _commit(file, calls)
            except Exception as error:  # one value that does not fit must not fail the others
                if isinstance(error, StoreFullError):
                    file.fold_log()
                outcomes = [_commit_alone(file, call) for call in calls]
            loop.call_soon_threadsafe(_answer, outcomes)
            if stop:
                break
        file.close()

    def _waiting(self, first: _Call) -> tuple[list[_Call], bool]:
        calls = [first]
        while len(calls) < CALLS_PER_COMMIT:
            try:
                call = self._calls.get_nowait()
            except Empty:
                break
            if call is None:
                return calls, True
            calls.append(call)
        return calls, False


def _commit(file: SqliteFile, calls: list[_Call]) -> list[Outcome]:
    """Run the calls, in one transaction if any of them writes. If it raises, nothing took place."""
    try:
        if not any(call.writes for call in calls):
            return [(call.future, call.run()) for call in calls]
        file.begin()
        outcomes: list[Outcome] = [(call.future, call.run()) for call in calls]
        file.expire(EXPIRED_PER_COMMIT)
        file.commit()
    except Exception as error:
        file.roll_back()
        if isinstance(error, sqlite3.Error):
            raise file.explain(error) from error
        raise
    return outcomes


def _commit_alone(file: SqliteFile, call: _Call) -> Outcome:
    try:
        try:
            return _commit(file, [call])[0]
        except StoreFullError:
            if not call.may_use_reserve:
                raise
        with file.reserve():
            return _commit(file, [call])[0]
    except Exception as error:  # whatever it is, it is the caller's to see: this thread serves others
        return call.future, error


def _answer(outcomes: list[Outcome]) -> None:
    for future, result in outcomes:
        if future.done():
            continue  # the caller gave up waiting
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)
