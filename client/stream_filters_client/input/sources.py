"""Observations from files and pipes; what cannot be read is named by file, line and column."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stream_filters_client.errors import BadInput
from stream_filters_client.input import delimited, json_rows, opening
from stream_filters_client.input.layout import Layout, OnBadRow, Record, Row, shown
from stream_filters_client.input.numbers import Numbers, Unreadable
from stream_filters_client.input.times import Clock, Steps

_JSON_LINES = {".jsonl", ".ndjson"}
# of a pipe: enough to know one step of time
_SAMPLED_ROWS = 2
# rows that cannot be read are told one by one up to here, then counted
_TOLD_ROWS = 5


@dataclass(slots=True)
class Source:
    """Rows, and what was found out about them. steps: None without times. notes: what its reader should know."""

    rows: Iterable[Row]
    steps: Steps | None = None
    notes: list[str] = field(default_factory=list)


def open_file(path: Path, layout: Layout) -> Source:
    """The rows of a file, JSON, Parquet or CSV as it begins, packed or not. Raises BadInput."""
    note = ""
    if opening.head(path).startswith(opening.PARQUET) or path.suffix == ".parquet":
        from stream_filters_client.input.parquet import read_records  # noqa: PLC0415 - an extra, and slow to import

        records: Iterator[Record] = read_records(path, layout)
    else:
        text, note = opening.read_text(path, layout.encoding)
        suffixes = {suffix.lower() for suffix in path.suffixes}
        if suffixes & _JSON_LINES:
            records = json_rows.read_lines(_lines(text), layout, str(path))
        elif ".json" in suffixes or text.lstrip()[:1] in {"{", "["}:
            records = json_rows.read_document(text, layout, str(path))
        else:
            records = delimited.read(_lines(text), layout, str(path))
    known = list(records)
    notes = [note] if note else []
    reader = _Reader(layout, known, layout.on_bad_row or "stop", notes, whole=True)
    rows = [row for record in known if (row := reader.row(record)) is not None]
    return Source(rows, reader.steps, notes)


def _lines(text: str) -> list[str]:
    """Lines as editors count them: other characters that Python takes for line ends stay where they are."""
    return [f"{line}\n" for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]


def read_live(lines: Iterable[str], layout: Layout, name: str, source: Source | None = None) -> Source:
    """Rows from lines as they come, JSON, CSV or bare numbers: the first ones tell. Raises BadInput.

    source: where to put what is found out, which goes on while rows are taken.
    """
    source = source or Source(())
    records = _live_records(lines, layout, name)
    known = list(itertools.islice(records, _SAMPLED_ROWS)) if layout.time_column else []
    reader = _Reader(layout, known, layout.on_bad_row or "skip", source.notes, whole=False)
    source.steps = reader.steps
    source.rows = (row for record in itertools.chain(known, records) if (row := reader.row(record)) is not None)
    return source


def _live_records(lines: Iterable[str], layout: Layout, name: str) -> Iterator[Record]:
    rest = iter(lines)
    first = next((line for line in rest if line.strip()), None)
    if first is None:
        return
    start = first.lstrip()[:1]
    lines = itertools.chain([first], rest)
    if start == "[" and not first.lstrip().startswith("[["):
        # one array over several lines, or all of it on one line
        second = next(rest, None)
        lines = [first] if second is None else itertools.chain([first, second], rest)
        if second is None or not first.rstrip().endswith("]"):
            yield from json_rows.read_document("".join(lines), layout, name)
            return
    if start in {"{", "["}:
        yield from json_rows.read_lines(lines, layout, name)
    else:
        yield from delimited.read(lines, layout, name, live=True)


class _Reader:
    """Rows from records: cells become numbers and times, and rows that cannot be read what they are to come to.

    known: the records from which the style is found out; whole: there are no others. notes: where bad rows are told.
    """

    def __init__(
        self, layout: Layout, known: Sequence[Record], on_bad_row: OnBadRow, notes: list[str], *, whole: bool
    ) -> None:
        self._notes = notes
        self._on_bad_row = on_bad_row
        self._bad = 0
        self._timed, self._scaled = layout.time_column is not None, layout.scale_column is not None
        self._numbers: list[Numbers] = []
        self._layout = layout
        self._clock: Clock | None = None
        good = [record.cells for record in known if not record.fault]
        for cells in zip(*good, strict=True):
            self._styled().learn(cells)
        if layout.time_column is not None:
            stamps = [cells[len(cells) - self._timed - self._scaled] for cells in good]
            self._clock = Clock(layout.time_column, stamps, layout.time_format, layout.time_unit, whole=whole)

    @property
    def steps(self) -> Steps | None:
        """What is known of the times."""
        return None if self._clock is None else self._clock.steps

    def row(self, record: Record) -> Row | None:
        """The row that a record is, None where it is left out. Raises BadInput where it cannot be read."""
        if record.fault:
            return self._unusable(f"{record.place}: {record.fault}", timed=self._timed)
        count = len(record.cells) - self._timed - self._scaled
        values = []
        for index, cell in enumerate(record.cells[:count]):
            try:
                values.append(self._style(index).read(cell))
            except Unreadable as wrong:
                sentence = f"{record.place}, column {record.labels[index]!r}: {wrong}"
                if self._unusable(sentence, timed=False) is None:
                    return None
                values.append(math.nan)
        delta = stamp = scale = None
        try:
            column = self._layout.scale_column
            if self._scaled:
                scale = self._scale(record.cells[-1], known=not all(map(math.isnan, values)))
            column = self._layout.time_column
            if self._clock is not None:
                delta, stamp = self._clock.advance(record.cells[count])
        except Unreadable as wrong:
            return self._unusable(f"{record.place}, column {column!r}: {wrong}", timed=True)
        return Row(tuple(values), delta, stamp, scale)

    def _scale(self, cell: object, *, known: bool) -> float:
        scale = self._style(-1).read(cell)
        if scale > 0:
            return scale
        if math.isnan(scale) and not known:
            return 1.0
        raise Unreadable(f"{shown(cell)} is not above 0, as the std of a reading beside the usual one has to be")

    def _style(self, index: int) -> Numbers:
        while not self._numbers or len(self._numbers) <= index:
            self._styled()
        return self._numbers[index]

    def _styled(self) -> Numbers:
        self._numbers.append(Numbers(self._layout.decimal, self._layout.missing))
        return self._numbers[-1]

    def _unusable(self, sentence: str, *, timed: bool) -> Row | None:
        """A row without values, or None where it is left out: without its time it has no place. Raises BadInput."""
        if self._on_bad_row == "stop":
            raise BadInput(sentence)
        self._bad += 1
        left_out = self._on_bad_row == "skip" or timed
        if self._bad <= _TOLD_ROWS:
            self._notes.append(f"{sentence} ({'left out' if left_out else 'taken as missing'})")
        elif self._bad == _TOLD_ROWS + 1:
            self._notes.append("")
        if self._bad > _TOLD_ROWS:
            self._notes[-1] = f"{self._bad - _TOLD_ROWS:,} more rows could not be read"
        width = len(self._numbers) - self._timed - self._scaled
        return None if left_out else Row((math.nan,) * max(width, 1))
