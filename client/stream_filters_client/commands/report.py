"""`stream-filters report`: a page, or a picture, of one replay or of two side by side."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from stream_filters_client.commands.common import examples
from stream_filters_client.errors import BadInput
from stream_filters_client.replays import runs

DEFAULT_OUTPUT = Path("report.html")

EPILOG = examples(
    "stream-filters report run.json",
    "stream-filters report run.json --output page.html --png page.png --title 'The pumps in May'",
    "stream-filters report before.json after.json --output change.html",
    "stream-filters report run.json --stream kalman-demo",
)


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN.json", help="What `stream-filters replay --save` wrote.")],
    other: Annotated[
        Path | None, typer.Argument(metavar="[OTHER.json]", help="Another such file, to put beside it.")
    ] = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html", help=f"The page. [default: {DEFAULT_OUTPUT}, none with --png]", show_default=False
        ),
    ] = None,
    png: Annotated[Path | None, typer.Option(metavar="FILE.png", help="The same as one picture.")] = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="What to write above it.")] = None,
    stream: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Draw this stream, of many; may be repeated.")
    ] = None,
) -> None:
    """Make a page of a replay, for a browser or for print: what was observed, what was learned, how good it was.

    The page is one file that needs no network. Of more than six streams those to worry about most are drawn, beside
    pictures and scores of all.
    """
    try:
        from stream_filters_client.report import content, drawing, page  # noqa: PLC0415 - an extra, slow to import
    except ImportError as error:
        raise BadInput(
            f"the module {error.name} is missing; install what reports are made with: "
            "pip install 'stream-filters-client[report]'"
        ) from error
    found = [runs.read(path) for path in (run, other) if path is not None]
    made = content.content(found, title, stream or ())
    if output is not None or png is None:
        _write(output or DEFAULT_OUTPUT, lambda: page.html(made).encode())
    if png is not None:
        _write(png, lambda: drawing.png(made))


def _write(path: Path, make: Callable[[], bytes]) -> None:
    try:
        with path.open("wb") as file:
            file.write(make())
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror}); name another file") from error
    typer.echo(f"wrote {path}")
