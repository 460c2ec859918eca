"""The options of `replay`."""

from pathlib import Path
from typing import Annotated

import typer

from stream_filters_client.commands.inputs import DEFAULT_LENGTH
from stream_filters_client.input.times import UNITS
from stream_filters_client.protocol.routing import TRANSPORTS, Transport
from stream_filters_client.scenarios import SCENARIOS

# slow enough to watch
LIVE_RATE = 100.0


def _known_scenarios(incomplete: str) -> list[tuple[str, str]]:
    return [(name, one.description) for name, one in SCENARIOS.items() if name.startswith(incomplete)]


Scenarios = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SCENARIO]...",
        help="Scenarios, all at once; or - for standard input.",
        autocompletion=_known_scenarios,
    ),
]
Model = Annotated[str | None, typer.Option(metavar="MODEL", help="Model for --file or standard input.")]
File = Annotated[
    Path | None,
    typer.Option(
        "--file",
        "--csv",
        "--parquet",
        metavar="FILE",
        help="Replay this file: CSV, .jsonl or .parquet, by its ending; - for standard input.",
    ),
]
Column = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Column of the observations; again for D > 1.")]
TimeColumn = Annotated[str | None, typer.Option(metavar="NAME", help="Column of times: numbers or ISO dates.")]
TimeUnit = Annotated[str | None, typer.Option(metavar="|".join(UNITS), help="Unit of time for dates.")]
Streams = Annotated[int, typer.Option(min=1, help="Replay each scenario as so many streams, with a seed each.")]
Show = Annotated[int, typer.Option(min=1, metavar="NUMBER", help="Which of the streams of a scenario to show.")]
Rate = Annotated[
    float | None,
    typer.Option(
        min=0,
        help=f"Observations a second and stream, on a schedule that does not wait for answers; 0 for as fast as "
        f"answers come. [default: {LIVE_RATE:g} to watch, else 0]",
        show_default=False,
    ),
]
Batch = Annotated[int, typer.Option(min=1, help="Observations in one request.")]
Way = Annotated[
    Transport,
    typer.Option(metavar="|".join(TRANSPORTS), help="Requests one by one, or on a streaming call for each stream."),
]
Length = Annotated[
    int | None,
    typer.Option(
        min=1,
        help=f"Observations of a stream. [default: {DEFAULT_LENGTH} of a scenario, all of a file]",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the scenarios: the same seed, the same bytes.")]
Horizon = Annotated[int | None, typer.Option(min=1, help="Also forecast so many steps.")]
Config = Annotated[str | None, typer.Option(metavar="JSON", help="Settings of the model for these streams.")]
BurnIn = Annotated[
    int | None,
    typer.Option(min=0, help="Observations before scoring. [default: 100, of short ones a fifth]", show_default=False),
]
Expect = Annotated[
    list[str] | None,
    typer.Option(metavar="[STREAM:]SCORE<=LIMIT", help="Exit with 1 unless it holds; may be repeated."),
]
Output = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write every answer: JSON lines, or Parquet if it ends in .parquet.")
]
Save = Annotated[
    Path | None, typer.Option(metavar="FILE.json", help="Write the whole run, for `stream-filters report`.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the summary only.")]
Plain = Annotated[bool, typer.Option("--plain", help="Plain lines, even on a terminal.")]
Screenshot = Annotated[Path | None, typer.Option(hidden=True)]
