"""`stream-filters replay`: streams against a predictor, watched and scored."""

import json
import sys
from datetime import UTC, datetime

import typer

from stream_filters_client.commands.common import (
    Connection,
    ExitCode,
    Terminal,
    examples,
    exit_code,
    takes_options,
)
from stream_filters_client.commands.input_options import InputOptions
from stream_filters_client.commands.layout_options import LayoutOptions
from stream_filters_client.commands.replay_options import SendingOptions, TellingOptions
from stream_filters_client.commands.replaying import Reporting, Run, run
from stream_filters_client.errors import BadInput
from stream_filters_client.replays import answer_file, runs
from stream_filters_client.replays.groups import Group, rankings
from stream_filters_client.replays.replay import Status
from stream_filters_client.replays.retries import RetryCount
from stream_filters_client.replays.summary import Settings, Summary, document
from stream_filters_client.scoring import expectations
from stream_filters_client.terminal.summary_table import print_table

EPILOG = examples(
    "stream-filters replay kalman-demo",
    "stream-filters replay kalman-demo ar-demo mixture-demo --rate 200",
    "stream-filters replay ar-demo mixture-demo --streams 50 --length 200",
    "stream-filters replay --model streaming_kalman --file data/nile.csv --column volume --time-column year",
    "stream-filters replay --model all --file data/nile.csv --column volume",
    "seq 100 | stream-filters replay - --model adaptive_mixture --rows",
    "stream-filters replay kalman-demo --save run.json",
    "stream-filters replay kalman-demo --expect 'position_rmse_ratio<=1.05' --json",
)


@takes_options
def replay(
    *,
    what: InputOptions,
    layout: LayoutOptions,
    sending: SendingOptions,
    telling: TellingOptions,
    connection: Connection,
) -> None:
    """Replay streams against a predictor: watch the filters learn, and see at the end how good they were."""
    reporting = _reporting(telling)
    if telling.show > what.streams:
        raise BadInput(f"--show {telling.show} is no stream of a scenario, there are {what.streams}; see --streams")
    wanted = [expectations.parse(text) for text in telling.expect or ()]
    answer_file.check(telling.output)
    known = layout.layout()
    with reporting.busy("making streams"):
        feeds = what.feeds(known)
    pace, names = sending.pace(live=reporting.live), sending.names(len(feeds))
    started = datetime.now(UTC)
    with connection.arguments() as arguments:
        scaled = known.scale_column is not None
        task = Run(connection.label, arguments, connection.patience, feeds, pace, names, telling.output, scaled)
        server, groups = run(task, reporting)
    burn_in = telling.burn_in
    if burn_in is None:
        burn_in = min(100, min((feed.length for feed in feeds if feed.length is not None), default=0) // 5)
    with reporting.busy(f"scoring {len(feeds):,} streams"):
        scores = {group.name: group.scores(burn_in) for group in groups}
        ranked = rankings(groups, burn_in)
    whole = all(group.status is Status.DONE for group in groups)
    verdicts = expectations.judge(wanted, scores) if whole else []
    settings = Settings(
        what.seed, what.streams, what.length, pace.batch, pace.rate, pace.transport, pace.horizon, burn_in
    )
    summary = Summary(connection.label, server, settings, groups, scores, verdicts, ranked)
    if telling.save is not None:
        with reporting.busy("saving the run"):
            replays = [replay for group in groups for replay in group.replays]
            runs.write(telling.save, document(summary), replays, runs.Circumstances(started, _time_unit(groups)))
    if telling.json_:
        typer.echo(json.dumps(document(summary), indent=2))
    else:
        print_table(summary, reporting.console)
    raise typer.Exit(_exit_code(summary))


def _reporting(telling: TellingOptions) -> Reporting:
    """How to tell what happens; what goes to standard output by order leaves it to nothing else."""
    taken = telling.rows or telling.output == answer_file.STDOUT
    if telling.json_ and taken:
        raise BadInput("--json is a document of its own on standard output; write rows with --output FILE")
    console = Terminal(stderr=taken)
    silent = telling.json_ or telling.quiet or taken
    drawn = console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf")
    live = drawn and not (silent or telling.plain)
    return Reporting(
        console,
        RetryCount(),
        live,
        lines=not silent,
        shown=telling.show,
        screenshot=telling.screenshot,
        rows=sys.stdout if telling.rows else None,
    )


def _time_unit(groups: list[Group]) -> str | None:
    """The unit of all times, where they have one in common."""
    units = {group.shown.feed.source.steps.unit for group in groups if group.shown.feed.source.steps is not None}
    return units.pop() or None if len(units) == 1 else None


def _exit_code(summary: Summary) -> ExitCode:
    replays = [replay for group in summary.groups for replay in group.replays]
    for replay in replays:
        if replay.status is Status.FAILED and replay.error is not None:
            return exit_code(replay.error)
    if any(replay.status is Status.INTERRUPTED for replay in replays):
        return ExitCode.INTERRUPTED
    return ExitCode.OK if all(verdict.met for verdict in summary.verdicts) else ExitCode.MISSED
