"""`stream-filters check`: is everything there, and does a stream make the round trip?"""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from stream_filters_client.commands.common import (
    AsJson,
    Connection,
    ExitCode,
    Terminal,
    examples,
    known_models,
    takes_options,
)
from stream_filters_client.protocol.inspection import Check

EPILOG = examples("stream-filters check", "stream-filters check --target predictor.example:8081 --wait 60")


@takes_options
def check(
    *,
    model: Annotated[
        list[str] | None, typer.Option(help="Check this model only; may be repeated.", autocompletion=known_models)
    ] = None,
    connection: Connection,
    json_: AsJson = False,
) -> None:
    """Check a predictor: readiness, metadata, and with each model a real stream there and back."""
    with connection.client() as client:
        found = client.check(model)
    if json_:
        typer.echo(json.dumps({**asdict(found), "passed": found.passed}, indent=2))
    else:
        _print(found, connection.label)
    raise typer.Exit(ExitCode.OK if found.passed else ExitCode.MISSED)


def _print(found: Check, target: str) -> None:
    console = Terminal(highlight=False)
    server = found.server
    ready = "ready" if server.live and server.ready else "NOT READY"
    console.print(f"{target} is {ready}: {server.name} {server.version}")
    for info, trip in zip(found.models, found.round_trips, strict=True):
        state = "ready" if trip.ready else "NOT READY"
        again = "recognised a repeated request" if trip.replayed else "TOOK A REPEATED REQUEST FOR A NEW ONE"
        console.print(
            f"{info.name} is {state}: {len(info.outputs)} outputs, answered in {1e3 * trip.seconds:.1f} ms, {again}",
            soft_wrap=True,
        )
