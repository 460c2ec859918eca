"""Parquet in and out, by way of pyarrow's own reader and writer."""

import datetime as dt
import decimal
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stream_filters_client.errors import BadInput, ServerFault
from stream_filters_client.input.parquet import ParquetWriter
from stream_filters_client.input.row_files import Spool
from stream_filters_client.input.sources import Layout, open_file

from tests.client.command import Run
from tests.client.fake_predictor import FakePredictor


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
    assert [row.values[0] for row in open_file(path, Layout(("x",)))] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("stamps", "unit", "deltas"),
    [
        (pa.array([1, 2, 5]), None, [1.0, 1.0, 3.0]),
        (pa.array([dt.date(2024, 2, 28), dt.date(2024, 3, 1), dt.date(2024, 3, 2)]), None, [1.0, 2.0, 1.0]),
        (pa.array([dt.datetime(2024, 1, 1, 0, minute) for minute in (0, 1, 3)]), None, [1.0, 60.0, 120.0]),
        (pa.array([dt.datetime(2024, 1, 1, 0, minute, tzinfo=dt.UTC) for minute in (0, 1, 3)]), "minutes", [1, 1, 2]),
    ],
)
def test_times_of_any_type_become_the_time_since_the_row_before(
    tmp_path: Path, stamps: Any, unit: str | None, deltas: list[float]
) -> None:
    path = written(tmp_path / "x.parquet", when=stamps, x=pa.array([1.0, 2.0, 3.0]))
    for columns in ((), ("x",)):
        rows = open_file(path, Layout(columns, "when", unit))
        assert [row.time_delta for row in rows] == pytest.approx(deltas)
        assert [row.values for row in rows] == [(1.0,), (2.0,), (3.0,)]


@pytest.mark.parametrize(
    ("columns", "layout", "sentence"),
    [
        ({"x": ["1", "two"]}, Layout(), r"x\.parquet, row 2, column 'x': 'two' is not a number"),
        ({"x": [1.0, math.inf]}, Layout(), "row 2, column 'x': inf is infinite"),
        ({"x": [1.0], "y": [2.0]}, Layout(), "columns x, y; choose with --column"),
        ({"x": [1.0], "y": [2.0]}, Layout(("z",)), "no column 'z'; it has x, y"),
        ({"x": [1.0, 2.0], "t": [5, 5]}, Layout(("x",), "t"), "row 2, column 't': time 5 is not after"),
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


@pytest.mark.usefixtures("scenarios")
def test_answers_as_parquet_are_those_of_json_lines(predictor: FakePredictor, run: Run, tmp_path: Path) -> None:
    series = tmp_path / "series.csv"
    series.write_text("x\n1\n\n3\n", encoding="utf-8")
    for name in ("a.jsonl", "a.parquet"):
        options = ("--streams", "3", "--length", "25", "--output", str(tmp_path / name))
        source = ("level", "--file", str(series), "--model", "adaptive_mixture")
        assert run("replay", *source, "-q", "--target", predictor.target, *options).code == 0
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = pq.read_table(tmp_path / "a.parquet").to_pylist()
    assert len(rows) == len(lines) == 78
    for row, line in zip(rows, lines, strict=True):
        assert {name: value for name, value in row.items() if value is not None or name in line} == line
    assert pq.read_schema(tmp_path / "a.parquet").field("regime").type == pa.int64()


@pytest.mark.usefixtures("scenarios")
def test_the_same_seed_gives_the_same_bytes_however_they_are_cut(
    predictor: FakePredictor, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream_filters_client.input.parquet._GROUP_ROWS", 64)
    monkeypatch.setattr("stream_filters_client.input.row_files._TAKEN_ROWS", 50)
    files = [tmp_path / f"{index}.parquet" for index in range(3)]
    for file, batch, seed in zip(files, ("10", "7", "10"), ("1", "1", "2"), strict=True):
        options = ("--streams", "4", "--length", "60", "--batch", batch, "--seed", seed, "--output", str(file))
        assert run("replay", "level", "-q", "--target", predictor.target, *options).code == 0
    first, second, third = (file.read_bytes() for file in files)
    assert first == second != third
    with pq.ParquetFile(files[0]) as file:
        assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [64, 64, 64, 48]


@pytest.mark.usefixtures("scenarios")
def test_every_answer_is_written_even_those_that_are_no_longer_kept(
    predictor: FakePredictor, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream_filters_client.replays.recording.KEPT_ROWS", 20)
    file = tmp_path / "a.jsonl"
    options = ("--length", "100", "--output", str(file), "--json")
    outcome = run("replay", "level", "--target", predictor.target, *options)
    assert outcome.json["streams"]["level"]["observations"] == 100
    offsets = [json.loads(line)["offset"] for line in file.read_text(encoding="utf-8").splitlines()]
    assert offsets == list(range(100))


def test_streams_of_different_axes_share_a_table(tmp_path: Path) -> None:
    spool = Spool(2)
    one = {"observation": np.array([1.0, np.nan]), "mean": np.array([0.5, np.inf])}
    two = {"observation": np.array([[1.0, 2.0]]), "mean": np.array([[3.0, 4.0]]), "regime": np.array([7])}
    spool.put(1, two)
    spool.put(0, one)
    writer = ParquetWriter(tmp_path / "x.parquet")
    writer.begin([spool.kinds(0), spool.kinds(1)])
    for index, name in enumerate(["one", "two"]):
        for columns in spool.take(index):
            writer.write(name, 0, columns)
    writer.close()
    spool.close()
    assert pq.read_table(tmp_path / "x.parquet").to_pylist() == [
        {"stream": "one", "offset": 0, "observation": [1.0], "mean": [0.5], "regime": None},
        {"stream": "one", "offset": 1, "observation": [None], "mean": [None], "regime": None},
        {"stream": "two", "offset": 0, "observation": [1.0, 2.0], "mean": [3.0, 4.0], "regime": 7},
    ]


def test_outputs_that_change_their_shape_in_a_stream_are_the_servers_fault() -> None:
    spool = Spool(1)
    spool.put(0, {"x": np.zeros(3)})
    with pytest.raises(ServerFault, match="changed their number or shape"):
        spool.put(0, {"x": np.zeros((3, 2))})
    spool.close()


@pytest.mark.usefixtures("scenarios")
def test_without_the_extra_a_sentence_names_it(
    predictor: FakePredictor, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "stream_filters_client.input.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    options = ("--target", predictor.target, "--output", str(tmp_path / "x.parquet"))
    for arguments in (("level", *options), ("--model", "streaming_kalman", "--file", "x.parquet", *options)):
        outcome = run("replay", *arguments)
        assert outcome.code == 2
        assert "pip install 'stream-filters-client[parquet]'" in outcome.err
