"""Parquet, for those who have the extra `parquet`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stream_filters_client.errors import BadInput
from stream_filters_client.input.row_files import Kind
from stream_filters_client.protocol.codec import Array

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as missing:
    raise BadInput(
        "Parquet needs the package pyarrow; install it with: pip install 'stream-filters-client[parquet]'"
    ) from missing

# rows are written in groups of this size, however they came
_GROUP_ROWS = 65_536


def read_records(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a file as plain values by column; only `columns`, all if none. Dates and times become ISO text.

    Raises BadInput, OSError.
    """
    try:
        with pq.ParquetFile(path) as file:
            known = file.schema_arrow.names
            for column in columns:
                if column not in known:
                    raise BadInput(f"{path} has no column {column!r}; it has {', '.join(known) or 'nothing'}")
            for batch in file.iter_batches(columns=list(columns) or None):
                yield from pa.table({name: _plain(batch.column(name)) for name in batch.schema.names}).to_pylist()
    except pa.ArrowInvalid as error:
        raise BadInput(f"{path} is not a Parquet file ({error}); name another file") from error


def _plain(values: Any) -> Any:
    if pa.types.is_decimal(values.type):
        return values.cast(pa.float64())
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        return pa.array([None if value is None else value.isoformat() for value in values.to_pylist()])
    return values


class ParquetWriter:
    """A table of all streams: a column for each output, null where undefined or where a stream has no such output."""

    in_order = False

    def __init__(self, path: Path) -> None:
        # opened here, so that a path that cannot be written is refused before anything is sent
        self._file = path.open("wb")
        self._writer: Any = None
        self._kinds: dict[str, Kind] = {}
        self._waiting: list[Any] = []
        self._waiting_rows = 0

    def begin(self, kinds: Sequence[Mapping[str, Kind]]) -> None:
        """As `Writer.begin`: a column has as many axes as in the stream where it has the most."""
        for columns in kinds:
            for name, kind in columns.items():
                known = self._kinds.get(name, kind)
                floats = known.dtype if known.dtype.kind == "f" else kind.dtype
                self._kinds[name] = replace(max(known, kind, key=lambda one: len(one.shape)), dtype=floats)
        fields = [("stream", pa.string()), ("offset", pa.int64())]
        fields += [(name, _type(kind)) for name, kind in self._kinds.items()]
        self._schema = pa.schema(fields)
        self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")

    def write(self, stream: str, first: int, columns: Mapping[str, Array]) -> None:
        """As `Writer.write`."""
        rows = len(next(iter(columns.values())))
        arrays = [pa.array([stream] * rows), pa.array(np.arange(first, first + rows))]
        for name, kind in self._kinds.items():
            values = columns.get(name)
            arrays.append(pa.nulls(rows, _type(kind)) if values is None else _nested(values, len(kind.shape), kind))
        self._waiting.append(pa.table(arrays, schema=self._schema))
        self._waiting_rows += rows
        while self._waiting_rows >= _GROUP_ROWS:
            self._flush(_GROUP_ROWS)

    def close(self) -> None:
        """Write the last rows, and the end of the file."""
        try:
            if self._writer is not None:
                self._flush(self._waiting_rows)
                self._writer.close()
        finally:
            self._file.close()

    def _flush(self, rows: int) -> None:
        if not rows:
            return
        table = pa.concat_tables(self._waiting).combine_chunks()
        self._writer.write_table(table.slice(0, rows), row_group_size=_GROUP_ROWS)
        self._waiting, self._waiting_rows = [table.slice(rows)], self._waiting_rows - rows


def _type(kind: Kind) -> Any:
    inner = pa.int64() if kind.dtype.kind in "iub" else pa.float64()
    for _ in kind.shape:
        inner = pa.list_(inner)
    return inner


def _nested(values: Array, axes: int, kind: Kind) -> Any:
    """[T, ...] as lists in lists, `axes` deep; a value alone becomes a list of one."""
    values = values.reshape(*values.shape, *[1] * (axes - values.ndim + 1))
    flat = values.ravel()
    scalar = _type(Kind(kind.dtype, ()))
    array = pa.array(flat, type=scalar, mask=~np.isfinite(flat))
    for size in reversed(values.shape[1:]):
        array = pa.ListArray.from_arrays(np.arange(0, len(array) + 1, size, dtype=np.int32), array)
    return array
