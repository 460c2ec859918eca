"""The streams of a predictor as a list, and the names among them that patterns fit."""

import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

import typer
from rich.table import Table

from stream_filters_client import errors
from stream_filters_client.commands.common import Terminal
from stream_filters_client.protocol import administration, belief
from stream_filters_client.stream import StreamClient

_SHOWN_NAMES = 5


class Form(StrEnum):
    """How much of each stream a list says."""

    SHORT = "short"
    WIDE = "wide"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Listed:
    """A stream in a list; what is not known of one that ended, or that cannot be read, is None.

    status: live, ended, or why it cannot be read. offset: observations that it has seen.
    """

    model: str
    sequence_id: str
    offset: int | None
    status: str
    config: dict[str, Any] | None = None
    state_bytes: int | None = None
    schema_version: int | None = None


def names(client: StreamClient, model: str) -> Iterator[str]:
    """The names of a model's streams, each once."""
    seen: set[str] = set()
    after = ""
    while True:
        page, after = client.run(administration.page(model, after))
        for name in page:
            if name not in seen:
                seen.add(name)
                yield name
        if not after:
            return


def is_pattern(name: str) -> bool:
    """Whether it is meant to fit more than one name."""
    return any(character in name for character in "*?")


def fits(name: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns, or names, fits; all do where there is none."""
    return not patterns or any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns)


def streams(client: StreamClient, models: Iterable[str], patterns: Sequence[str]) -> Iterator[Listed]:
    """What is known of the streams whose names fit."""
    for model in models:
        wanted = (name for name in names(client, model) if fits(name, patterns))
        while batch := list(itertools.islice(wanted, administration.STREAMS_PER_REQUEST)):
            saved, unreadable = client.run(administration.save(model, batch))
            states = {one.sequence_id: belief.read(one.state) for one in saved}
            reasons = {one.sequence_id: one.reason for one in unreadable}
            for name in batch:
                if (held := states.get(name)) is None:
                    yield Listed(model, name, None, reasons.get(name, "ended"))
                else:
                    yield Listed(model, name, held.offset, "live", held.config, held.state_bytes, held.schema_version)


def show(found: Iterable[Listed], form: Form) -> None:
    """Print a list: a table on a terminal, lines with tabs for a pipe, or JSON."""
    if form is Form.JSON:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2))
        return
    head = ["model", "name", "offset", "status", *(["settings", "bytes"] if form is Form.WIDE else [])]
    if not sys.stdout.isatty():
        for one in found:
            typer.echo("\t".join(_cells(one, form)))
        return
    table = Table(*head, box=None, pad_edge=False, header_style="bold")
    for one in found:
        table.add_row(*_cells(one, form))
    Terminal().print(table)


def _cells(one: Listed, form: Form) -> list[str]:
    cells = [one.model, one.sequence_id, "" if one.offset is None else str(one.offset), one.status]
    if form is Form.WIDE:
        cells += [json.dumps(one.config or {}), "" if one.state_bytes is None else str(one.state_bytes)]
    return cells


def ask(model: str, found: Sequence[str]) -> None:
    """Ask whether streams are to be deleted. Raises BadInput where nobody can answer, Abort at a no."""
    few = ", ".join(found[:_SHOWN_NAMES]) + (", ..." if len(found) > _SHOWN_NAMES else "")
    if not sys.stdin.isatty():
        raise errors.BadInput(f"{len(found):,} streams of {model} would be deleted ({few}); say so with --yes")
    if not typer.confirm(f"Delete {len(found):,} streams of {model} ({few})?"):
        raise typer.Exit


def no_such_stream(client: StreamClient, model: str, sequence_id: str) -> errors.NoSuchStream:
    """That a stream is not there, and whether another model has one of its name."""
    others = [info.name for info in client.models() if info.name != model]
    for other in others:
        try:
            client.run(administration.look(other, sequence_id))
        except errors.StreamFiltersError:
            continue
        return errors.NoSuchStream(f"{model} has no stream {sequence_id!r}, {other} has one; name that model")
    return errors.NoSuchStream(f"{model} has no stream {sequence_id!r}; see `stream-filters streams list`")
