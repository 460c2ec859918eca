"""The contract of a store: opaque bytes under a version, put only if that version is still there."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class StoreError(Exception):
    """Something is wrong with the store, not with the request."""


class StoreUnavailableError(StoreError):
    """The store did not answer; whether a write took place is unknown until it is read again."""


class StoreFullError(StoreError):
    """The store has no room for another value."""


class ConflictError(StoreError):
    """The key does not hold the expected version: somebody else wrote it in between."""


class Versioned(NamedTuple):
    """A value and the version that it was written under. Versions are opaque and never come back."""

    value: bytes
    version: bytes


class Write(NamedTuple):
    """Put `value` (None: delete) under `key` if its version is still `expected` (None: if it does not exist).

    ttl_seconds: the key is gone when so much time has passed without another write; inf: never.
    """

    key: str
    value: bytes | None
    expected: bytes | None
    ttl_seconds: float


class BadTokenError(ValueError):
    """The token is none that a page of this store gave."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some keys, and the token of the page after them; empty when there is none."""

    keys: list[str]
    next_token: str


class Store(ABC):
    """Where the bytes of streams are kept. Every method may raise `StoreUnavailableError`."""

    # Whether other processes can write the same keys, so that a local copy may be stale.
    shared: bool = False

    @abstractmethod
    async def open(self) -> None:
        """Connect; called once, before anything else."""

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
