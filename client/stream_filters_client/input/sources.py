"""Observations from CSV, JSON lines, Parquet and standard input; what cannot be read is named by line and column."""

import csv
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stream_filters_client.errors import BadInput
from stream_filters_client.input.times import Clock

_MISSING = {"", "nan", "na", "null", "none"}


@dataclass(frozen=True, slots=True)
class Row:
    """One observation: its D values, NaN = missing, and the time since the one before, if times are known."""

    values: tuple[float, ...]
    time_delta: float | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in a line the observation is.

    columns: the names of its D columns; none for a file of bare numbers. time_column: numbers, or ISO dates.
    time_unit: what one step of time is, for dates; by default days for dates and seconds for times of day.
    """

    columns: tuple[str, ...] = ()
    time_column: str | None = None
    time_unit: str | None = None


def open_file(path: Path, layout: Layout) -> list[Row]:
    """The rows of a file: JSON lines or Parquet where its name ends in .jsonl, .ndjson or .parquet, else CSV.

    Raises BadInput.
    """
    try:
        if path.suffix == ".parquet":
            return list(_read_parquet(path, layout))
        with path.open(encoding="utf-8-sig", newline="") as file:
            read = read_json_lines if path.suffix in {".jsonl", ".ndjson"} else read_csv
            return list(read(file, layout, str(path)))
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror or error}); name another file") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text (byte {error.start}); convert it first") from error


def _read_parquet(path: Path, layout: Layout) -> Iterator[Row]:
    from stream_filters_client.input.parquet import read_records  # noqa: PLC0415 - an extra, and slow to import

    records = _Records(layout, str(path))
    wanted = [] if not layout.columns else [*layout.columns, *filter(None, [layout.time_column])]
    for number, record in enumerate(read_records(path, wanted), start=1):
        yield records.row(record, f"{path}, row {number}")


def read_any(lines: Iterable[str], layout: Layout, name: str) -> Iterator[Row]:
    """Rows from lines that are JSON, or CSV, or bare numbers: the first one tells. Raises BadInput."""
    rest = iter(lines)
    first = next(rest, None)
    if first is None:
        return
    read = read_json_lines if first.lstrip()[:1] in {"{", "["} else read_csv
    yield from read(itertools.chain([first], rest), layout, name)


@dataclass(frozen=True, slots=True)
class _Table:
    """What the first line of CSV tells: which cells are the observation, which is the time, how many there are.

    columns: name, or number from 1 where there are no names -> index.
    """

    columns: Mapping[str | int, int]
    time_index: int | None
    width: int
    has_header: bool


def read_csv(lines: Iterable[str], layout: Layout, name: str) -> Iterator[Row]:
    """Rows of CSV, with a header or of numbers alone. Raises BadInput, naming the line."""
    reader = csv.reader(lines)
    clock = Clock(layout.time_column, layout.time_unit)
    table: _Table | None = None
    for cells in _cells(reader, name):
        if table is None:
            table = _table(cells, layout, name)
            if table.has_header:
                continue
        if not cells and table.width > 1:
            continue
        place = f"{name}, line {reader.line_num}"
        cells = cells or [""]  # noqa: PLW2901 - an empty line of a single column is an empty cell
        if len(cells) != table.width:
            raise BadInput(f"{place}: {len(cells)} cells came, {table.width} expected; mend the line")
        values = tuple(_number(cells[index], place, column) for column, index in table.columns.items())
        stamp = None if table.time_index is None else cells[table.time_index]
        yield Row(values, clock.delta(stamp, place))


def _cells(reader: Iterator[list[str]], name: str) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise BadInput(f"{name}, line {reader.line_num}: not CSV ({error}); mend it") from error  # type: ignore[attr-defined]


def _table(first: list[str], layout: Layout, name: str) -> _Table:
    named = bool(layout.columns or layout.time_column)
    if not named and all(_is_number(cell) for cell in first):
        width = len(first) or 1
        return _Table({index + 1: index for index in range(width)}, None, width, has_header=False)
    header = [cell.strip() for cell in first]
    columns = layout.columns or (_only_other(header, layout.time_column, name),)
    positions: dict[str | int, int] = {column: _position(header, column, name) for column in columns}
    time_index = None if layout.time_column is None else _position(header, layout.time_column, name)
    return _Table(positions, time_index, len(header), has_header=True)


def _only_other(names: Iterable[str], time_column: str | None, name: str) -> str:
    others = [column for column in names if column != time_column]
    if len(others) != 1:
        raise BadInput(f"{name} has the columns {', '.join(others)}; choose with --column")
    return others[0]


def _position(header: list[str], column: str, name: str) -> int:
    if column not in header:
        raise BadInput(f"{name} has no column {column!r}; it has {', '.join(header) or 'nothing'}")
    return header.index(column)


def read_json_lines(lines: Iterable[str], layout: Layout, name: str) -> Iterator[Row]:
    """Rows of JSON lines: a number, a list of D numbers, or an object with the columns named; null is missing.

    Raises BadInput, naming the line.
    """
    records = _Records(layout, name)
    for line, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            raise BadInput(f"{name}, line {line}: not JSON ({error.msg} at column {error.colno}); mend it") from error
        yield records.row(value, f"{name}, line {line}")


class _Records:
    """Rows from values with a structure of their own: numbers, lists, or members by name."""

    def __init__(self, layout: Layout, name: str) -> None:
        self._layout = layout
        self._name = name
        self._clock = Clock(layout.time_column, layout.time_unit)
        self._width: int | None = None

    def row(self, value: Any, place: str) -> Row:
        """The row that a value is. Raises BadInput, naming the place."""
        stamp = None
        columns: Sequence[str | int]
        if isinstance(value, dict):
            columns = self._layout.columns or [_only_other(value, self._layout.time_column, place)]
            stamp = None if self._layout.time_column is None else value.get(self._layout.time_column)
            values = [_member(value, str(column), place) for column in columns]
        else:
            values = value if isinstance(value, list) else [value]
            columns = range(1, len(values) + 1)
        self._width = self._width or len(values)
        if len(values) != self._width:
            raise BadInput(f"{place}: {len(values)} values came, {self._width} expected; mend it")
        cells = zip(values, columns, strict=True)
        numbers = tuple(_number("" if item is None else item, place, column) for item, column in cells)
        return Row(numbers, self._clock.delta(stamp, place))


def _member(members: dict[str, Any], column: str, place: str) -> Any:
    if column not in members:
        raise BadInput(f"{place}: no member {column!r}; there are {', '.join(members)}")
    return members[column]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.strip().lower() in _MISSING
    return True


def _number(value: Any, place: str, column: str | int) -> float:
    if isinstance(value, str) and value.strip().lower() in _MISSING:
        return math.nan
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        number = float(value)
    except (ValueError, OverflowError):
        wrong = "not a number"
    else:
        if not math.isinf(number):
            return number
        wrong = "infinite"
    raise BadInput(f"{place}, column {column!r}: {value!r} is {wrong}; leave it empty if it is missing")
