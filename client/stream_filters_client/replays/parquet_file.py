"""Answers as a Parquet table, for those who have the extra `parquet`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stream_filters_client.column_names import column_names
from stream_filters_client.errors import BadInput
from stream_filters_client.protocol.codec import Array
from stream_filters_client.replays.row_files import Kind
from stream_filters_client.replays.stamps import stamp_text

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as missing:
    raise BadInput(
        "Parquet needs the package pyarrow; install it with: pip install 'stream-filters-client[parquet]'"
    ) from missing

# rows are written in groups of this size, however they came
_GROUP_ROWS = 65_536


class ParquetWriter:
    """A table of all streams: a column for each number of an output, null where it is undefined or not there."""

    in_order = False

    def __init__(self, path: Path) -> None:
        # opened here, so that a path that cannot be written is refused before anything is sent
        self._file = path.open("wb")
        self._writer: Any = None
        self._kinds: dict[str, Kind] = {}
        self._waiting: list[Any] = []
        self._waiting_rows = 0

    def begin(self, kinds: Mapping[str, Kind]) -> None:
        """As `Writer.begin`."""
        self._kinds = dict(kinds)
        fields = [("stream", pa.string())]
        names = column_names({name: kind.described for name, kind in kinds.items()})
        fields += [(label, _type(kinds[name])) for name, labels in names.items() for label in labels]
        self._schema = pa.schema(fields)
        self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")

    def write(self, stream: str, columns: Mapping[str, Array]) -> None:
        """As `Writer.write`."""
        rows = len(next(iter(columns.values())))
        arrays = [pa.array([stream] * rows)]
        for name, kind in self._kinds.items():
            values = columns.get(name)
            flat = [] if values is None else [_array(part, kind) for part in values.reshape(rows, -1).T]
            size = int(np.prod(kind.shape))
            arrays += [*flat, *([pa.nulls(rows, _type(kind))] * (size - len(flat)))]
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
    match kind.dtype.kind:
        case "M":
            return pa.from_numpy_dtype(kind.dtype)
        case "U":
            return pa.string()
        case "i" | "u" | "b":
            return pa.int64()
    return pa.float64()


def _array(values: Array, kind: Kind) -> Any:
    if kind.dtype.kind == "U":
        return pa.array([stamp_text(value) for value in values])
    if kind.dtype.kind == "M":
        return pa.array(values.astype(kind.dtype))
    return pa.array(values, type=_type(kind), mask=~np.isfinite(values))
