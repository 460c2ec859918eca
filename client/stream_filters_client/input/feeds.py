"""What to replay: a scenario with its truth, a file, or standard input; cut into requests."""

import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from stream_filters_client.errors import BadInput
from stream_filters_client.input.layout import Layout, Row
from stream_filters_client.input.opening import PACKED, pipe_lines
from stream_filters_client.input.sources import Source, open_file, read_live
from stream_filters_client.input.stdin import Chunk, arriving, as_chunk
from stream_filters_client.protocol.codec import Array
from stream_filters_client.scenarios import SCENARIOS, Scenario

# running an oracle takes longer than the stream itself
_ORACLES = 20
STDIN = "stdin"


@dataclass(frozen=True, slots=True)
class Feed:
    """A stream to replay.

    name: no other stream has it. group: what the stream is counted under. data: what its rows are called, also where
    several models see them. label: what a name on the server begins with. columns: how many were asked for by name.
    chunks: the observations, cut into requests of at most so many rows. length: how many there will be, None if
    nobody knows. source: what was found out about them; of standard input, once the first rows are there.
    truth and oracle: as a scenario has them.
    """

    name: str
    group: str
    model: str
    chunks: Callable[[int], AsyncIterator[Chunk]]
    length: int | None
    config: Mapping[str, Any] = field(default_factory=dict)
    source: Source = field(default_factory=lambda: Source(()))
    data: str = ""
    label: str = ""
    columns: int = 0
    truth: Mapping[str, Array] = field(default_factory=dict)
    oracle: Callable[[], Mapping[str, Array]] | None = None


def from_scenario(name: str, seed: int, streams: int, length: int, config: Mapping[str, Any]) -> list[Feed]:
    """So many streams of a scenario; `config` adds to the scenario's own. Raises BadInput."""
    if name not in SCENARIOS:
        raise BadInput(f"there is no scenario {name!r}; see `stream-filters list --scenarios`")
    scenario = SCENARIOS[name]
    settings = {**scenario.config, **config}
    names = [name] if streams == 1 else [f"{name}/{number}" for number in range(1, streams + 1)]
    found = [
        _generated(scenario, stream, stream_seed(seed, index), length, settings) for index, stream in enumerate(names)
    ]
    return [*found[:_ORACLES], *(replace(feed, oracle=None) for feed in found[_ORACLES:])]


def stream_seed(seed: int, index: int) -> int:
    """The seed of a scenario's stream: the first has that of the replay, the others have independent ones."""
    return seed if index == 0 else int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0])


def _generated(scenario: Scenario, name: str, seed: int, length: int, config: Mapping[str, Any]) -> Feed:
    stream = scenario.generate(seed, length)

    async def chunks(rows: int) -> AsyncIterator[Chunk]:
        for start in range(0, length, rows):
            part = slice(start, start + rows)
            yield Chunk(stream.observations[part], None if stream.time_deltas is None else stream.time_deltas[part])

    label = name.replace("/", "-")
    return Feed(
        name,
        scenario.name,
        scenario.model,
        chunks,
        length,
        config,
        label=label,
        truth=stream.truth,
        oracle=stream.oracle,
    )


def from_file(
    path: Path, layout: Layout, models: Iterable[str], config: Mapping[str, Any], length: int | None
) -> list[Feed]:
    """The first `length` rows of a file, for each of the models. Raises BadInput."""
    source = open_file(path, layout)
    rows = list(source.rows)[:length]
    if not rows:
        reason = f": {source.notes[0]}" if source.notes else "; name another file"
        raise BadInput(f"{path} has no observations{reason}")

    async def chunks(size: int) -> AsyncIterator[Chunk]:
        for start in range(0, len(rows), size):
            yield as_chunk(rows[start : start + size])

    name = (path.with_suffix("") if path.suffix in PACKED else path).stem
    label = "-".join([name, *layout.columns])
    return [
        Feed(name, name, model, chunks, len(rows), config, source, name, label, len(layout.columns)) for model in models
    ]


def from_stdin(layout: Layout, model: str, config: Mapping[str, Any], length: int | None) -> Feed:
    """Rows as they arrive on standard input: what is there is sent, without waiting for a full request."""
    known = Source(())

    def rows() -> Iterable[Row]:
        read_live(_stdin_lines(layout.encoding), layout, STDIN, known)
        return known.rows

    label = "-".join([STDIN, *layout.columns])
    return Feed(
        STDIN,
        STDIN,
        model,
        lambda size: arriving(rows, size, length),
        None,
        config,
        known,
        STDIN,
        label,
        len(layout.columns),
    )


def _stdin_lines(encoding: str | None) -> Iterator[str]:
    # held until the end: a text layer that goes closes what is below it, which aborts while a thread reads there
    text = sys.stdin
    binary = getattr(text, "buffer", None)
    yield from text if binary is None else pipe_lines(binary, STDIN, encoding)
