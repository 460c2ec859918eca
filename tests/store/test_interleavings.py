"""Random operations against a plain dictionary."""

import asyncio
import itertools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream_filters.store import open_store
from stream_filters.store.base import ConflictError, Store, Write
from stream_filters.store.memory import MemoryStore
from stream_filters.store.sqlite import SqliteStore

KEYS = ["a/1", "a/2", "b/1"]
PREFIXES = ["", "a/", "b/1", "c"]
# Which version a write expects: none, the current one, or the one some writes ago.
EXPECTATIONS = ["nothing", "current", "older"]

writes = st.tuples(
    st.sampled_from(KEYS),
    st.none() | st.binary(max_size=3),
    st.sampled_from(EXPECTATIONS),
    st.sampled_from([5.0, 50.0, 500.0]),
)
operations = st.one_of(
    st.tuples(st.just("write"), st.lists(writes, min_size=1, max_size=4)),
    st.tuples(st.just("read"), st.lists(st.sampled_from(KEYS), max_size=4)),
    st.tuples(st.just("list"), st.sampled_from(PREFIXES)),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 10.0, 100.0])),
)
interleavings = st.lists(operations, max_size=25)


@dataclass
class Model:
    """What the store should hold."""

    time: float = 1e9
    held: dict[str, tuple[bytes, bytes, float]] = field(default_factory=dict)
    seen: dict[str, list[bytes]] = field(default_factory=dict)

    def expected(self, key: str, expectation: str) -> bytes | None:
        versions = self.seen.get(key, [])
        if expectation == "current" and key in self.held:
            return self.held[key][1]
        if expectation == "older" and versions:
            return versions[-2] if len(versions) > 1 else versions[-1]
        return None

    def take(self, write: Write, result: bytes | ConflictError) -> None:
        current = self.held[write.key][1] if write.key in self.held else None
        assert isinstance(result, ConflictError) == (current != write.expected)
        if isinstance(result, ConflictError):
            return
        if write.value is None:
            assert result == b""
            self.held.pop(write.key, None)
            return
        assert result not in itertools.chain(*self.seen.values()), "a version came back"
        self.seen.setdefault(write.key, []).append(result)
        self.held[write.key] = (write.value, result, self.time + write.ttl_seconds)

    def wait(self, seconds: float) -> None:
        self.time += seconds
        self.held = {key: entry for key, entry in self.held.items() if entry[2] > self.time}


async def agree(store: Store, model: Model, steps: list[tuple[str, Any]]) -> None:
    await store.open()
    for kind, argument in steps:
        if kind == "write":
            # Expectations are chosen before the batch; a key may be in it twice.
            batch = [
                Write(key, value, model.expected(key, expectation), ttl) for key, value, expectation, ttl in argument
            ]
            for write, result in zip(batch, await store.write_many(batch), strict=True):
                model.take(write, result)
        elif kind == "read":
            found = [entry and (entry.value, entry.version) for entry in await store.get_many(argument)]
            assert found == [model.held[key][:2] if key in model.held else None for key in argument]
        elif kind == "list":
            live = {key for key in model.held if key.startswith(argument)}
            assert {key async for key in store.keys(argument)} == live
            assert await store.count(argument) == len(live)
        else:
            model.wait(argument)
    await store.close()


@given(interleavings)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_the_memory_store_agrees_with_a_dictionary(steps: list[tuple[str, Any]]) -> None:
    model = Model()
    asyncio.run(agree(MemoryStore(clock=lambda: model.time), model, steps))


@given(interleavings)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_sqlite_store_agrees_with_a_dictionary(steps: list[tuple[str, Any]]) -> None:
    model = Model()
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "streams.db", clock=lambda: model.time)
        asyncio.run(agree(store, model, steps))


@given(steps=interleavings)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_valkey_store_agrees_with_a_dictionary(url_of: Callable[[str], str], steps: list[tuple[str, Any]]) -> None:
    # The server's clock cannot be moved: nothing expires here.
    steps = [step for step in steps if step[0] != "wait"]
    asyncio.run(agree(open_store(url_of("valkey")), Model(), steps))
