"""What is known of a source before it is read, and what a row of it is."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

OnBadRow = Literal["stop", "skip", "missing"]
ON_BAD_ROW: tuple[OnBadRow, ...] = ("stop", "skip", "missing")
# a moment as it is shown: a date and time, or a number
Stamp = np.datetime64 | float


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in a line the observation is, and how it is written; None is found out from the source.

    columns: of the D values, by name or by number from 1; none for a file of bare numbers. time_column, scale_column:
    of the times, and of the readings' own accuracy. time_unit: what one step of time is, for dates. time_format: one of
    `notations.NAMED`, or as `datetime.strptime` takes it. decimal: the decimal mark. comment: how lines begin that are
    left out. missing: cells that are missing values. on_bad_row: what a row that cannot be read comes to; None for
    stopping at it, but going on behind it where rows arrive one by one.
    """

    columns: tuple[str, ...] = ()
    time_column: str | None = None
    time_unit: str | None = None
    time_format: str | None = None
    scale_column: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    comment: str | None = None
    skip_rows: int = 0
    encoding: str | None = None
    missing: tuple[str, ...] = ()
    on_bad_row: OnBadRow | None = None


class Row(NamedTuple):
    """One observation: its D values, NaN = missing; what belongs to it is None where no column says it.

    time_delta: time since the row before. stamp: when it was. scale: std of the reading beside the usual one's.
    """

    values: tuple[float, ...]
    time_delta: float | None = None
    stamp: Stamp | None = None
    scale: float | None = None


class Record(NamedTuple):
    """A row as it is written. place: for sentences. cells: those chosen, values first, then time and scale.

    fault: why there are none. labels: what the columns of the values are called.
    """

    place: str
    cells: tuple[object, ...] = ()
    fault: str = ""
    labels: tuple[str | int, ...] = ()


def shown(value: object) -> str:
    """A cell in a sentence, not longer than a line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:50]}...{text[0]}"
