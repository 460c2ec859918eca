"""Listing and counting the keys of a Valkey or Redis server, or of every primary of a Cluster."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from redis.asyncio import Redis, RedisCluster

from stream_filters.store.base import BadTokenError
from stream_filters.store.counts import PrefixCounts

KEYS_PER_PAGE = 1000
KEYS_PER_SHORT_PAGE = 10
# Counts inside the server, a few milliseconds at a time, so that a million keys need not travel.
COUNT_SCRIPT = """
local cursor, found = ARGV[1], 0
for _ = 1, 5 do
  local page = redis.call('SCAN', cursor, 'MATCH', ARGV[2], 'COUNT', 1000)
  cursor, found = page[1], found + #page[2]
  if cursor == '0' then break end
end
return {cursor, found}
"""
FRESH_SECONDS = 5.0
FRESH_PER_COUNTING_TIME = 50.0  # counting takes a fiftieth of the server's time
MOST_FRESH_SECONDS = 60.0
STALE_AFTER_INTERVALS = 4.0


async def _servers(client: Redis | RedisCluster) -> list[Any]:
    if isinstance(client, RedisCluster):
        await client.initialize()
        return sorted(client.get_primaries(), key=lambda node: str(node.name))
    return [client]


def _pattern(prefix: str) -> str:
    return re.sub(r"([\\*?\[\]^-])", r"\\\1", prefix) + "*"


async def scan_keys(client: Redis | RedisCluster, prefix: str) -> AsyncIterator[bytes]:
    """The keys that begin with `prefix`; one may come more than once."""
    for server in await _servers(client):
        cursor = 0
        while True:
            page = await server.execute_command("SCAN", cursor, "MATCH", _pattern(prefix), "COUNT", KEYS_PER_PAGE)
            cursor = int(page[0])
            for key in page[1]:
                yield key
            if not cursor:
                break


async def scan_page(client: Redis | RedisCluster, prefix: str, token: str, limit: int) -> tuple[list[bytes], str]:
    """About `limit` keys that begin with `prefix`, and the token of the next page: number of the server, cursor.

    Raises BadTokenError.
    """
    servers = await _servers(client)
    number, cursor = _place(token, len(servers))
    found: dict[bytes, None] = {}
    while number < len(servers) and len(found) < limit:
        count = max(KEYS_PER_SHORT_PAGE, min(limit, KEYS_PER_PAGE))
        page = await servers[number].execute_command("SCAN", cursor, "MATCH", _pattern(prefix), "COUNT", count)
        cursor = int(page[0])
        found.update(dict.fromkeys(page[1]))
        if not cursor:
            number += 1
    return list(found), f"{number}-{cursor}" if number < len(servers) else ""


def _place(token: str, servers: int) -> tuple[int, int]:
    if not token:
        return 0, 0
    place = re.fullmatch(r"(\d{1,5})-(\d{1,20})", token, re.ASCII)
    if place is None or int(place[1]) >= servers or int(place[2]) >= 1 << 64:
        raise BadTokenError("the token is none that this store gave")
    return int(place[1]), int(place[2])


async def count_keys(client: Redis | RedisCluster, prefix: str) -> int:
    """How many keys begin with `prefix`; approximate while the server's table grows."""
    total = 0
    for server in await _servers(client):
        cursor: Any = b"0"
        while True:
            cursor, found = await server.execute_command("EVAL", COUNT_SCRIPT, 0, cursor, _pattern(prefix))
            total += found
            if int(cursor) == 0:
                break
    return total


class KeyCounts:
    """Counts that are asked of the server now and then; this process's own changes are added at once.

    A count that is no longer fresh is renewed in the background; one that has long been stale is waited for.
    """

    def __init__(self, scan: Callable[[str], Awaitable[int]], clock: Callable[[], float] = time.monotonic) -> None:
        self._scan = scan
        self._clock = clock
        self._counts = PrefixCounts()
        self._counted_at: dict[str, float] = {}
        self._fresh_seconds: dict[str, float] = {}
        self._tasks: dict[str, asyncio.Task[int]] = {}

    def add(self, key: str, change: int) -> None:
        """This process created (+1) or deleted (-1) a key."""
        self._counts.add(key, change)

    async def count(self, prefix: str) -> int:
        """The number of keys that begin with `prefix`. Raises what `scan` raises, when there is no answer at all."""
        known = self._counts.get(prefix)
        if known is None:
            return await asyncio.shield(self._renew(prefix))
        intervals = (self._clock() - self._counted_at[prefix]) / self._fresh_seconds[prefix]
        if intervals > STALE_AFTER_INTERVALS:
            return await asyncio.shield(self._renew(prefix))
        if intervals > 1:
            self._renew(prefix)
        return max(0, known)

    async def close(self) -> None:
        """Stop counting."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _renew(self, prefix: str) -> "asyncio.Task[int]":
        if prefix not in self._tasks:
            task = asyncio.create_task(self._count(prefix))
            self._tasks[prefix] = task
            task.add_done_callback(lambda task: self._done(prefix, task))
        return self._tasks[prefix]

    async def _count(self, prefix: str) -> int:
        begun = self._clock()
        count = await self._scan(prefix)
        self._counted_at[prefix] = self._clock()
        fresh_seconds = FRESH_PER_COUNTING_TIME * (self._counted_at[prefix] - begun)
        self._fresh_seconds[prefix] = min(max(FRESH_SECONDS, fresh_seconds), MOST_FRESH_SECONDS)
        self._counts.set(prefix, count)
        return count

    def _done(self, prefix: str, task: "asyncio.Task[int]") -> None:
        del self._tasks[prefix]
        if not task.cancelled():
            task.exception()  # whoever waits sees it; in the background, the next call that finds it stale will
