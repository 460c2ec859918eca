"""Parquet files that pyarrow writes, as rows."""

import datetime as dt
import decimal
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stream_filters_client.errors import BadInput
from stream_filters_client.input.layout import Layout
from stream_filters_client.input.sources import open_file


def written(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([1.5, None, math.nan]), [1.5, math.nan, math.nan]),
        (pa.array([1, 2, None], pa.int32()), [1.0, 2.0, math.nan]),
        (pa.array([decimal.Decimal("1.25"), None, decimal.Decimal("-2.50")]), [1.25, math.nan, -2.5]),
        (pa.array(["1", "", "3"]), [1.0, math.nan, 3.0]),
    ],
)
def test_a_column_is_read_whatever_its_type(tmp_path: Path, values: Any, expected: list[float]) -> None:
    path = written(tmp_path / "x.parquet", x=values, other=pa.array(["a", "b", "c"]))
    assert [row.values[0] for row in open_file(path, Layout(("x",))).rows] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("stamps", "unit", "deltas"),
    [
        (pa.array([1, 2, 5]), None, [1.0, 1.0, 3.0]),
        (pa.array([1, 1001, 3001], pa.timestamp("ns")), None, [1e-6, 1e-6, 2e-6]),
        (pa.array([1, 2, 4], pa.timestamp("s", tz="UTC")), None, [1.0, 1.0, 2.0]),
        (pa.array([1_000, 2_000, 4_000], pa.duration("ms")), None, [1.0, 1.0, 2.0]),
        (pa.array([0, 60_000_000, 180_000_000], pa.time64("us")), "minutes", [1.0, 1.0, 2.0]),
        (pa.array([86_399, 0, 2], pa.time32("s")), None, [1.0, 1.0, 2.0]),
        (pa.array([0, 86_400_000, 259_200_000], pa.date64()), None, [1.0, 1.0, 2.0]),
        (pa.array(["2024-01", "2024-02", "2024-04"]).dictionary_encode(), None, [1.0, 1.0, 2.0]),
        (pa.array([20240131, 20240201, 20240203]), None, [1.0, 1.0, 2.0]),
        (pa.array([dt.date(2024, 2, 28), dt.date(2024, 3, 1), dt.date(2024, 3, 2)]), None, [1.0, 2.0, 1.0]),
        (pa.array([dt.datetime(2024, 1, 1, 0, minute) for minute in (0, 1, 3)]), None, [60.0, 60.0, 120.0]),
        (pa.array([dt.datetime(2024, 1, 1, 0, minute, tzinfo=dt.UTC) for minute in (0, 1, 3)]), "minutes", [1, 1, 2]),
    ],
)
def test_times_of_any_type_become_the_time_since_the_row_before(
    tmp_path: Path, stamps: Any, unit: str | None, deltas: list[float]
) -> None:
    path = written(tmp_path / "x.parquet", when=stamps, x=pa.array([1.0, 2.0, 3.0]))
    for columns in ((), ("x",)):
        rows = list(open_file(path, Layout(columns, "when", unit)).rows)
        assert [row.time_delta for row in rows] == pytest.approx(deltas)
        assert [row.values for row in rows] == [(1.0,), (2.0,), (3.0,)]


@pytest.mark.parametrize(
    ("columns", "layout", "sentence"),
    [
        ({"x": ["1", "two"]}, Layout(), r"x\.parquet, row 2, column 'x': 'two' is not a number"),
        ({"x": [1.0, math.inf]}, Layout(), "row 2, column 'x': inf is infinite"),
        ({"x": [1.0], "y": [2.0]}, Layout(), "columns x, y; choose with --column"),
        ({"x": [1.0], "y": [2.0]}, Layout(("z",)), "no column 'z'; it has x, y"),
        (
            {"x": [1.0], "t": pa.array([253_402_300_800_000], pa.timestamp("ms"))},
            Layout(("x",), "t"),
            "years 1 to 9998",
        ),
        ({"x": [dt.date(2024, 1, 1)]}, Layout(), "row 1, column 'x': 'a date32"),
        ({"x": [[1.0]]}, Layout(), r"row 1, column 'x': \[1.0\] is not a number"),
        ({"x": [1.0, 2.0], "t": [5, 5]}, Layout(("x",), "t"), "row 2, column 't': time '5' is that of the row before"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_row_and_column(
    tmp_path: Path, columns: dict[str, Any], layout: Layout, sentence: str
) -> None:
    path = written(tmp_path / "x.parquet", **columns)
    with pytest.raises(BadInput, match=sentence):
        open_file(path, layout)


def test_what_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_text("x\n1\n", encoding="utf-8")
    with pytest.raises(BadInput, match="is not a Parquet file"):
        open_file(path, Layout())
    with pytest.raises(BadInput, match="cannot be read"):
        open_file(tmp_path / "none.parquet", Layout())
