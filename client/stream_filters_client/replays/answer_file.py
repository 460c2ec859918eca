"""Every answer of a replay in a file, stream after stream: the same answers give the same bytes."""

import csv
import importlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from stream_filters_client.column_names import column_names
from stream_filters_client.errors import BadInput
from stream_filters_client.input.sources import Source
from stream_filters_client.input.stdin import Chunk
from stream_filters_client.protocol.codec import Array
from stream_filters_client.replays.recording import forecast_outputs, row_outputs
from stream_filters_client.replays.replay import Replay
from stream_filters_client.replays.row_files import Kind, Spool
from stream_filters_client.replays.stamps import stamp_text
from stream_filters_client.result import Result

STDOUT = Path("-")
TIME = "time"
OBSERVATION = "observation"
# of a forecast: how many steps it is ahead of the row before it
AHEAD = "ahead"
_JSON_LINES = {"", ".jsonl", ".ndjson", ".json"}
_PARQUET = ".parquet"


class Writer(Protocol):
    """A format of the file. in_order: it is written from beginning to end, without knowing what will come."""

    in_order: bool

    def begin(self, kinds: Mapping[str, Kind]) -> None:
        """What columns there are, before the first rows of a format that is not in_order. Raises OSError."""

    def write(self, stream: str, columns: Mapping[str, Array]) -> None:
        """Rows of a stream, [T, ...] each; NaN is undefined. Raises OSError."""

    def close(self) -> None:
        """Finish the file. Raises OSError."""


class JsonLines:
    """A line for each row, at once on disk: a file that can be followed."""

    in_order = True

    def __init__(self, path: Path) -> None:
        self._file = sys.stdout if path == STDOUT else path.open("w", encoding="utf-8")

    def begin(self, kinds: Mapping[str, Kind]) -> None:
        """Nothing to prepare."""

    def write(self, stream: str, columns: Mapping[str, Array]) -> None:
        """As `Writer.write`; what is undefined becomes null."""
        plain = [_plain(values) for values in columns.values()]
        for cells in zip(*plain, strict=True):
            line = {"stream": stream, **dict(zip(columns, cells, strict=True))}
            self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not sys.stdout:
            self._file.close()


class Csv:
    """A table with a header: a column for each number of an output, empty where it is undefined or not there."""

    in_order = False

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._names: dict[str, tuple[str, ...]] = {}

    def begin(self, kinds: Mapping[str, Kind]) -> None:
        """As `Writer.begin`."""
        self._names = column_names({name: kind.described for name, kind in kinds.items()})
        self._writer.writerow(["stream", *(label for names in self._names.values() for label in names)])

    def write(self, stream: str, columns: Mapping[str, Array]) -> None:
        """As `Writer.write`."""
        rows = len(next(iter(columns.values())))
        cells: list[list[Any]] = [[stream] * rows]
        for name, labels in self._names.items():
            values = columns.get(name)
            flat = [] if values is None else [_plain(part) for part in values.reshape(rows, -1).T]
            cells += [*flat, *([[None] * rows] * (len(labels) - len(flat)))]
        self._writer.writerows(zip(*cells, strict=True))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _plain(values: Array) -> list[Any]:
    if values.dtype.kind == "M":
        return [stamp_text(value) for value in values]
    cells = values.astype(object)
    cells[~np.isfinite(values)] = None
    plain: list[Any] = cells.tolist()
    return plain


def merged(each: Sequence[Mapping[str, Kind]]) -> dict[str, Kind]:
    """The columns of all streams: each of the size that it has in the stream where it is largest."""
    found: dict[str, Kind] = {}
    for name, kind in ((name, kind) for kinds in each for name, kind in kinds.items()):
        known = found.setdefault(name, kind)
        kinds = {known.dtype.kind, kind.dtype.kind}
        # times of one stream may be dates, and of another numbers
        mixed = "M" in kinds and len(kinds) > 1
        dtype = np.dtype("U") if mixed else np.promote_types(known.dtype, kind.dtype)
        found[name] = Kind(dtype, max(known.shape, kind.shape, key=lambda shape: int(np.prod(shape))))
    return found


class AnswerFile:
    """Answers in the order of their streams; those whose turn has not come wait on disk."""

    def __init__(self, writer: Writer, streams: Sequence[str]) -> None:
        self._writer = writer
        self._streams = streams
        self._spool = Spool(len(streams))

    @classmethod
    @contextmanager
    def opened(cls, path: Path | None, replays: Sequence[Replay]) -> Iterator[None]:
        """Let the replays write to a file, complete when the context ends; to none if None. Raises BadInput."""
        if path is None:
            yield
            return
        with _told(path):
            answers = cls(_writer(path), [replay.feed.name for replay in replays])
        for index, replay in enumerate(replays):
            replay.keepers.append(partial(answers.add, path, index, replay.feed.source))
        try:
            yield
        finally:
            with _told(path):
                answers.close()

    def add(self, path: Path, index: int, source: Source, chunk: Chunk, result: Result) -> None:
        """Keep the next answer of a stream, and the forecasts from there. Raises BadInput, BrokenPipeError."""
        rows = len(chunk.observations)
        offsets = (result.offset or 0) + np.arange(rows)
        times = {} if chunk.stamps is None else {TIME: chunk.stamps}
        with _told(path):
            self._keep(index, {"offset": offsets, **times, OBSERVATION: chunk.observations, **row_outputs(result)})
            ahead = forecast_outputs(result)
            if ahead:
                count = len(next(iter(ahead.values())))
                if chunk.stamps is not None and source.steps is not None:
                    times = {TIME: source.steps.after(chunk.stamps[-1], count).astype(chunk.stamps.dtype)}
                steps = np.arange(1, 1 + count)
                self._keep(index, {"offset": offsets[-1] + steps, **times, AHEAD: steps, **ahead})

    def _keep(self, index: int, columns: dict[str, Array]) -> None:
        if index == 0 and self._writer.in_order:
            self._write(index, columns)
        else:
            self._spool.put(index, columns)

    def close(self) -> None:
        """Write what has waited, and end the file. Raises OSError."""
        try:
            self._writer.begin(merged([self._spool.kinds(index) for index in range(len(self._streams))]))
            for index in range(len(self._streams)):
                for columns in self._spool.take(index):
                    self._write(index, columns)
        finally:
            self._spool.close()
            self._writer.close()

    def _write(self, index: int, columns: dict[str, Array]) -> None:
        self._writer.write(self._streams[index], columns)


def check(path: Path | None) -> None:
    """Raise BadInput for a file that could not be written: of no known format, or for want of an extra."""
    if path is None or path == STDOUT or path.suffix in _JSON_LINES | {".csv"}:
        return
    if path.suffix != _PARQUET:
        raise BadInput(f"--output {path}: no format has this ending; end it in .jsonl, .csv or .parquet, or give -")
    # raises BadInput where the extra is missing
    importlib.import_module("stream_filters_client.replays.parquet_file")


def _writer(path: Path) -> Writer:
    if path.suffix == ".csv":
        return Csv(path)
    if path.suffix != _PARQUET:
        return JsonLines(path)
    from stream_filters_client.replays.parquet_file import ParquetWriter  # noqa: PLC0415 - an extra, slow to import

    return ParquetWriter(path)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # nobody reads any more
        raise
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror}); name another file") from error
