"""Every answer of a replay in a file, stream after stream: the same answers give the same bytes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from stream_filters_client.errors import BadInput
from stream_filters_client.input.row_files import Kind, Spool
from stream_filters_client.input.stdin import Chunk
from stream_filters_client.protocol.codec import Array
from stream_filters_client.replays.recording import row_outputs
from stream_filters_client.replays.replay import Replay
from stream_filters_client.result import Result

OBSERVATION = "observation"


class Writer(Protocol):
    """A format of the file. in_order: it is written from beginning to end, without knowing what will come."""

    in_order: bool

    def begin(self, kinds: Sequence[Mapping[str, Kind]]) -> None:
        """What columns the streams have, before the first rows of a format that is not in_order. Raises OSError."""

    def write(self, stream: str, first: int, columns: Mapping[str, Array]) -> None:
        """Rows of a stream from its offset `first` on, [T, ...] each; NaN is undefined. Raises OSError."""

    def close(self) -> None:
        """Finish the file. Raises OSError."""


class JsonLines:
    """A line for each row, at once on disk: a file that can be followed."""

    in_order = True

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")

    def begin(self, kinds: Sequence[Mapping[str, Kind]]) -> None:
        """Nothing to prepare."""

    def write(self, stream: str, first: int, columns: Mapping[str, Array]) -> None:
        """As `Writer.write`; what is undefined becomes null."""
        plain = [_plain(values) for values in columns.values()]
        for row, cells in enumerate(zip(*plain, strict=True)):
            line = {"stream": stream, "offset": first + row, **dict(zip(columns, cells, strict=True))}
            self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _plain(values: Array) -> list[Any]:
    cells = values.astype(object)
    cells[~np.isfinite(values)] = None
    plain: list[Any] = cells.tolist()
    return plain


class AnswerFile:
    """Answers in the order of their streams; those whose turn has not come wait on disk."""

    def __init__(self, writer: Writer, streams: Sequence[str]) -> None:
        self._writer = writer
        self._streams = streams
        self._spool = Spool(len(streams))
        self._written = [0] * len(streams)

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
            replay.keep = partial(answers.add, path, index)
        try:
            yield
        finally:
            with _told(path):
                answers.close()

    def add(self, path: Path, index: int, chunk: Chunk, result: Result) -> None:
        """Keep the next answer of a stream. Raises BadInput, BrokenPipeError."""
        columns = {OBSERVATION: chunk.observations, **row_outputs(result)}
        with _told(path):
            if index == 0 and self._writer.in_order:
                self._write(index, columns)
            else:
                self._spool.put(index, columns)

    def close(self) -> None:
        """Write what has waited, and end the file. Raises OSError."""
        try:
            self._writer.begin([self._spool.kinds(index) for index in range(len(self._streams))])
            for index in range(len(self._streams)):
                for columns in self._spool.take(index):
                    self._write(index, columns)
        finally:
            self._spool.close()
            self._writer.close()

    def _write(self, index: int, columns: Mapping[str, Array]) -> None:
        self._writer.write(self._streams[index], self._written[index], columns)
        self._written[index] += len(columns[OBSERVATION])


def _writer(path: Path) -> Writer:
    if path.suffix != ".parquet":
        return JsonLines(path)
    from stream_filters_client.input.parquet import ParquetWriter  # noqa: PLC0415 - an extra, and slow to import

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
