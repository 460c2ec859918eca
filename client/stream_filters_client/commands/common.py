"""What the commands share: options, exit codes, and how a failure is told."""

from enum import IntEnum
from typing import Annotated

import typer

from stream_filters_client import errors

Target = Annotated[
    str,
    typer.Option(
        "--target", metavar="HOST:PORT", envvar="STREAM_FILTERS_TARGET", help="The predictor's v2 gRPC endpoint."
    ),
]
Wait = Annotated[float, typer.Option("--wait", metavar="SECONDS", min=0, help="How long to wait for the server.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]
DEFAULT_TARGET = "localhost:8081"
DEFAULT_WAIT_SECONDS = 5.0


class ExitCode(IntEnum):
    """What the process tells its caller."""

    OK = 0
    MISSED = 1
    USAGE = 2
    UNAVAILABLE = 3
    INTERRUPTED = 130


EXIT_CODES = (
    "Exit codes: 0 fine; 1 an expectation or a check missed; 2 wrong usage or input; "
    "3 the server is unavailable or failing; 130 interrupted."
)


def examples(*commands: str) -> str:
    """The end of a command's help: commands that can be run as they are, and the exit codes."""
    lines = "\n".join(f"  {command}" for command in commands)
    # \b keeps the lines of a paragraph as they are
    return f"\b\nExamples:\n{lines}\n\n{EXIT_CODES}"


def exit_code(failure: errors.StreamFiltersError) -> ExitCode:
    """The code for a failure: whose fault it is."""
    theirs = (errors.ServerUnavailable, errors.ServerFault, errors.SequenceLost, errors.Unsupported)
    return ExitCode.UNAVAILABLE if isinstance(failure, theirs) else ExitCode.USAGE
