"""Answers in files: JSON lines, CSV and Parquet say the same."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from stream_filters_client.column_names import column_names
from stream_filters_client.errors import ServerFault
from stream_filters_client.estimates import Described
from stream_filters_client.replays.answer_file import Csv, merged
from stream_filters_client.replays.parquet_file import ParquetWriter
from stream_filters_client.replays.row_files import Spool

from tests.client.command import Run
from tests.client.fake_predictor import FakePredictor


def flat(line: dict[str, Any]) -> dict[str, Any]:
    """A row of JSON lines as the tables have it; what is null is left out."""
    values = {name: np.array(value, dtype=object) for name, value in line.items()}
    names = column_names({name: Described(each.shape, name == "regime") for name, each in values.items()})
    found: dict[str, Any] = {}
    for name, labels in names.items():
        found |= zip(labels, values[name].ravel().tolist(), strict=True)
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.usefixtures("scenarios")
def test_tables_say_what_json_lines_say_forecasts_and_times_too(
    predictor: FakePredictor, run: Run, tmp_path: Path
) -> None:
    series = tmp_path / "series.csv"
    series.write_text("t,x\n2024-01-31,1\n2024-02-29,\n2024-03-31,3\n", encoding="utf-8")
    for name in ("a.jsonl", "a.parquet", "a.csv"):
        options = ("--streams", "3", "--length", "25", "--horizon", "2", "--output", str(tmp_path / name))
        source = ("level", "--file", str(series), "--model", "adaptive_mixture", "--time-column", "t")
        assert run("replay", *source, "-q", "--target", predictor.target, *options).code == 0
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = pq.read_table(tmp_path / "a.parquet").to_pylist()
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    # forecasts of two steps follow the rows of each request
    assert len(rows) == len(cells) == len(lines) == 78 + 2 * (3 * 3 + 1)
    for row, line, cell in zip(rows, lines, cells, strict=True):
        if row["time"] is not None:
            row["time"] = row["time"].date().isoformat()
        assert {name: value for name, value in row.items() if value is not None} == flat(line)
        assert {name: value for name, value in cell.items() if value} == {k: str(v) for k, v in flat(line).items()}
    told = [(line["offset"], line["time"], line.get("ahead")) for line in lines if line["stream"] == "series"]
    assert told[2:] == [(2, "2024-03-31", None), (3, "2024-05-01", 1), (4, "2024-05-31", 2)]
    assert {"regime", "forecast_interval_lower", "predictive_interval_upper", "regime_means_0"} <= set(cells[0])


@pytest.mark.usefixtures("scenarios")
def test_the_same_seed_gives_the_same_bytes_however_they_are_cut(
    predictor: FakePredictor, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream_filters_client.replays.parquet_file._GROUP_ROWS", 64)
    monkeypatch.setattr("stream_filters_client.replays.row_files._TAKEN_ROWS", 50)
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


@pytest.mark.usefixtures("scenarios")
def test_the_answers_go_to_standard_output_alone_where_it_is_asked_for(predictor: FakePredictor, run: Run) -> None:
    arguments = ("replay", "level", "--length", "12", "--target", predictor.target)
    outcome = run(*arguments, "--output", "-")
    assert [json.loads(line)["offset"] for line in outcome.out.splitlines()] == list(range(12))
    assert "observations" in outcome.err
    lines = run(*arguments, "--rows").out.splitlines()
    assert len(lines) == 12
    assert lines[3].startswith("level 3 ")
    assert " expected " in lines[3]


@pytest.mark.usefixtures("scenarios")
def test_an_ending_that_no_format_has_is_told_before_anything_is_sent(predictor: FakePredictor, run: Run) -> None:
    outcome = run("replay", "level", "--target", predictor.target, "--output", "answers.xlsx")
    assert outcome.code == 2
    assert "end it in .jsonl, .csv or .parquet" in outcome.err
    assert not predictor.requests


def test_streams_of_different_axes_share_a_table(tmp_path: Path) -> None:
    spool = Spool(2)
    one = {"observation": np.array([1.0, np.nan]), "mean": np.array([0.5, np.inf])}
    two = {"observation": np.array([[1.0, 2.0]]), "mean": np.array([[3.0, 4.0]]), "regime": np.array([7])}
    spool.put(1, two)
    spool.put(0, one)
    kinds = merged([spool.kinds(0), spool.kinds(1)])
    for writer in (ParquetWriter(tmp_path / "x.parquet"), Csv(tmp_path / "x.csv")):
        writer.begin(kinds)
        for index, name in enumerate(["one", "two"]):
            for columns in spool.take(index):
                writer.write(name, columns)
        writer.close()
    spool.close()
    assert pq.read_table(tmp_path / "x.parquet").to_pylist() == [
        {"stream": "one", "observation_1": 1.0, "observation_2": None, "mean_1": 0.5, "mean_2": None, "regime": None},
        {"stream": "one", "observation_1": None, "observation_2": None, "mean_1": None, "mean_2": None, "regime": None},
        {"stream": "two", "observation_1": 1.0, "observation_2": 2.0, "mean_1": 3.0, "mean_2": 4.0, "regime": 7},
    ]
    assert (tmp_path / "x.csv").read_text(encoding="utf-8").splitlines() == [
        "stream,observation_1,observation_2,mean_1,mean_2,regime",
        "one,1.0,,0.5,,",
        "one,,,,,",
        "two,1.0,2.0,3.0,4.0,7",
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
    for module in ("input.parquet", "replays.parquet_file"):
        monkeypatch.delitem(sys.modules, f"stream_filters_client.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    options = ("--target", predictor.target, "--output", str(tmp_path / "x.parquet"))
    for arguments in (("level", *options), ("--model", "streaming_kalman", "--file", "x.parquet", *options)):
        outcome = run("replay", *arguments)
        assert outcome.code == 2
        assert "pip install 'stream-filters-client[parquet]'" in outcome.err
