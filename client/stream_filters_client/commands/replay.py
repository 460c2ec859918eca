"""`stream-filters replay`: streams against a predictor, watched and scored."""

import asyncio
import json
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from stream_filters_client import expectations, feeds
from stream_filters_client.aio import AsyncStreamClient
from stream_filters_client.calls import Patience
from stream_filters_client.commands import inputs
from stream_filters_client.commands.common import (
    AsJson,
    Connection,
    ExitCode,
    Terminal,
    examples,
    exit_code,
    takes_connection,
)
from stream_filters_client.errors import BadInput
from stream_filters_client.inspection import ServerInfo
from stream_filters_client.progress import report_lines
from stream_filters_client.replay import Pace, Replay, Status, run_all, wanted_outputs
from stream_filters_client.retries import RetryCount
from stream_filters_client.sources import UNITS, Layout
from stream_filters_client.summary import Settings, Summary, document, print_table, write_lines

# slow enough to watch
_LIVE_RATE = 100.0

EPILOG = examples(
    "stream-filters replay kalman-demo",
    "stream-filters replay kalman-demo ar-demo mixture-demo --rate 50",
    "stream-filters replay --model streaming_kalman --csv data/nile.csv --column volume",
    "cat numbers.txt | stream-filters replay - --model adaptive_mixture",
    "stream-filters replay kalman-demo --expect 'position_rmse_ratio<=1.05' --json",
)


@dataclass(frozen=True, slots=True)
class Reporting:
    """How to tell what happens, and how long to wait for its begin."""

    console: Console
    wait_seconds: float
    live: bool
    lines: bool
    screenshot: Path | None


@takes_connection
def replay(
    *,
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SCENARIO]...", help="Scenarios, all at once; or - for standard input."),
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="Model for --csv or standard input.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="CSV or .jsonl file to replay; - for stdin.")] = None,
    column: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Column of the observations; again for D > 1.")
    ] = None,
    time_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of times: numbers or ISO dates.")
    ] = None,
    time_unit: Annotated[str | None, typer.Option(metavar="|".join(UNITS), help="Unit of time for dates.")] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0,
            help=f"Observations a second, 0 for no limit. [default: {_LIVE_RATE:g} to watch, else 0]",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Observations in one request.")] = 10,
    length: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Observations. [default: {inputs.DEFAULT_LENGTH} of a scenario, all of a file]",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the scenarios: the same seed, the same bytes.")] = 1,
    horizon: Annotated[int | None, typer.Option(min=1, help="Also forecast so many steps.")] = None,
    config: Annotated[str | None, typer.Option(metavar="JSON", help="Settings of the model for these streams.")] = None,
    burn_in: Annotated[
        int | None,
        typer.Option(
            min=0, help="Observations before scoring. [default: 100, of short ones a fifth]", show_default=False
        ),
    ] = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="[STREAM:]SCORE<=LIMIT", help="Exit with 1 unless it holds; may be repeated."),
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE.jsonl", help="Write every answer, a line each.")] = None,
    json_: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the summary only.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines, even on a terminal.")] = False,
    connection: Connection,
    screenshot: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Replay streams against a predictor: watch the filters learn, and see at the end how good they were."""
    console = Terminal()
    reporting = Reporting(
        console,
        connection.wait_seconds,
        live=not (json_ or quiet or plain) and console.is_terminal and not console.is_dumb_terminal,
        lines=not (json_ or quiet),
        screenshot=screenshot,
    )
    wanted = [expectations.parse(text) for text in expect or ()]
    layout = Layout(tuple(column or ()), time_column, inputs.known_unit(time_unit))
    settings_json = inputs.read_config(config)
    found = inputs.choose(scenarios or [], model, csv, layout, settings_json, seed=seed, length=length)
    if rate is None and reporting.live:
        rate = _LIVE_RATE
    pace = Pace(batch, rate or None, horizon)
    shortest = min((feed.length for feed in found if feed.length is not None), default=0)
    settings = Settings(
        seed, length, batch, rate or None, horizon, min(100, shortest // 5) if burn_in is None else burn_in
    )
    retries = RetryCount()
    with connection.arguments() as arguments:
        server, replays = asyncio.run(_run(connection.label, arguments, retries, found, pace, reporting))
    scores = {replay.feed.name: replay.scores(settings.burn_in) for replay in replays}
    if output is not None:
        _write(output, replays)
    failed = [replay for replay in replays if replay.status is Status.FAILED]
    verdicts = [] if failed else expectations.judge(wanted, scores)
    summary = Summary(connection.label, server, settings, replays, scores, verdicts)
    if json_:
        typer.echo(json.dumps(document(summary), indent=2))
    else:
        print_table(summary, console)
    raise typer.Exit(_exit_code(summary))


def _exit_code(summary: Summary) -> ExitCode:
    for replay in summary.replays:
        if replay.status is Status.FAILED and replay.error is not None:
            return exit_code(replay.error)
    if any(replay.status is Status.INTERRUPTED for replay in summary.replays):
        return ExitCode.INTERRUPTED
    return ExitCode.OK if all(verdict.met for verdict in summary.verdicts) else ExitCode.MISSED


async def _run(
    label: str,
    arguments: dict[str, Any],
    retries: RetryCount,
    found: Sequence[feeds.Feed],
    pace: Pace,
    reporting: Reporting,
) -> tuple[ServerInfo, list[Replay]]:
    """Connect, replay everything, report meanwhile."""
    stop = asyncio.Event()
    title = f"stream-filters replay  {label}"
    patience = Patience(retry_seconds=reporting.wait_seconds)
    async with AsyncStreamClient(**arguments, patience=patience) as client:
        server = await client.server()
        models = {model.name: model for model in await client.models(dict.fromkeys(feed.model for feed in found))}
        client.patience = replace(patience, retry_seconds=Patience().retry_seconds)
        replays = [Replay(feed, wanted_outputs(models[feed.model], pace.horizon)) for feed in found]
        _stop_on_signals(stop)
        watching = asyncio.create_task(_report(replays, retries, reporting, title))
        watching.add_done_callback(lambda task: _stop_if_failed(task, stop))
        try:
            await run_all(replays, client, pace, stop)
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
    if reporting.screenshot is not None:
        from stream_filters_client import live  # noqa: PLC0415 - drawing takes long to import

        live.save_screenshot(live.LiveView(replays, title, retries), reporting.screenshot)
    return server, replays


async def _report(replays: Sequence[Replay], retries: RetryCount, reporting: Reporting, title: str) -> None:
    """Tell what happens, in the way that was asked for, until cancelled."""
    if reporting.live:
        from stream_filters_client import live  # noqa: PLC0415 - drawing takes long to import

        await live.watch(live.LiveView(replays, title, retries), replays, reporting.console)
    elif reporting.lines:
        await report_lines(replays, reporting.console, retries)


def _stop_if_failed(watching: asyncio.Task[None], stop: asyncio.Event) -> None:
    """A view that nobody reads any more, or that failed, is no reason to go on unseen."""
    if not watching.cancelled() and watching.exception() is not None:
        stop.set()


def _stop_on_signals(stop: asyncio.Event) -> None:
    """The first Ctrl-C ends the streams in order; a second one ends the process."""
    loop = asyncio.get_running_loop()

    def stopped(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped, number)


def _write(output: Path, replays: Sequence[Replay]) -> None:
    try:
        with output.open("w", encoding="utf-8") as file:
            write_lines(replays, file)
    except OSError as error:
        raise BadInput(f"{output} cannot be written ({error.strerror}); name another file") from error
