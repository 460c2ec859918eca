"""`stream-filters dashboard`: a live page for the streams of a predictor, or for scenarios replayed against it."""

import importlib.util
from typing import Annotated

import typer

from stream_filters_client.commands.common import Connection, ExitCode, examples, known_models, takes_options
from stream_filters_client.errors import BadInput
from stream_filters_client.input import feeds
from stream_filters_client.replays import interruption

EPILOG = examples(
    "stream-filters dashboard",
    "stream-filters dashboard kalman-demo ar-demo mixture-demo",
    "stream-filters dashboard --target predictor.example:8081 --port 8095 --no-open",
)


@takes_options
def dashboard(
    *,
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SCENARIO]...", help="Scenarios to replay and show; none to watch what is there."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Watch this model's streams only; may be repeated.", autocompletion=known_models),
    ] = None,
    host: Annotated[str, typer.Option(help="Address that the page is served at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port that it is served at; 0 for any.")] = 8090,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
    every: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="Time from look to look at the streams watched.")
    ] = 0.5,
    alarm: Annotated[
        float, typer.Option(metavar="PROBABILITY", min=0, max=1, help="Of a change of regime, from which it is told.")
    ] = 0.5,
    rate: Annotated[float, typer.Option(min=0.1, help="Observations a second of each scenario.")] = 20.0,
    length: Annotated[int, typer.Option(min=1, help="Observations of each scenario.")] = 6_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the scenarios: the same seed, the same bytes.")] = 1,
    connection: Connection,
) -> None:
    """Show streams on a live web page, with alarms, until Ctrl-C. Streams that are watched are not changed by it."""
    if importlib.util.find_spec("bokeh") is None:
        raise BadInput(
            "the page needs the package bokeh; install it with pip install 'stream-filters-client[dashboard]'"
        )
    from stream_filters_client.dashboard import hub, site  # noqa: PLC0415 - an extra, and slow to import

    names = dict.fromkeys(scenarios or ())
    replayed = [feed for name in names for feed in feeds.from_scenario(name, seed, 1, length, {})]
    watch = hub.Watch(tuple(model) if model else None, every, alarm)
    with connection.arguments() as arguments:
        settings = site.Settings(connection.label, arguments, watch, replayed, rate, host, port, open_)
        interruption.run(site.run(settings, typer.echo))
    raise typer.Exit(ExitCode.INTERRUPTED)
