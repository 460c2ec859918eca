"""`stream-filters replay`: streams against a predictor, watched and scored."""

import json
from datetime import UTC, datetime

import typer

from stream_filters_client.commands import inputs
from stream_filters_client.commands import replay_options as options
from stream_filters_client.commands.common import (
    AsJson,
    Connection,
    ExitCode,
    Terminal,
    examples,
    exit_code,
    takes_connection,
)
from stream_filters_client.commands.replaying import Reporting, Run, run
from stream_filters_client.errors import BadInput
from stream_filters_client.input.sources import Layout
from stream_filters_client.replays import runs
from stream_filters_client.replays.pace import Pace
from stream_filters_client.replays.replay import Status
from stream_filters_client.replays.retries import RetryCount
from stream_filters_client.replays.summary import Settings, Summary, document
from stream_filters_client.scoring import expectations
from stream_filters_client.terminal.summary_table import print_table

EPILOG = examples(
    "stream-filters replay kalman-demo",
    "stream-filters replay kalman-demo ar-demo mixture-demo --rate 200",
    "stream-filters replay ar-demo mixture-demo --streams 50 --length 200",
    "stream-filters replay --model streaming_kalman --file data/nile.csv --column volume",
    "seq 100 | stream-filters replay - --model adaptive_mixture",
    "stream-filters replay kalman-demo --save run.json",
    "stream-filters replay kalman-demo --expect 'position_rmse_ratio<=1.05' --json",
)


@takes_connection
def replay(
    *,
    scenarios: options.Scenarios = None,
    model: options.Model = None,
    file: options.File = None,
    column: options.Column = None,
    time_column: options.TimeColumn = None,
    time_unit: options.TimeUnit = None,
    streams: options.Streams = 1,
    show: options.Show = 1,
    rate: options.Rate = None,
    batch: options.Batch = 10,
    transport: options.Way = "auto",
    length: options.Length = None,
    seed: options.Seed = 1,
    horizon: options.Horizon = None,
    config: options.Config = None,
    burn_in: options.BurnIn = None,
    expect: options.Expect = None,
    output: options.Output = None,
    save: options.Save = None,
    json_: AsJson = False,
    quiet: options.Quiet = False,
    plain: options.Plain = False,
    connection: Connection,
    screenshot: options.Screenshot = None,
) -> None:
    """Replay streams against a predictor: watch the filters learn, and see at the end how good they were."""
    console = Terminal()
    live = not (json_ or quiet or plain) and console.is_terminal and not console.is_dumb_terminal
    reporting = Reporting(console, RetryCount(), live, lines=not (json_ or quiet), shown=show, screenshot=screenshot)
    if show > streams:
        raise BadInput(f"--show {show} is no stream of a scenario, there are {streams}; see --streams")
    wanted = [expectations.parse(text) for text in expect or ()]
    layout = Layout(tuple(column or ()), time_column, inputs.known_unit(time_unit))
    source = inputs.Source(
        tuple(scenarios or ()), file, model, layout, inputs.read_config(config), seed, streams, length
    )
    with reporting.busy("making streams"):
        feeds = source.read()
    if rate is None and live:
        rate = options.LIVE_RATE
    pace = Pace(batch, rate or None, horizon, transport)
    circumstances = runs.Circumstances(datetime.now(UTC), layout.time_unit)
    with connection.arguments() as arguments:
        server, groups = run(Run(connection.label, arguments, connection.patience, feeds, pace, output), reporting)
    if burn_in is None:
        burn_in = min(100, min((feed.length for feed in feeds if feed.length is not None), default=0) // 5)
    with reporting.busy(f"scoring {len(feeds):,} streams"):
        scores = {group.name: group.scores(burn_in) for group in groups}
    whole = all(group.status is Status.DONE for group in groups)
    verdicts = expectations.judge(wanted, scores) if whole else []
    settings = Settings(seed, streams, length, batch, pace.rate, transport, horizon, burn_in)
    summary = Summary(connection.label, server, settings, groups, scores, verdicts)
    if save is not None:
        with reporting.busy("saving the run"):
            runs.write(save, document(summary), [replay for group in groups for replay in group.replays], circumstances)
    if json_:
        typer.echo(json.dumps(document(summary), indent=2))
    else:
        print_table(summary, console)
    raise typer.Exit(_exit_code(summary))


def _exit_code(summary: Summary) -> ExitCode:
    replays = [replay for group in summary.groups for replay in group.replays]
    for replay in replays:
        if replay.status is Status.FAILED and replay.error is not None:
            return exit_code(replay.error)
    if any(replay.status is Status.INTERRUPTED for replay in replays):
        return ExitCode.INTERRUPTED
    return ExitCode.OK if all(verdict.met for verdict in summary.verdicts) else ExitCode.MISSED
