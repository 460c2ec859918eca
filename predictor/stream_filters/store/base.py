"""The contract of a store: opaque bytes under a version, put only if that version is still there."""

import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

logger = logging.getLogger("stream_filters")
_Method = TypeVar("_Method", bound=Callable[..., Any])


class StoreError(Exception):
    """Something is wrong with the store, not with the request."""


class StoreUnavailableError(StoreError):
    """The store did not answer; whether a write took place is unknown until it is read again."""


class StoreUnusableError(StoreUnavailableError):
    """The store is there, but not one to use; waiting does not help, somebody has to change something."""


class StoreFullError(StoreError):
    """The store has no room for another value."""


class ConflictError(StoreError):
    """The key does not hold the expected version: somebody else wrote it in between."""


def own_errors_only(method: _Method) -> _Method:
    """The method of a store, out of which nothing comes but the exceptions of this module.

    Whatever else a driver, a server or a disk raises is logged, and is `StoreUnavailableError` from there on.
    """

    @wraps(method)
    async def guarded(*arguments: Any) -> Any:
        try:
            return await method(*arguments)
        except (StoreError, ConflictError, BadTokenError):
            raise
        except Exception as error:
            logger.exception("the store failed in a way that it does not know")
            kind = type(error).__name__
            raise StoreUnavailableError(f"it failed ({kind}); the server's log has the reason") from error

    return cast(_Method, guarded)


class Versioned(NamedTuple):
    """A value and the version that it was written under. Versions are opaque and never come back."""

    value: Any  # bytes; where the store keeps objects, what was written
    version: bytes


class Write(NamedTuple):
    """Put `value` (None: delete) under `key` if its version is still `expected` (None: if it does not exist).

    ttl_seconds: the key is gone when so much time has passed without another write; inf: never.
    is_last: it ends what the key stands for, and is carried out also where there is no room for others.
    """

    key: str
    value: Any  # bytes, or None; any object where the store keeps them
    expected: bytes | None
    ttl_seconds: float
    is_last: bool = False


class BadTokenError(ValueError):
    """The token is none that a page of this store gave."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some keys, and the token of the page after them; empty when there is none."""

    keys: list[str]
    next_token: str


class Store(ABC):
    """Where the bytes of streams are kept. Every method may raise `StoreUnavailableError`, and none another's error."""

    # Whether other processes can write the same keys, so that a local copy may be stale.
    shared: bool = False
    # Whether values may be any object that never changes: kept as it is, in the memory of this process. It says its
    # `size` in bytes.
    keeps_objects: bool = False

    @abstractmethod
    async def open(self) -> None:
        """Connect; called before anything else, and again when it fails.

        Raises `StoreUnavailableError` while the store is away, and `StoreUnusableError` when waiting does not help.
        """

    @abstractmethod
    async def close(self) -> None:
        """Flush and disconnect; called once, after everything else."""

    @abstractmethod
    async def check(self) -> None:
        """Raise `StoreUnavailableError` unless the store answers."""

    @abstractmethod
    async def get_many(self, keys: Sequence[str]) -> list[Versioned | None]:
        """The values of `keys`, in their order, in one round trip; None where there is none or it expired."""

    @abstractmethod
    async def write_many(self, writes: Sequence[Write]) -> list[bytes | ConflictError]:
        """Carry out each write on its own, in one round trip; the new version, or the conflict, of each.

        Raises `StoreFullError` when there is no room. A deleted key's new version is empty.
        """

    @abstractmethod
    def keys(self, prefix: str) -> AsyncIterator[str]:
        """The live keys that begin with `prefix`, in no order, each at least once if it lives throughout."""

    @abstractmethod
    async def page(self, prefix: str, token: str, limit: int) -> Page:
        """About `limit` live keys that begin with `prefix`; the first page has the token "".

        Over all pages a key that lives throughout comes at least once. Raises `BadTokenError`.
        """

    @abstractmethod
    async def count(self, prefix: str) -> int:
        """How many live keys begin with `prefix`; a shared store's answer may be some seconds old."""

    async def get(self, key: str) -> Versioned | None:
        """The value of one key."""
        return (await self.get_many([key]))[0]

    async def write(self, write: Write) -> bytes:
        """Carry out one write; returns the new version. Raises `ConflictError`."""
        result = (await self.write_many([write]))[0]
        if isinstance(result, ConflictError):
            raise result
        return result
