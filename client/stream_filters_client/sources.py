"""Observations from CSV, JSON lines and standard input; what cannot be read is named by its line."""

import csv
import itertools
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stream_filters_client.errors import BadInput

# seconds in a unit of time
UNITS = {"seconds": 1.0, "minutes": 60.0, "hours": 3_600.0, "days": 86_400.0, "weeks": 604_800.0}
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
    """The rows of a CSV file, or of JSON lines where the name ends in .jsonl or .ndjson. Raises BadInput."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix in {".jsonl", ".ndjson"}:
                return list(read_json_lines(file, layout, str(path)))
            return list(read_csv(file, layout, str(path)))
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); name another file") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text (byte {error.start}); convert it first") from error


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
    """What the first line of CSV tells: which cells are the observation, which is the time, how many there are."""

    columns: tuple[int, ...]
    time_index: int | None
    width: int
    has_header: bool


def read_csv(lines: Iterable[str], layout: Layout, name: str) -> Iterator[Row]:
    """Rows of CSV, with a header or of numbers alone. Raises BadInput, naming the line."""
    reader = csv.reader(lines)
    clock = _Clock(layout, name)
    table: _Table | None = None
    for cells in reader:
        if table is None:
            table = _table(cells, layout, name)
            if table.has_header:
                continue
        if not cells and table.width > 1:
            continue
        line = reader.line_num
        cells = cells or [""]  # noqa: PLW2901 - an empty line of a single column is an empty cell
        if len(cells) != table.width:
            raise BadInput(f"{name}, line {line}: {len(cells)} cells came, {table.width} expected; mend the line")
        values = tuple(_number(cells[index], line, name) for index in table.columns)
        stamp = None if table.time_index is None else cells[table.time_index]
        yield Row(values, clock.delta(stamp, line))


def _table(first: list[str], layout: Layout, name: str) -> _Table:
    named = bool(layout.columns or layout.time_column)
    if not named and all(_is_number(cell) for cell in first):
        return _Table(tuple(range(len(first) or 1)), None, len(first) or 1, has_header=False)
    header = [cell.strip() for cell in first]
    columns = layout.columns or (_only_other(header, layout.time_column, name),)
    positions = tuple(_position(header, column, name) for column in columns)
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
    clock = _Clock(layout, name)
    for line, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            raise BadInput(f"{name}, line {line}: not JSON ({error.msg} at column {error.colno}); mend it") from error
        stamp = None
        if isinstance(value, dict):
            columns = layout.columns or (_only_other(value, layout.time_column, f"{name}, line {line}"),)
            stamp = None if layout.time_column is None else value.get(layout.time_column)
            value = [_member(value, column, line, name) for column in columns]
        values = value if isinstance(value, list) else [value]
        numbers = tuple(_number("" if item is None else item, line, name) for item in values)
        yield Row(numbers, clock.delta(stamp, line))


def _member(members: dict[str, Any], column: str, line: int, name: str) -> Any:
    if column not in members:
        raise BadInput(f"{name}, line {line}: no member {column!r}; there are {', '.join(members)}")
    return members[column]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.strip().lower() in _MISSING
    return True


def _number(value: Any, line: int, name: str) -> float:
    if isinstance(value, str) and value.strip().lower() in _MISSING:
        return math.nan
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        number = float(value)
    except (ValueError, OverflowError):
        raise BadInput(f"{name}, line {line}: {value!r} is not a number; leave it empty if it is missing") from None
    if math.isinf(number):
        raise BadInput(f"{name}, line {line}: {value!r} is infinite; leave it empty if it is missing")
    return number


class _Clock:
    """Time stamps, line by line, as the time since the one before; the first row counts one unit."""

    def __init__(self, layout: Layout, name: str) -> None:
        self._layout = layout
        self._name = name
        self._unit = layout.time_unit
        self._last: float | None = None

    def delta(self, stamp: Any, line: int) -> float | None:
        if self._layout.time_column is None:
            return None
        now, unit = self._moment(stamp, line)
        elapsed = 1.0 if self._last is None else (now - self._last) / unit
        if not elapsed > 0:
            raise BadInput(f"{self._name}, line {line}: time {stamp!r} is not after the one before; sort by time first")
        self._last = now
        return elapsed

    def _moment(self, stamp: Any, line: int) -> tuple[float, float]:
        """A time, and the unit that it is counted in."""
        text = str(stamp).strip()
        if _is_number(text) and text.lower() not in _MISSING and math.isfinite(float(text)):
            return float(text), 1.0
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise BadInput(
                f"{self._name}, line {line}: time {stamp!r} is neither a number nor an ISO date such as 2024-03-31"
            ) from None
        if moment.tzinfo is None:
            # without a zone there is no daylight saving either
            moment = moment.replace(tzinfo=UTC)
        self._unit = self._unit or ("days" if len(text) <= 10 else "seconds")
        return moment.timestamp(), UNITS[self._unit]
