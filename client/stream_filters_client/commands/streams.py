"""`stream-filters streams`: look into the streams of a predictor, save them, take them elsewhere, delete them."""

import base64
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from stream_filters_client import errors
from stream_filters_client.commands import stream_list as listing
from stream_filters_client.commands.common import (
    AsJson,
    Connection,
    ExitCode,
    OnceEach,
    examples,
    known_models,
    takes_options,
)
from stream_filters_client.protocol import administration as backup
from stream_filters_client.protocol import archive, belief
from stream_filters_client.protocol.administration import Saved
from stream_filters_client.stream import StreamClient

app = typer.Typer(
    help="List, look into, save, restore and delete the streams that a predictor holds.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Models = Annotated[
    list[str] | None, typer.Option(help="Of this model only; may be repeated.", autocompletion=known_models)
]
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="The model that the stream belongs to.", autocompletion=known_models)
]
SequenceId = Annotated[str, typer.Argument(metavar="SEQUENCE_ID", help="The stream's name.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The file of saved streams.")]


def _models(client: StreamClient, names: list[str] | None) -> list[str]:
    return names or [info.name for info in client.models()]


@app.command(
    cls=OnceEach,
    name="list",
    epilog=examples(
        "stream-filters streams list",
        "stream-filters streams list 'sensor-*' -o wide",
        "stream-filters streams list -o json",
    ),
)
@takes_options
def list_(
    pattern: Annotated[
        list[str] | None, typer.Argument(metavar="[PATTERN]...", help="Names, as sensor-1 or 'sensor-*'; all if none.")
    ] = None,
    *,
    model: Models = None,
    output: Annotated[
        listing.Form, typer.Option("--output", "-o", metavar="|".join(listing.Form), help="More columns, or JSON.")
    ] = listing.Form.SHORT,
    connection: Connection,
    json_: AsJson = False,
) -> None:
    """List the streams: model, name, where each is, and whether it has ended; tabs between where a pipe reads."""
    with connection.client() as client:
        found = listing.streams(client, _models(client, model), pattern or ())
        listing.show(found, listing.Form.JSON if json_ else output)


@app.command(cls=OnceEach, epilog=examples("stream-filters streams show streaming_kalman sensor-1 --horizon 3"))
@takes_options
def show(
    model: Model,
    sequence_id: SequenceId,
    *,
    horizon: Annotated[int, typer.Option(min=1, help="How many steps ahead to show what it expects.")] = 1,
    connection: Connection,
    json_: AsJson = False,
) -> None:
    """Show where a stream is, its settings, and what it expects next. The stream is not changed by it."""
    wanted = ["state", "forecast_mean", "forecast_std", "forecast_interval"]
    with connection.client() as client:
        try:
            result = client.run(backup.look(model, sequence_id, wanted, horizon))
        except errors.SequenceLost as missing:
            raise listing.no_such_stream(client, model, sequence_id) from missing
    state = result["state"][0]
    shown = {"model": model, "sequence_id": sequence_id, **asdict(belief.read(state))}
    expected = {name: _plain(result[name]) for name in wanted[1:]}
    if json_:
        encoded = base64.b64encode(state).decode()
        typer.echo(json.dumps({**shown, **expected, "state": encoded}, indent=2))
        return
    for name, value in {**shown, **expected}.items():
        typer.echo(f"{name + ':':<19} {value if isinstance(value, str) else json.dumps(value)}")


def _plain(array: np.ndarray[Any, Any]) -> Any:
    """As JSON can hold it: NaN, of what is not yet known, is null."""
    plain = array.astype(object)
    plain[np.isnan(array)] = None
    return plain.tolist()


@app.command(
    cls=OnceEach,
    name="export",
    epilog=examples(
        "stream-filters streams export streams.jsonl",
        "stream-filters streams export one.jsonl sensor-1 --model streaming_kalman",
    ),
)
@takes_options
def export(
    file: File,
    sequence_id: Annotated[list[str] | None, typer.Argument(help="These streams only; all if none.")] = None,
    *,
    model: Models = None,
    connection: Connection,
) -> None:
    """Save streams to a file, each as it is at that moment; they go on undisturbed.

    Streams that the server itself cannot read are told about and left out; the exit code is 1 then.
    """
    unusable: list[str] = []
    with connection.client() as client:
        models = _models(client, model)
        every = (stream for name in models for stream in _saved(client, name, listing.names(client, name), unusable))
        count = archive.write(file, _named(client, models, sequence_id, unusable) if sequence_id else every)
    typer.echo(f"{count:,} streams of {', '.join(models)} are in {file}")
    for sentence in unusable:
        typer.echo(sentence, err=True)
    if unusable:
        raise typer.Exit(ExitCode.MISSED)


def _saved(client: StreamClient, model: str, names: Iterable[str], unusable: list[str]) -> Iterator[Saved]:
    names = iter(names)
    while batch := list(itertools.islice(names, backup.STREAMS_PER_REQUEST)):
        saved, refused = client.run(backup.save(model, batch))
        unusable += [f"{model} {one.sequence_id}: {one.reason}" for one in refused]
        yield from saved


def _named(client: StreamClient, models: list[str], names: list[str], unusable: list[str]) -> list[Saved]:
    found = [stream for model in models for stream in _saved(client, model, dict.fromkeys(names), unusable)]
    missing = set(names).difference(stream.sequence_id for stream in found)
    if missing and not unusable:
        raise errors.NoSuchStream(
            f"{', '.join(models)} has no stream {min(missing)!r}; see `stream-filters streams list`"
        )
    return found


@app.command(
    cls=OnceEach,
    name="import",
    epilog=examples(
        "stream-filters streams import streams.jsonl --target other-cluster:8081",
        "stream-filters streams import streams.jsonl sensor-1 --as sensor-1-copy",
    ),
)
@takes_options
def import_(
    file: File,
    sequence_id: Annotated[list[str] | None, typer.Argument(help="These streams only; all if none.")] = None,
    *,
    as_: Annotated[str | None, typer.Option("--as", metavar="NAME", help="Begin the one stream as NAME.")] = None,
    into: Annotated[str | None, typer.Option(metavar="MODEL", help="Into this model instead of its own.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Begin streams that are there already again.")] = False,
    connection: Connection,
) -> None:
    """Begin streams where a file has them. Doing it again is safe: what is there already, just so, is left alone."""
    wanted = set(sequence_id or ())
    names = [saved.sequence_id for saved in archive.read(file) if not wanted or saved.sequence_id in wanted]
    if missing := wanted.difference(names):
        raise errors.BadInput(f"{file} has no stream {min(missing)!r}; leave the names out to import all")
    if as_ is not None and len(names) != 1:
        raise errors.BadInput(f"--as names one stream, {len(names)} would be imported; name the stream to take")
    with connection.client() as client:
        begun = sum(
            client.run(backup.begin(Saved(into or saved.model, as_ or saved.sequence_id, saved.state), replace=replace))
            for saved in archive.read(file)
            if not wanted or saved.sequence_id in wanted
        )
    typer.echo(f"{begun:,} streams begun from {file}, {len(names) - begun:,} were there already")


@app.command(
    cls=OnceEach,
    epilog=examples(
        "stream-filters streams delete streaming_kalman sensor-1 sensor-2",
        "stream-filters streams delete streaming_kalman 'sensor-*' --yes",
    ),
)
@takes_options
def delete(
    model: Model,
    sequence_id: Annotated[
        list[str], typer.Argument(metavar="SEQUENCE_ID...", help="The streams' names, or patterns as 'sensor-*'.")
    ],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask no question about what a pattern fits.")] = False,
    connection: Connection,
) -> None:
    """Let the predictor forget streams at once. A client that goes on with one is told that it is lost.

    What a pattern fits is asked about; a name that is not there makes the exit code 1.
    """
    with connection.client() as client:
        every = list(listing.names(client, model)) if any(map(listing.is_pattern, sequence_id)) else []
        # a stream may be called like a pattern
        patterns = [name for name in sequence_id if listing.is_pattern(name) and name not in every]
        named = [name for name in dict.fromkeys(sequence_id) if name not in patterns]
        fitting = [name for name in every if patterns and listing.fits(name, patterns)]
        if fitting and not yes:
            listing.ask(model, fitting)
        missing = [name for name in dict.fromkeys([*named, *fitting]) if not client.run(backup.delete(model, name))]
        deleted = len({*named, *fitting}) - len(missing)
        typer.echo(f"{deleted:,} streams deleted, {len(missing):,} were not there")
        # what went by itself meanwhile is gone as it was asked for
        if gone := [name for name in missing if name in named]:
            raise listing.no_such_stream(client, model, gone[0])
        if patterns and not fitting:
            raise errors.NoSuchStream(f"{model} has no stream like {patterns[0]!r}; see `stream-filters streams list`")
