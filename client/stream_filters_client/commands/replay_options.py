"""Options that say how to send, and what to tell of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from stream_filters_client.commands.common import AsJson
from stream_filters_client.errors import BadInput
from stream_filters_client.protocol.routing import TRANSPORTS, Transport
from stream_filters_client.replays.pace import Pace
from stream_filters_client.replays.stream_names import Names

# slow enough to watch
LIVE_RATE = 100.0


@dataclass(frozen=True, slots=True)
class SendingOptions:
    """How to send; its fields are options of a command."""

    rate: Annotated[
        float | None,
        typer.Option(
            min=0,
            help=f"Observations a second and stream, on a schedule that does not wait for answers; 0 for as fast as "
            f"answers come. [default: {LIVE_RATE:g} to watch, else 0]",
            show_default=False,
        ),
    ] = None
    batch: Annotated[int, typer.Option(min=1, help="Observations in one request.")] = 10
    transport: Annotated[
        Transport,
        typer.Option(metavar="|".join(TRANSPORTS), help="Requests one by one, or on a streaming call for each stream."),
    ] = "auto"
    horizon: Annotated[int | None, typer.Option(min=1, help="Also forecast so many steps, for --output.")] = None
    sequence_id: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What the stream is called on the server. [default: a fresh name]"),
    ] = None
    keep: Annotated[bool, typer.Option("--keep", help="Leave the streams on the server at the end.")] = False
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the stream --sequence-id where it is, and keep it.")
    ] = False
    skip_seen: Annotated[
        bool, typer.Option("--skip-seen", help="With --resume: leave out the rows that the stream has seen.")
    ] = False

    def pace(self, *, live: bool) -> Pace:
        """When requests are sent."""
        rate = LIVE_RATE if self.rate is None and live else self.rate
        return Pace(self.batch, rate or None, self.horizon, self.transport)

    def names(self, streams: int) -> Names:
        """What so many streams are called on the server, and what is there of them. Raises BadInput."""
        if self.sequence_id is not None and streams > 1:
            raise BadInput(f"--sequence-id names one stream, {streams:,} are to be replayed; leave it out")
        if self.resume and self.sequence_id is None:
            raise BadInput(
                "--resume needs the name of the stream: --sequence-id NAME; see `stream-filters streams list`"
            )
        if self.skip_seen and not self.resume:
            raise BadInput("--skip-seen goes with --resume; a new stream has seen nothing")
        return Names(self.sequence_id, keep=self.keep or self.resume, resume=self.resume, skip_seen=self.skip_seen)


@dataclass(frozen=True, slots=True)
class TellingOptions:
    """What to tell, and where; its fields are options of a command."""

    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="[STREAM:]SCORE<=LIMIT", help="Exit with 1 unless it holds; may be repeated."),
    ] = None
    burn_in: Annotated[
        int | None,
        typer.Option(
            min=0, help="Observations before scoring. [default: 100, of short ones a fifth]", show_default=False
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write every answer: .jsonl (or no ending), .csv or .parquet; - for standard output.",
        ),
    ] = None
    rows: Annotated[bool, typer.Option("--rows", help="One plain line for each row, as its answer comes.")] = False
    save: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write the whole run, for `stream-filters report`.")
    ] = None
    json_: AsJson = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the summary only.")] = False
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines, even on a terminal.")] = False
    show: Annotated[int, typer.Option(min=1, metavar="NUMBER", help="Which stream of a scenario to show.")] = 1
    screenshot: Annotated[Path | None, typer.Option(hidden=True)] = None
