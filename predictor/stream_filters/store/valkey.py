"""Streams in Valkey or Redis, shared by many predictors."""

from collections.abc import AsyncIterator, Sequence
from hashlib import sha1
from math import ceil, isinf
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from stream_filters.store.base import (
    ConflictError,
    Page,
    Store,
    StoreUnavailableError,
    Versioned,
    Write,
    own_errors_only,
)
from stream_filters.store.valkey_errors import DEMOTED, FAILURES, explain, is_answer, is_lost
from stream_filters.store.valkey_pipelines import Answer, Command, Pipelines
from stream_filters.store.valkey_scan import KeyCounts, count_keys, scan_keys, scan_page
from stream_filters.store.valkey_url import ValkeyAddress
from stream_filters.store.versions import VERSION_BYTES, unique_versions

# A key holds its version, then its value. A value of another kind has this version, which is none of ours: it is
# neither read nor lost sight of, and can be replaced.
ANOTHER_TYPE = b"another type"
# ARGV: expected version or "", new version or "", milliseconds or "", version and value, "1" for a last write or "".
# Returns 1: done; 0: another version is there; -1: there is nothing to delete.
# A key that already holds the new version was written by an earlier attempt whose answer was lost.
# A server that is full lets a script go on that has begun by giving memory back.
WRITE_SCRIPT = """
local current = redis.pcall('GETRANGE', KEYS[1], 0, 15)
if type(current) == 'table' then
  if not string.find(current.err, 'WRONGTYPE', 1, true) then return current end
  current = 'another type'
end
if ARGV[2] ~= '' and current == ARGV[2] then return 1 end
if current ~= ARGV[1] then
  if current == '' and ARGV[2] == '' then return -1 end
  return 0
end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) return 1 end
if ARGV[5] ~= '' then redis.call('DEL', KEYS[1]) end
if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[4]) else redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[3]) end
return 1
"""
WRITE_SCRIPT_SHA = sha1(WRITE_SCRIPT.encode(), usedforsecurity=False).hexdigest()
MAX_MILLISECONDS = 1 << 53  # beyond it, the server refuses; it is 285,000 years
# written by each check, and by nothing else
CHECK_KEY = "the check of the store"


class ValkeyStore(Store):
    """Streams in one Valkey or Redis server, behind Sentinel, or in a Cluster; every predictor may write them.

    Each call is part of one pipeline to each node that it concerns. What got no answer is sent once more: the writer
    chooses the version, so that a write which did land is recognised as its own.
    """

    shared = True

    def __init__(self, address: ValkeyAddress) -> None:
        self._address = address
        self._prefix = address.prefix
        self._client: Redis | RedisCluster | None = None
        self._sentinel: Sentinel | None = None
        self._versions = unique_versions()
        self._counts = KeyCounts(self._scan_count)
        self._pipelines = Pipelines(self._send, address.max_connections)

    @own_errors_only
    async def open(self) -> None:
        """Connect and check. When the server is away the store stays usable: a later call may find it back."""
        if self._client is None:
            self._client = self._connect()
        await self.check()

    async def close(self) -> None:
        """Disconnect."""
        await self._counts.close()
        await self._pipelines.close()
        if self._client is not None:
            await self._client.aclose()
        if self._sentinel is not None:
            await self._sentinel.aclose()
        self._client = self._sentinel = None

    @own_errors_only
    async def check(self) -> None:
        """Raise `StoreUnavailableError` unless a write is answered, which a replica refuses; it needs no room."""
        await self._run([("DEL", self._encode(CHECK_KEY))])

    @own_errors_only
    async def get_many(self, keys: Sequence[str]) -> list[Versioned | None]:
        """The values of `keys`, in their order, in one round trip; None where there is none or it expired."""
        answers = await self._run([("GET", self._encode(key)) for key in keys])
        return [None if answer.result is None else _versioned(answer.result) for answer in answers]

    @own_errors_only
    async def write_many(self, writes: Sequence[Write]) -> list[bytes | ConflictError]:
        """Carry out each write, in one round trip; the new version, or the conflict, of each."""
        versions = [b"" if write.value is None else next(self._versions) for write in writes]
        arguments = [self._arguments(write, version) for write, version in zip(writes, versions, strict=True)]
        answers = await self._run([("EVALSHA", WRITE_SCRIPT_SHA, *args) for args in arguments])
        unknown = [index for index, answer in enumerate(answers) if isinstance(answer.result, NoScriptError)]
        again = await self._run([("EVAL", WRITE_SCRIPT, *arguments[index]) for index in unknown])
        for index, answer in zip(unknown, again, strict=True):
            answers[index] = answer
        return [
            self._outcome(write, version, answer)
            for write, version, answer in zip(writes, versions, answers, strict=True)
        ]

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """The live keys that begin with `prefix`, page by page; a key may come more than once."""
        try:
            async for key in scan_keys(self._opened(), self._prefix + prefix):
                yield key.decode()[len(self._prefix) :]
        except FAILURES as error:
            raise explain(self._address, error) from error

    @own_errors_only
    async def page(self, prefix: str, token: str, limit: int) -> Page:
        """The keys where the token stands in the server's own order; a key may come on two pages."""
        try:
            found, next_token = await scan_page(self._opened(), self._prefix + prefix, token, limit)
        except FAILURES as error:
            raise explain(self._address, error) from error
        return Page([key.decode()[len(self._prefix) :] for key in found], next_token)

    @own_errors_only
    async def count(self, prefix: str) -> int:
        """How many live keys begin with `prefix`; what other predictors wrote and what expired is seen later.

        The server is asked when the count is older than fifty times what counting took, within 5 and 60 seconds.
        """
        return await self._counts.count(prefix)

    def _arguments(self, write: Write, version: bytes) -> Command:
        milliseconds: int | str = ""
        if not isinf(write.ttl_seconds):
            milliseconds = min(max(1, ceil(write.ttl_seconds * 1000)), MAX_MILLISECONDS)
        key, value = self._encode(write.key), version + (write.value or b"")
        return 1, key, write.expected or b"", version, milliseconds, value, "1" if write.is_last else ""

    def _encode(self, key: str) -> bytes:
        # Here and not in the pipeline, where a key that cannot be encoded would fail the calls of others.
        return f"{self._prefix}{key}".encode()

    def _outcome(self, write: Write, version: bytes, answer: Answer) -> bytes | ConflictError:
        # Nothing left to delete, on the second attempt: the first one's answer was lost.
        if answer.result == 1 or (answer.result == -1 and answer.repeated):
            if (write.expected is None) != (write.value is None):
                self._counts.add(write.key, 1 if write.expected is None else -1)
            return version
        return ConflictError("the key no longer holds the expected version")

    async def _run(self, commands: Sequence[Command]) -> list[Answer]:
        """The answers to the commands. A missing script or a value of another type is one, other failures raise."""
        if not commands:
            return []
        answers = await self._pipelines.run(commands)
        for result, _ in answers:
            if isinstance(result, Exception) and not is_answer(result):
                raise explain(self._address, result) from result
        return answers

    async def _send(self, commands: Sequence[Command]) -> list[Answer]:
        """Send the commands in one pipeline, and once more those whose answers were lost."""
        client = self._opened()
        answers: list[Answer] = [Answer(None, repeated=False)] * len(commands)
        lost = list(range(len(commands)))
        for repeated in (False, True):
            results = await _pipeline(client, [commands[index] for index in lost])
            for index, result in zip(lost, results, strict=True):
                answers[index] = Answer(result, repeated)
            lost = [index for index in lost if is_lost(answers[index].result)]
            if not lost:
                break
            if isinstance(client, RedisCluster):
                await client.aclose()  # it learns the nodes anew when it is next used
            elif any(isinstance(answers[index].result, DEMOTED) for index in lost):
                await client.connection_pool.disconnect(inuse_connections=False)
        return answers

    async def _scan_count(self, prefix: str) -> int:
        try:
            return await count_keys(self._opened(), self._prefix + prefix)
        except FAILURES as error:
            raise explain(self._address, error) from error

    def _opened(self) -> Redis | RedisCluster:
        if self._client is None:
            raise StoreUnavailableError(f"{self._address} is not open")
        return self._client

    def _connect(self) -> Redis | RedisCluster:
        address, retry = self._address, Retry(NoBackoff(), 0)  # `_send` repeats, since it must know that it did
        if address.mode == "cluster":
            nodes = [ClusterNode(host, port) for host, port in address.hosts]
            # Nodes may all get other addresses, as pods do: what the URL names is asked each time.
            return RedisCluster(startup_nodes=nodes, dynamic_startup_nodes=False, retry=retry, **address.options)
        if address.mode == "sentinel":
            sentinel_options = address.sentinel_options | {"retry": retry}
            self._sentinel = Sentinel(  # type: ignore[no-untyped-call]
                address.hosts, sentinel_kwargs=sentinel_options, retry=retry, **address.options
            )
            return self._sentinel.master_for(address.service)
        ((host, port),) = address.hosts
        return Redis(host=host, port=port, retry=retry, **address.options)


async def _pipeline(client: Redis | RedisCluster, commands: Sequence[Command]) -> list[Any]:
    """The result of each command, or the exception that stands in its place."""
    try:
        pipeline: Any = client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return list(await pipeline.execute(raise_on_error=False))
    except FAILURES as error:
        return [error] * len(commands)
    except Exception:
        # nobody knows which answers have yet to be read: no other call may get them
        if not isinstance(client, RedisCluster):
            await client.connection_pool.disconnect()
        raise


def _versioned(data: bytes | Exception) -> Versioned:
    """What a key holds; of a value that no store wrote as much as there is, for others to refuse."""
    if isinstance(data, Exception):
        return Versioned(b"", ANOTHER_TYPE)
    return Versioned(data[VERSION_BYTES:], data[:VERSION_BYTES])
