"""The command line."""

import io
import sys
from typing import Annotated

import typer

from stream_filters_client import __version__
from stream_filters_client.commands import (
    bench,
    check,
    common,
    dashboard,
    list,  # noqa: A004 - the command's own name
    replay,
    report,
    streams,
)
from stream_filters_client.errors import StreamFiltersError


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stream-filters {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="stream-filters",
    help="Streaming Bayesian filters behind a v2 inference endpoint: watch them, check them, ask them.",
    epilog=common.EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=common.OnceEach, epilog=replay.EPILOG)(replay.replay)
app.command(cls=common.OnceEach, epilog=report.EPILOG)(report.report)
app.command(cls=common.OnceEach, epilog=dashboard.EPILOG)(dashboard.dashboard)
app.command(cls=common.OnceEach, epilog=bench.EPILOG)(bench.bench)
app.command(cls=common.OnceEach, epilog=check.EPILOG)(check.check)
app.command(name="list", cls=common.OnceEach, epilog=list.EPILOG)(list.list_)
app.add_typer(streams.app, name="streams")


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="say the version and end")
    ] = False,
) -> None:
    """What can stand before a command."""
    del version


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # a terminal that has not all letters shows others, instead of ending the command
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except StreamFiltersError as error:
        sys.stderr.write(f"stream-filters: {error}{common.beyond_proxy(error)}\n")
        sys.exit(common.exit_code(error))
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(common.ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
