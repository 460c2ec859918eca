"""The SQLite file of one predictor: its schema, its lock and its statements; everything here blocks."""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from stream_filters.store.base import (
    ConflictError,
    StoreFullError,
    StoreUnavailableError,
    StoreUnusableError,
    Versioned,
    Write,
)
from stream_filters.store.counts import PrefixCounts
from stream_filters.store.versions import unique_versions

SCHEMA_VERSION = 1
# `due` is when the row is next looked at by `expire`. A write that only prolongs a stream's life leaves it as it is,
# so that the index is not touched by each write.
SCHEMA = """
CREATE TABLE stream_filters_schema (version INTEGER NOT NULL);
CREATE TABLE streams (
    key BLOB PRIMARY KEY, version BLOB NOT NULL, expires_at REAL NOT NULL, due REAL NOT NULL, value BLOB NOT NULL
);
CREATE INDEX streams_by_due ON streams (due);
"""
LOCK_TIMEOUT_SECONDS = 5.0
# kept free beside the file, for what ends and forgets streams when the disk is full
RESERVE_BYTES = 2 * 1024 * 1024
RESERVE_PARTS = (1, 2, 4, 8, 16)
# of the pages of a file with a size limit, so much is kept for the same
RESERVE_SHARE = 16
MAX_VARIABLES = 500  # SQLite's own limit was 999 for long


class SqliteFile:
    """An open file, locked against every other process until it is closed. To be used by one thread.

    max_bytes: beyond this size writes raise `StoreFullError`; 0: as large as the disk.
    Raises `StoreUnavailableError` for a file that is in use, and `StoreUnusableError` for one of another application,
    damaged or not writable.
    """

    def __init__(self, path: Path, max_bytes: int, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._counts = PrefixCounts()
        self._versions = unique_versions()
        self._reserve = path.with_name(f"{path.name}-reserve")
        self._max_pages = 0
        try:
            self._connection = sqlite3.connect(
                path, timeout=LOCK_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise self.explain(error) from error
        try:
            self._prepare(max_bytes)
        except sqlite3.Error as error:
            self._connection.close()
            raise self.explain(error) from error
        except StoreUnavailableError:
            self._connection.close()
            raise

    def _prepare(self, max_bytes: int) -> None:
        # Nothing is written before the file is known to be ours: changing the journal mode would alter a foreign file.
        self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._check_schema()
        self._connection.execute("PRAGMA journal_mode = WAL")
        # FULL: the log is synced at each commit, so that an answered write also survives a power failure.
        self._connection.execute("PRAGMA synchronous = FULL")
        # some builds write zeros over what is deleted, which takes room in the log: of a full disk, too much
        self._connection.execute("PRAGMA secure_delete = FAST")
        if max_bytes:
            (page_bytes,) = self._connection.execute("PRAGMA page_size").fetchone()
            self._max_pages = max(1, max_bytes // page_bytes)
            self._limit_pages(self._max_pages - self._max_pages // RESERVE_SHARE)
        with self._connection:
            self._connection.execute("BEGIN EXCLUSIVE")
            if not self._tables():
                for statement in SCHEMA.split(";"):
                    self._connection.execute(statement)
                self._connection.execute("INSERT INTO stream_filters_schema VALUES (?)", [SCHEMA_VERSION])
        self.keep_reserve()

    def _limit_pages(self, pages: int) -> None:
        if self._max_pages:
            self._connection.execute(f"PRAGMA max_page_count = {pages}")

    def keep_reserve(self) -> None:
        """Take the reserve from the disk again, or as much of it as there is room for."""
        with self._reserve.open("ab") as file:
            for part in RESERVE_PARTS:
                if os.fstat(file.fileno()).st_size >= RESERVE_BYTES // part:
                    return
                # each check of the store tries again
                with contextlib.suppress(OSError):
                    os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES // part)

    @contextlib.contextmanager
    def reserve(self) -> Iterator[None]:
        """Inside of it what was kept free may be used; after it the log is in the file, and its room is free."""
        self._reserve.unlink(missing_ok=True)
        self._limit_pages(self._max_pages)
        try:
            yield
        finally:
            self._limit_pages(self._max_pages - self._max_pages // RESERVE_SHARE)
            # where the disk has no room for that either, the log stays as it is, and is read as before
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self.keep_reserve()

    def fold_log(self) -> None:
        """Bring the log into the file, and give its room back."""
        with self.reserve():
            pass

    def _tables(self) -> set[str]:
        return {name for (name,) in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def _check_schema(self) -> None:
        tables = self._tables()
        if not tables:
            return
        if "stream_filters_schema" not in tables:
            raise StoreUnusableError(f"{self._path} belongs to another application; give the store its own file")
        (version,) = self._connection.execute("SELECT max(version) FROM stream_filters_schema").fetchone()
        if version != SCHEMA_VERSION:
            raise StoreUnusableError(
                f"{self._path} has schema version {version}, this release reads version {SCHEMA_VERSION}; "
                "start the release that wrote it, or give the store a new file"
            )

    def close(self) -> None:
        """Fold the log into the file and release the lock."""
        self._connection.close()
        self._reserve.unlink(missing_ok=True)

    def begin(self) -> None:
        """Begin a transaction."""
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make everything since `begin` durable."""
        self._connection.execute("COMMIT")

    def roll_back(self) -> None:
        """Undo everything since `begin`, if the failure has not yet done so."""
        self._counts = PrefixCounts()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def read(self, keys: Sequence[str]) -> list[Versioned | None]:
        """The live values of `keys`, in their order."""
        now = self._clock()
        found: dict[bytes, Versioned] = {}
        encoded = [key.encode() for key in keys]
        for first in range(0, len(encoded), MAX_VARIABLES):
            part = encoded[first : first + MAX_VARIABLES]
            marks = ",".join("?" * len(part))
            rows = self._connection.execute(
                f"SELECT key, version, value FROM streams WHERE key IN ({marks}) AND expires_at > ?",  # noqa: S608
                [*part, now],
            )
            found.update((key, Versioned(value, version)) for key, version, value in rows)
        return [found.get(key) for key in encoded]

    def write(self, write: Write) -> bytes | ConflictError:
        """Carry out one write inside a transaction; the new version, or the conflict."""
        now = self._clock()
        key = write.key.encode()
        row = self._connection.execute("SELECT version, expires_at, due FROM streams WHERE key = ?", [key]).fetchone()
        current = row[0] if row is not None and row[1] > now else None
        if current != write.expected:
            return ConflictError("the key no longer holds the expected version")
        if write.value is None:
            if row is not None:
                self._connection.execute("DELETE FROM streams WHERE key = ?", [key])
                self._counts.add(write.key, -1)
            return b""
        version, expires_at = next(self._versions), now + write.ttl_seconds
        if row is None:
            self._connection.execute(
                "INSERT INTO streams VALUES (?, ?, ?, ?, ?)", [key, version, expires_at, expires_at, write.value]
            )
            self._counts.add(write.key, 1)
        else:
            self._connection.execute(
                "UPDATE streams SET version = ?, expires_at = ?, value = ? WHERE key = ?",
                [version, expires_at, write.value, key],
            )
            if expires_at < row[2]:
                self._connection.execute("UPDATE streams SET due = ? WHERE key = ?", [expires_at, key])
        return version

    def expire(self, limit: int) -> bool:
        """Inside a transaction, delete up to `limit` rows whose time is over; whether more may be due."""
        now = self._clock()
        due = self._connection.execute(
            "SELECT key, expires_at FROM streams WHERE due <= ? LIMIT ?", [now, limit]
        ).fetchall()
        for key, expires_at in due:
            if expires_at <= now:
                self._connection.execute("DELETE FROM streams WHERE key = ?", [key])
                self._counts.add(key.decode(), -1)
            else:
                self._connection.execute("UPDATE streams SET due = expires_at WHERE key = ?", [key])
        return len(due) == limit

    def keys_after(self, prefix: str, after: bytes, limit: int) -> list[bytes]:
        """Up to `limit` live keys that begin with `prefix` and sort after `after`."""
        rows = self._connection.execute(
            "SELECT key FROM streams WHERE key >= ? AND key < ? AND key > ? AND expires_at > ? ORDER BY key LIMIT ?",
            [*_range(prefix), after, self._clock(), limit],
        )
        return [key for (key,) in rows]

    def count(self, prefix: str) -> int:
        """How many rows have keys that begin with `prefix`; counted once, then kept up to date."""
        known = self._counts.get(prefix)
        if known is None:
            (known,) = self._connection.execute(
                "SELECT count(*) FROM streams WHERE key >= ? AND key < ?", _range(prefix)
            ).fetchone()
            self._counts.set(prefix, known)
        return int(known)

    def explain(self, error: sqlite3.Error) -> StoreFullError | StoreUnavailableError:
        """The sentence for an error of SQLite's."""
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_FULL":
            return StoreFullError(f"{self._path} has reached its size limit, or its disk is full")
        if name.startswith("SQLITE_BUSY"):
            return StoreUnavailableError(f"{self._path} is in use by another process; give each process its own file")
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            return StoreUnusableError(f"{self._path} is damaged or no SQLite file ({error}); restore it or move it")
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
            return StoreUnusableError(f"{self._path} cannot be opened; its folder must exist and be writable")
        return StoreUnavailableError(f"{self._path} failed: {error}")


def _range(prefix: str) -> tuple[bytes, bytes]:
    """From, and below: UTF-8 never contains the byte 0xff."""
    return prefix.encode(), prefix.encode() + b"\xff"
