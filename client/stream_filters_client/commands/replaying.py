"""A replay as a command runs it: connected, watched, and ended in order by signals."""

import asyncio
import importlib
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console

from stream_filters_client.aio import AsyncStreamClient
from stream_filters_client.errors import BadInput
from stream_filters_client.input.feeds import Feed
from stream_filters_client.input.times import Steps
from stream_filters_client.protocol.calls import Patience
from stream_filters_client.protocol.inspection import ServerInfo
from stream_filters_client.protocol.sequence import SCALES
from stream_filters_client.replays import interruption
from stream_filters_client.replays.answer_file import AnswerFile
from stream_filters_client.replays.groups import Group, grouped
from stream_filters_client.replays.pace import Pace
from stream_filters_client.replays.recording import Recording, kept_rows, wanted_outputs
from stream_filters_client.replays.replay import Replay, run_all
from stream_filters_client.replays.retries import RetryCount
from stream_filters_client.replays.row_lines import RowLines
from stream_filters_client.replays.stream_names import Names
from stream_filters_client.terminal.progress import report_lines


@dataclass(frozen=True, slots=True)
class Reporting:
    """How to tell what happens.

    live: on a screen of its own. lines: as plain lines, if not live. shown: number of the stream of a group to show.
    rows: where a line for each row goes, None for nowhere.
    """

    console: Console
    retries: RetryCount
    live: bool
    lines: bool
    shown: int
    screenshot: Path | None
    rows: TextIO | None = None

    def busy(self, with_what: str) -> AbstractContextManager[object]:
        """Say on a terminal what takes its time, until it is done."""
        return self.console.status(with_what) if self.live else nullcontext()


@dataclass(frozen=True, slots=True)
class Run:
    """What to replay, and how. label: what to call the predictor. arguments: of its client.

    patience: until its first answer. scaled: rows say how good their readings are.
    """

    label: str
    arguments: dict[str, Any]
    patience: Patience
    feeds: Sequence[Feed]
    pace: Pace
    names: Names
    output: Path | None
    scaled: bool = False


def run(what: Run, reporting: Reporting) -> tuple[ServerInfo, list[Group]]:
    """Connect, replay everything, report meanwhile. Raises the client's errors, and KeyboardInterrupt."""
    return interruption.run(_run(what, reporting))


async def _run(what: Run, reporting: Reporting) -> tuple[ServerInfo, list[Group]]:
    stop = asyncio.Event()
    if reporting.live:
        # drawing takes long to import: not while streams are under way
        importlib.import_module("stream_filters_client.terminal.live_view")
    async with AsyncStreamClient(**what.arguments, patience=what.patience) as client:
        with reporting.busy(f"waiting for {what.label}"):
            server = await client.server()
            replays = await _prepared(what, client)
        groups = grouped(replays, reporting.shown)
        client.patience = replace(what.patience, retry_seconds=Patience().retry_seconds)
        interruption.stop_on_signals(stop, client)
        watching = asyncio.create_task(_report(groups, what.label, reporting))
        watching.add_done_callback(lambda task: interruption.stop_if_failed(task, stop))
        try:
            with AnswerFile.opened(what.output, replays), RowLines.opened(reporting.rows, replays):
                await run_all(replays, client, what.pace, stop)
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
    if reporting.live or reporting.screenshot is not None:
        from stream_filters_client.terminal import live_view as live  # noqa: PLC0415 - drawing takes long to import

        view = live.LiveView(groups, _title(what.label), reporting.retries)
        if reporting.live:
            live.leave(view, reporting.console)
        if reporting.screenshot is not None:
            live.save_screenshot(view, reporting.screenshot)
    return server, groups


async def _prepared(what: Run, client: AsyncStreamClient) -> list[Replay]:
    models = {model.name: model for model in await client.models(dict.fromkeys(feed.model for feed in what.feeds))}
    rows = kept_rows(len(what.feeds))
    prepared = []
    for feed in what.feeds:
        model = models[feed.model]
        replay = Replay(feed, wanted_outputs(model, what.pace.horizon), Recording(rows), names=what.names)
        inputs = {tensor.name for tensor in model.inputs}
        replay.timed = "time_deltas" in inputs
        if what.scaled and SCALES not in inputs:
            raise BadInput(
                f"{model.name} takes no accuracy of readings; leave out --scale-column, or choose another model"
            )
        if not replay.timed and feed.source.steps is not None:
            sys.stderr.write(f"{feed.name}: {_untimed(model.name, feed.source.steps)}\n")
        prepared.append(replay)
    for note in dict.fromkeys(note for feed in what.feeds for note in feed.source.notes):
        sys.stderr.write(f"{note}\n")
    return prepared


def _untimed(model: str, steps: Steps) -> str:
    """What a model makes of times that it does not take."""
    told = f"{model} takes no time between observations: its rows count as equally far apart"
    if steps.others:
        told += f", though {steps.others:,} of {steps.count:,} steps are not {steps.usual:.6g} {steps.unit}".rstrip()
    return f"{told}; times are shown only"


def _title(label: str) -> str:
    return f"stream-filters replay  {label}"


async def _report(groups: Sequence[Group], label: str, reporting: Reporting) -> None:
    """Tell what happens, in the way that was asked for, until cancelled."""
    if reporting.live:
        from stream_filters_client.terminal import live_view as live  # noqa: PLC0415 - drawing takes long to import

        await live.watch(live.LiveView(groups, _title(label), reporting.retries), reporting.console)
    elif reporting.lines:
        await report_lines(groups, reporting.console, reporting.retries)
