"""Parquet, for those who have the extra `parquet`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stream_filters_client.errors import BadInput
from stream_filters_client.input import columns
from stream_filters_client.input.layout import Layout, Record
from stream_filters_client.input.moments import DAY, SECOND, Moment

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as missing:
    raise BadInput(
        "Parquet needs the package pyarrow; install it with: pip install 'stream-filters-client[parquet]'"
    ) from missing

_NANOSECONDS = {"s": SECOND, "ms": 1_000_000, "us": 1_000, "ns": 1}


def read_records(path: Path, layout: Layout) -> Iterator[Record]:
    """The rows of a file as plain values, and times as Moments, exactly. Raises BadInput."""
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            chosen = columns.of_names(names, layout, str(path))
            beside = [index for index in (chosen.time, chosen.scale) if index is not None]
            indices = [*chosen.values, *beside]
            number = 0
            for batch in file.iter_batches(columns=list(dict.fromkeys(names[index] for index in indices))):
                cells = [
                    _plain(batch.column(_place(batch.schema, names, index)), is_time=index == chosen.time)
                    for index in indices
                ]
                for row in zip(*cells, strict=True):
                    number += 1
                    yield Record(f"{path}, row {number}", row, labels=chosen.labels)
    except pa.ArrowInvalid as error:
        raise BadInput(f"{path} is not a Parquet file ({error}); name another file") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror or error}); name another file") from error


def _place(schema: Any, names: list[str], index: int) -> int:
    """Where a column of the file is among those that came: of one name all come."""
    before = names[:index].count(names[index])
    place: int = schema.get_all_field_indices(names[index])[before]
    return place


def _plain(values: Any, *, is_time: bool) -> list[Any]:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _plain(values.cast(kind.value_type), is_time=is_time)
    if pa.types.is_decimal(kind) and not is_time:
        return _plain(values.cast(pa.float64()), is_time=is_time)
    if not pa.types.is_temporal(kind):
        plain: list[Any] = values.to_pylist()
        return plain
    if not is_time:
        return [None if value is None else f"a {kind}" for value in values.cast(_integers(kind)).to_pylist()]
    numbers = values.cast(_integers(kind)).to_pylist()
    return [None if number is None else _moment(number, kind) for number in numbers]


def _integers(kind: Any) -> Any:
    return pa.int32() if kind.bit_width == 32 else pa.int64()


def _moment(number: int, kind: Any) -> Moment:
    """A time of a column of times, whatever its unit, without the limits of Python's own."""
    if pa.types.is_date(kind):
        return Moment(number * (DAY if pa.types.is_date32(kind) else 1_000_000), "date", "days")
    at = number * _NANOSECONDS[kind.unit]
    if pa.types.is_timestamp(kind):
        return Moment(at, "date", "seconds", zoned=kind.tz is not None)
    return Moment(at, "clock" if pa.types.is_time(kind) else "length", "seconds")
