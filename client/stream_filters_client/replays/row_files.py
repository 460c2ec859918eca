"""Rows of many streams on disk: put as they come, taken stream by stream."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from stream_filters_client.errors import ServerFault
from stream_filters_client.estimates import Described
from stream_filters_client.protocol.codec import Array

# an array that is taken is about so long
_TAKEN_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Kind:
    """Type and shape [...] of a column's rows."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]

    @property
    def described(self) -> Described:
        """As an output is described."""
        return Described(self.shape, self.dtype.kind in "iu")


@dataclass(slots=True)
class _Stream:
    # by the names of the columns: rows and forecasts have others
    kinds: dict[tuple[str, ...], dict[str, Kind]] = field(default_factory=dict)
    # names of columns, position in the file, and rows
    pieces: list[tuple[tuple[str, ...], int, int]] = field(default_factory=list)


class Spool:
    """Columns of rows, [T, ...] each, of so many streams, in a file without a name that goes with the process."""

    def __init__(self, streams: int) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._size_bytes = 0
        self._streams = [_Stream() for _ in range(streams)]

    def put(self, index: int, columns: Mapping[str, Array]) -> None:
        """Keep the next rows of a stream. Raises ServerFault if a column is of another kind than before, OSError."""
        stream, names = self._streams[index], tuple(columns)
        kinds = {name: Kind(values.dtype, values.shape[1:]) for name, values in columns.items()}
        if stream.kinds.setdefault(names, kinds) != kinds:
            raise ServerFault(
                "the outputs changed their number or shape in the middle of a stream; see the server's log"
            )
        stream.pieces.append((names, self._size_bytes, len(next(iter(columns.values())))))
        self._file.seek(self._size_bytes)
        for values in columns.values():
            self._size_bytes += self._file.write(values.tobytes())

    def kinds(self, index: int) -> Mapping[str, Kind]:
        """The columns of a stream; none before its first rows."""
        return {name: kind for kinds in self._streams[index].kinds.values() for name, kind in kinds.items()}

    def take(self, index: int) -> Iterator[dict[str, Array]]:
        """The rows of a stream, oldest first, many at once."""
        stream = self._streams[index]
        parts: list[dict[str, Array]] = []
        rows = 0
        for names, position, size in stream.pieces:
            if parts and (rows >= _TAKEN_ROWS or tuple(parts[-1]) != names):
                yield _joined(parts)
                parts, rows = [], 0
            parts.append(self._read(stream.kinds[names], position, size))
            rows += size
        if parts:
            yield _joined(parts)

    def close(self) -> None:
        """Free the disk."""
        self._file.close()

    def _read(self, kinds: Mapping[str, Kind], position: int, rows: int) -> dict[str, Array]:
        self._file.seek(position)
        columns = {}
        for name, kind in kinds.items():
            count = rows * int(np.prod(kind.shape))
            data = self._file.read(count * kind.dtype.itemsize)
            columns[name] = np.frombuffer(data, kind.dtype).reshape(rows, *kind.shape)
        return columns


def _joined(parts: list[dict[str, Array]]) -> dict[str, Array]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
