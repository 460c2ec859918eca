"""`stream-filters bench`: how many requests a second, how fast, and how many under a latency objective."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import typer
from rich.console import Console

from stream_filters_client.aio import AsyncStreamClient
from stream_filters_client.bench import load_report, objective
from stream_filters_client.bench import rate_search as trials
from stream_filters_client.bench.load import Load, Run
from stream_filters_client.bench.measurements import Notes
from stream_filters_client.bench.objective import Objective
from stream_filters_client.bench.rate_search import Trial
from stream_filters_client.commands.common import (
    AsJson,
    Connection,
    ExitCode,
    Terminal,
    examples,
    known_models,
    takes_options,
)
from stream_filters_client.errors import BadInput
from stream_filters_client.protocol.inspection import ServerInfo
from stream_filters_client.protocol.routing import TRANSPORTS, Transport
from stream_filters_client.replays import interruption
from stream_filters_client.replays.retries import RetryCount
from stream_filters_client.scenarios import MODELS

_EVERY_SECONDS = 1.0
_DURATION_SECONDS = 10.0

EPILOG = examples(
    "stream-filters bench --duration 3",
    "stream-filters bench --streams 20 --batch 10 --requests 2000 --json",
    "stream-filters bench --rate 100 --streams 10 --transport unary --duration 3",
    "stream-filters bench --streams 4 --objective 'p90<=2s' --duration 1",
)


@dataclass(slots=True)
class Session:
    """What is told of a bench while it runs, and what came of it.

    runs: every load so far, the last may be under way. tried: the trials of a search.
    """

    console: Console | None
    objective: Objective | None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    runs: list[Run] = field(default_factory=list)
    tried: list[Trial] = field(default_factory=list)

    def say(self, line: str) -> None:
        """Tell it, unless told to be quiet."""
        if self.console is not None:
            self.console.print(line, highlight=False, soft_wrap=True)

    def told(self, trial: Trial) -> None:
        """One trial is over."""
        assert self.objective is not None  # noqa: S101 - there are no trials without
        self.tried.append(trial)
        self.say(load_report.trial_line(self.objective, trial))

    async def watch(self) -> None:
        """A line a second, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            if self.runs:
                self.say(load_report.progress_line(self.runs[-1]))

    @property
    def summarised(self) -> tuple[Load, Notes] | None:
        """The load that the summary is about: the best of a search, else the only one."""
        if self.objective is not None and (best := load_report.best_of(self.tried)) is not None:
            return replace(self.runs[0].load, rate=best.rate), best.notes
        if self.objective is not None and not self.stop.is_set():
            return None
        return (self.runs[-1].load, self.runs[-1].notes) if self.runs else None


@takes_options
def bench(
    *,
    model: Annotated[
        str, typer.Option(metavar="MODEL", help="The model to send to.", autocompletion=known_models)
    ] = MODELS[0],
    streams: Annotated[int, typer.Option(min=1, help="Streams at once.")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="Observations in one request.")] = 1,
    transport: Annotated[
        Transport,
        typer.Option(metavar="|".join(TRANSPORTS), help="Requests one by one, or on a streaming call for each stream."),
    ] = "auto",
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            metavar="REQUESTS/S",
            help="Open loop: so many requests are due a second, of all streams together. "
            "[default: closed loop, each stream sends when it has its answer]",
            show_default=False,
        ),
    ] = None,
    wanted: Annotated[
        str | None,
        typer.Option("--objective", metavar="p99<=20ms", help="Find the highest open-loop rate that keeps it."),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            metavar="SECONDS",
            help=f"How long to send, of each trial. [default: {_DURATION_SECONDS:g}]",
            show_default=False,
        ),
    ] = None,
    requests: Annotated[int | None, typer.Option(min=1, help="How many to send, in place of --duration.")] = None,
    warm_up: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long to send before, uncounted.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the observations.")] = 1,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the summary only.")] = False,
    connection: Connection,
    json_: AsJson = False,
) -> None:
    """Measure a predictor under load: rates, latencies, status codes. Its streams are ended afterwards."""
    sought = None if wanted is None else objective.parse(wanted)
    if sought is not None and (rate is not None or requests is not None):
        raise BadInput("--objective finds the rate by trials of a --duration; leave out --rate and --requests")
    if duration is not None and requests is not None:
        raise BadInput("--duration and --requests are two ends of one load; give one of them")
    load = Load(
        model=model,
        streams=streams,
        batch=batch,
        transport=transport,
        rate=rate,
        seconds=duration or _DURATION_SECONDS,
        requests=requests,
        warm_up_seconds=warm_up,
        seed=seed,
    )
    session = Session(None if quiet else Terminal(stderr=True), sought)
    server = interruption.run(_run(session, load, connection))
    raise typer.Exit(_tell(session, server, connection.label, as_json=json_))


async def _run(session: Session, load: Load, connection: Connection) -> ServerInfo:
    RetryCount()
    with connection.arguments() as arguments:
        async with AsyncStreamClient(**arguments, patience=connection.patience) as client:
            server = await client.server()
            (info,) = await client.models([load.model])
            load = replace(load, dimension=info.dimension)
            interruption.stop_on_signals(session.stop, client)
            watching = asyncio.create_task(session.watch())
            try:
                if session.objective is None:
                    session.runs.append(Run(client, load))
                    await session.runs[-1].run(session.stop)
                else:
                    await trials.search(client, load, session.objective, session)
            finally:
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
    return server


def _tell(session: Session, server: ServerInfo, target: str, *, as_json: bool) -> ExitCode:
    """Print what came of it, and say how the command ends."""
    summarised = session.summarised
    if as_json:
        found: dict[str, Any] = {} if summarised is None else load_report.document(target, server, *summarised)
        if session.objective is not None:
            found = load_report.with_trials(found, session.objective, session.tried)
        typer.echo(json.dumps(found, indent=2))
    elif summarised is not None:
        console = Terminal()
        console.print(f"server {target} ({server.name} {server.version})", highlight=False, soft_wrap=True)
        load_report.print_summary(*summarised, console)
    if left := sum(run.left for run in session.runs):
        session.say(f"{left:,} streams could not be ended; they expire by themselves")
    if session.objective is not None:
        session.say(load_report.verdict(session.objective, session.tried))
    return _exit_code(session)


def _exit_code(session: Session) -> ExitCode:
    if session.stop.is_set():
        return ExitCode.INTERRUPTED
    if not any(run.notes.answered for run in session.runs):
        return ExitCode.UNAVAILABLE
    met = session.objective is None or load_report.best_of(session.tried) is not None
    return ExitCode.OK if met else ExitCode.MISSED
