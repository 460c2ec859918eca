"""`stream-filters check`: is everything there, and does a stream make the round trip?"""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from stream_filters_client.calls import Patience
from stream_filters_client.commands.common import (
    DEFAULT_TARGET,
    DEFAULT_WAIT_SECONDS,
    AsJson,
    Connection,
    ExitCode,
    Isvc,
    Namespace,
    Target,
    Terminal,
    Tls,
    TlsCa,
    TlsCert,
    TlsKey,
    TokenFile,
    Wait,
    Way,
    examples,
)
from stream_filters_client.inspection import Check
from stream_filters_client.retries import RetryCount
from stream_filters_client.stream import StreamClient
from stream_filters_client.target import Via

EPILOG = examples("stream-filters check", "stream-filters check --target predictor.example:8081 --wait 60")


def check(
    *,
    model: Annotated[list[str] | None, typer.Option(help="Check this model only; may be repeated.")] = None,
    target: Target = DEFAULT_TARGET,
    isvc: Isvc = None,
    namespace: Namespace = None,
    via: Way = Via.AUTO,
    tls: Tls = False,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    token_file: TokenFile = None,
    wait: Wait = DEFAULT_WAIT_SECONDS,
    json_: AsJson = False,
) -> None:
    """Check a predictor: readiness, metadata, and with each model a real stream there and back."""
    RetryCount()
    connection = Connection(target, tls, tls_ca, tls_cert, tls_key, token_file, isvc, namespace, via)
    patience = Patience(retry_seconds=wait)
    with connection.arguments(wait) as arguments, StreamClient(**arguments, patience=patience) as client:
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
