"""Rows of CSV and its relatives: cells set apart by commas, semicolons, tabs, bars or spaces."""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from stream_filters_client.errors import BadInput
from stream_filters_client.input import columns
from stream_filters_client.input.columns import Chosen
from stream_filters_client.input.layout import Layout, Record, shown
from stream_filters_client.input.numbers import Numbers, Unreadable

_SPACES = "spaces"
# the first of those that fit the same is taken
_DELIMITERS = ("\t", ";", "|", ",", _SPACES)
_NAMES = {"tab": "\t", "\\t": "\t", "space": _SPACES, " ": _SPACES, "comma": ",", "semicolon": ";"}
_COMMENT = "#"
_SNIFFED_LINES = 20
_YEARS = range(1500, 2200)
_HINT = "leave such lines out with --comment, --skip-rows or --on-bad-row skip"


class _Lines:
    """The lines that hold rows. number: of the one given last, as an editor counts. comments: those before the rows."""

    def __init__(self, lines: Iterable[str], layout: Layout) -> None:
        self.number = 0
        self.comments: list[str] = []
        self.delimiter = ","
        self._coming = self._kept(lines, layout)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.number, line = next(self._coming)
        return re.sub(r"[ \t]+", " ", line.strip(" \t\r\n")) + "\n" if self.delimiter == _SPACES else line

    def peek(self, count: int) -> list[str]:
        """The next lines, which come again."""
        ahead = list(itertools.islice(self._coming, count))
        self._coming = itertools.chain(ahead, self._coming)
        return [line for _, line in ahead]

    def _kept(self, lines: Iterable[str], layout: Layout) -> Iterator[tuple[int, str]]:
        begun = False
        for number, line in enumerate(lines, start=1):
            start = line.lstrip()
            if number <= layout.skip_rows or (layout.comment and start.startswith(layout.comment)):
                continue
            if not begun and not start:
                continue
            if not begun and layout.comment is None and start.startswith(_COMMENT):
                self.comments.append(start)
                continue
            begun = True
            yield number, line


def read(lines: Iterable[str], layout: Layout, name: str, *, live: bool = False) -> Iterator[Record]:
    """The rows, with a header or of numbers alone; live: no line is waited for that is not needed.

    Raises BadInput where a choice is not clear; what is wrong with one row is told in its record.
    """
    source = _Lines(lines, layout)
    numbers = Numbers(layout.decimal, layout.missing)
    source.delimiter = _delimiter(source, layout, numbers, live=live)
    delimiter = " " if source.delimiter == _SPACES else source.delimiter
    reader = csv.reader(source, delimiter=delimiter, skipinitialspace=True)
    first = next(reader, None)
    if first is None:
        return
    names = _header(first, source, layout, numbers)
    width = len(names) if names else len(first)
    chosen = columns.of_names(names, layout, name) if names else columns.of_numbers(width, layout, name)
    rows = _rows(reader, source, width)
    if names != [cell.strip() for cell in first]:
        rows = itertools.chain([(source.number, first, "")], rows)
    leading = _Leading(chosen, numbers)
    for number, row, fault in rows:
        wrong = fault or leading.fault(row)
        yield Record(f"{name}, line {number}", () if wrong else chosen.cells(row), wrong, chosen.labels)


def _rows(reader: Iterator[list[str]], source: _Lines, width: int) -> Iterator[tuple[int, list[str], str]]:
    """Line, cells and fault of each row; an empty line is an empty cell where there is one column, between others."""
    empty: list[int] = []
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield source.number, [], f"not CSV ({error}); mend it"
            continue
        if not any(cell.strip() for cell in cells) and len(cells) <= 1:
            empty += [source.number] * (width == 1)
            continue
        yield from ((number, [""], "") for number in empty)
        empty = []
        # some programs end every line with a delimiter
        while len(cells) > width and not cells[-1].strip():
            cells.pop()
        wrong = "" if len(cells) == width else f"{len(cells)} cells came, {width} expected; mend it, or {_HINT}"
        yield source.number, cells, wrong


class _Leading:
    """Finds the lines behind the data, such as sums: a word where all rows before had a number or a date."""

    def __init__(self, chosen: Chosen, numbers: Numbers) -> None:
        self._watched = 0 not in chosen.values
        self._numbers = numbers
        self._rows = 0

    def fault(self, row: Sequence[str]) -> str:
        """Why a row is none of data; empty if it may be."""
        if not self._watched:
            return ""
        cell = row[0].strip()
        if cell[:1].isdigit() or cell[:1] in {"+", "-", ".", "\N{MINUS SIGN}"} or self._numbers.is_missing(cell):
            self._rows += 1
        elif self._rows < 3:
            self._watched = False
        else:
            return f"{shown(cell)} stands where the rows before have a number or a date; {_HINT}"
        return ""


def _delimiter(source: _Lines, layout: Layout, numbers: Numbers, *, live: bool) -> str:
    if layout.delimiter is not None:
        delimiter = _NAMES.get(layout.delimiter, layout.delimiter)
        if delimiter != _SPACES and (len(delimiter) != 1 or delimiter in '"\r\n'):
            raise BadInput(f"--delimiter {layout.delimiter!r} is not one character; choose one, or tab or space")
        if delimiter == layout.decimal:
            raise BadInput(f"--delimiter and --decimal are both {delimiter!r}; the cells could not be told apart")
        return delimiter
    sample = source.peek(1)
    if not live or (sample and not any(_all_numbers(_split(sample[0], each), numbers) for each in _DELIMITERS)):
        sample = source.peek(2 if live else _SNIFFED_LINES)
    wanted = {column for column in _asked_for(layout) if not column.isdigit()}
    scores = {}
    for delimiter in _DELIMITERS:
        head, *rows = ([cell.strip() for cell in _split(line, delimiter)] for line in sample or [""])
        fitting = sum(len(row) == len(head) or not any(row[len(head) :]) for row in rows if len(row) >= len(head))
        if len(head) > 1 and 2 * fitting >= len(rows) and delimiter != layout.decimal:
            scores[delimiter] = (wanted <= set(head), fitting)
    if scores:
        return max(scores, key=scores.__getitem__)
    # commas that are not in the header are decimal ones
    return ";" if sample and "," not in sample[0] and any("," in line for line in sample) else ","


def _split(line: str, delimiter: str) -> list[str]:
    if delimiter == _SPACES:
        line, delimiter = re.sub(r"[ \t]+", " ", line.strip()), " "
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return []


def _asked_for(layout: Layout) -> list[str]:
    return [column for column in (*layout.columns, layout.time_column, layout.scale_column) if column is not None]


def _header(first: list[str], source: _Lines, layout: Layout, numbers: Numbers) -> list[str]:
    """The names of the columns; none where the first line is a row already."""
    cells = [cell.strip() for cell in first]
    wanted = _asked_for(layout)
    by_number = all(columns.is_number(column, len(cells)) for column in wanted)
    if not by_number and set(wanted) <= set(cells):
        return cells
    if _all_numbers(cells, numbers):
        if _are_years(cells):
            return cells
        # the names may stand in the last of the comments
        named = [cell.strip() for cell in _split((source.comments or [""])[-1].lstrip("# "), source.delimiter)]
        return named if wanted and not by_number and len(named) == len(cells) and set(wanted) <= set(named) else []
    if layout.columns and by_number and _all_numbers([cells[int(column) - 1] for column in layout.columns], numbers):
        return []
    return cells


def _all_numbers(cells: Sequence[str], numbers: Numbers) -> bool:
    try:
        values = [numbers.read(cell) for cell in cells]
    except Unreadable:
        return False
    return any(value == value for value in values) or not any(cell.strip() for cell in cells)  # noqa: PLR0124


def _are_years(cells: Sequence[str]) -> bool:
    """Whether several numbers are names: 2020, 2021, 2022."""
    if len(cells) < 2 or not all(re.fullmatch(r"\d{4}", cell) for cell in cells):
        return False
    years = [int(cell) for cell in cells]
    return years == list(range(years[0], years[0] + len(years))) and years[0] in _YEARS
