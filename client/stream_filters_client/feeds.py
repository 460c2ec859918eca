"""What to replay: a scenario with its truth, a file, or standard input; cut into requests."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from stream_filters_client.codec import Array, Floats
from stream_filters_client.errors import BadInput
from stream_filters_client.scenarios import SCENARIOS
from stream_filters_client.sources import Layout, Row, open_file, read_any


@dataclass(frozen=True, slots=True)
class Chunk:
    """Observations of one request, [T] or [T, D], and the time since each one's predecessor, [T] or None."""

    observations: Floats
    time_deltas: Floats | None


@dataclass(frozen=True, slots=True)
class Feed:
    """A stream to replay.

    length: how many observations there will be, None if nobody knows. truth and oracle: as a scenario has them.
    chunks: the observations, cut into requests of at most so many rows.
    """

    name: str
    model: str
    chunks: Callable[[int], AsyncIterator[Chunk]]
    length: int | None
    config: Mapping[str, Any] = field(default_factory=dict)
    truth: Mapping[str, Array] = field(default_factory=dict)
    oracle: Callable[[], Mapping[str, Array]] | None = None


def from_scenario(name: str, seed: int, length: int, config: Mapping[str, Any]) -> Feed:
    """A scenario's stream; `config` adds to the scenario's own. Raises BadInput."""
    if name not in SCENARIOS:
        raise BadInput(f"there is no scenario {name!r}; see `stream-filters list --scenarios`")
    scenario = SCENARIOS[name]
    stream = scenario.generate(seed, length)

    async def chunks(rows: int) -> AsyncIterator[Chunk]:
        for start in range(0, length, rows):
            part = slice(start, start + rows)
            yield Chunk(stream.observations[part], None if stream.time_deltas is None else stream.time_deltas[part])

    return Feed(name, scenario.model, chunks, length, {**scenario.config, **config}, stream.truth, stream.oracle)


def from_file(path: Path, layout: Layout, model: str, config: Mapping[str, Any], length: int | None) -> Feed:
    """The first `length` rows of a file. Raises BadInput."""
    rows = open_file(path, layout)[:length]
    if not rows:
        raise BadInput(f"{path} has no observations; name another file")

    async def chunks(size: int) -> AsyncIterator[Chunk]:
        for start in range(0, len(rows), size):
            yield as_chunk(rows[start : start + size])

    return Feed(path.stem, model, chunks, len(rows), config)


def from_stdin(layout: Layout, model: str, config: Mapping[str, Any], length: int | None) -> Feed:
    """Rows as they arrive on standard input: what is there is sent, without waiting for a full request."""
    return Feed("stdin", model, lambda size: _arriving(sys.stdin, layout, size, length), None, config)


def as_chunk(rows: Sequence[Row]) -> Chunk:
    """Rows as arrays: [T] where there is one value a row, [T, D] where there are more. Raises BadInput."""
    widths = {len(row.values) for row in rows}
    if len(widths) > 1:
        raise BadInput(f"rows of {' and '.join(map(str, sorted(widths)))} values came; give every row the same number")
    values = np.array([row.values for row in rows], dtype=np.float64)
    deltas = None if rows[0].time_delta is None else np.array([row.time_delta for row in rows], dtype=np.float64)
    return Chunk(values[:, 0] if values.shape[1] == 1 else values, deltas)


async def _arriving(lines: TextIO, layout: Layout, size: int, length: int | None) -> AsyncIterator[Chunk]:
    queue: asyncio.Queue[Row | Exception | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    # a daemon: a read that never returns must not keep the process from ending
    reader = threading.Thread(target=_read, args=(read_any(lines, layout, "stdin"), loop, queue), daemon=True)
    reader.start()
    left = sys.maxsize if length is None else length
    ended, empty = False, True
    while left > 0 and not ended:
        rows = []
        item = await queue.get()
        while isinstance(item, Row):
            rows.append(item)
            if len(rows) == min(size, left) or queue.empty():
                break
            item = queue.get_nowait()
        ended = not isinstance(item, Row)
        left -= len(rows)
        if rows:
            empty = False
            yield as_chunk(rows)
        if isinstance(item, Exception):
            raise item
    if empty:
        raise BadInput("standard input held no observations; write them one a line")


def _read(rows: Iterator[Row], loop: asyncio.AbstractEventLoop, queue: asyncio.Queue[Row | Exception | None]) -> None:
    def put(item: Row | Exception | None) -> bool:
        try:
            loop.call_soon_threadsafe(queue.put_nowait, item)
        except RuntimeError:
            # the loop has ended, and nobody reads any more
            return False
        return True

    try:
        for row in rows:
            if not put(row):
                return
        put(None)
    except BadInput as error:
        put(error)
