"""Options that say how a file, or standard input, is written."""

from dataclasses import dataclass, fields
from typing import Annotated

import typer

from stream_filters_client.errors import BadInput
from stream_filters_client.input.layout import ON_BAD_ROW, Layout
from stream_filters_client.input.notations import NAMED
from stream_filters_client.input.times import UNITS


def _formats(incomplete: str) -> list[str]:
    return [name for name in NAMED if name.startswith(incomplete)]


@dataclass(frozen=True, slots=True)
class LayoutOptions:
    """What is where in a line of input; its fields are options of a command, and what is not said is found out."""

    column: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|NUMBER", help="Column of the observations; again for D > 1."),
    ] = None
    time_column: Annotated[
        str | None, typer.Option(metavar="NAME|NUMBER", help="Column of times: numbers, dates or times of day.")
    ] = None
    time_unit: Annotated[
        str | None, typer.Option(metavar="|".join(UNITS), help="What one step of time is, for dates.")
    ] = None
    time_format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="How times are written: '%d.%m.%Y %H:%M', YYYYMM, HHMMSS, epoch-ms, number, ...",
            autocompletion=_formats,
        ),
    ] = None
    scale_column: Annotated[
        str | None,
        typer.Option(metavar="NAME|NUMBER", help="Column of each reading's std beside the usual one's (1 = usual)."),
    ] = None
    missing: Annotated[
        list[str] | None,
        typer.Option(metavar="MARK", help="A cell that is a missing value, as -999 or '?'; again for more."),
    ] = None
    on_bad_row: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(ON_BAD_ROW),
            help="A row that cannot be read ends the replay, is left out, or counts as missing. "
            "[default: stop, of standard input skip]",
            show_default=False,
        ),
    ] = None
    delimiter: Annotated[
        str | None, typer.Option(metavar="CHARACTER", help="Between cells; tab and space by name. [default: sniffed]")
    ] = None
    decimal: Annotated[
        str | None, typer.Option(metavar=". or ,", help="The decimal mark. [default: from the numbers]")
    ] = None
    comment: Annotated[
        str | None, typer.Option(metavar="PREFIX", help="Leave out lines that begin so. [default: # before the header]")
    ] = None
    skip_rows: Annotated[int, typer.Option(min=0, metavar="COUNT", help="Leave out so many lines at the top.")] = 0
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of text, as in latin-1. [default: UTF-8, or as it begins]")
    ] = None

    def layout(self) -> Layout:
        """The layout that they describe. Raises BadInput."""
        _one_of("--time-unit", self.time_unit, UNITS)
        _one_of("--decimal", self.decimal, (".", ","))
        _one_of("--on-bad-row", self.on_bad_row, ON_BAD_ROW)
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return Layout(columns=tuple(given.pop("column") or ()), missing=tuple(given.pop("missing") or ()), **given)


def _one_of(option: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise BadInput(f"{option} {value!r} is unknown; choose {', '.join(known)}")
