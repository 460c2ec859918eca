"""Streams of people's own data against a predictor: named, kept, gone on with, ranked, and honest about their times."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.client.command import Outcome, Run
from tests.predictor.process import ROOT, PredictorProcess

NILE = ("--file", str(ROOT / "data" / "nile.csv"), "--column", "volume")
KALMAN = ("--model", "streaming_kalman")
_NUMBERS = itertools.count()


@pytest.fixture
def name() -> str:
    return f"own-{next(_NUMBERS)}"


@pytest.fixture
def replay(run: Run, served: PredictorProcess) -> Run:
    return lambda *arguments: run("replay", *arguments, "--target", served.grpc_address)


def offset(run: Run, served: PredictorProcess, name: str) -> int | None:
    listed = run("streams", "list", name, "--json", "--target", served.grpc_address).json
    return listed[0]["offset"] if listed else None


def rows(outcome: Outcome) -> list[dict[str, object]]:
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_a_stream_that_is_kept_goes_on_as_if_it_had_never_stopped(
    replay: Run, run: Run, served: PredictorProcess, name: str
) -> None:
    whole = rows(replay(*KALMAN, *NILE, "--output", "-"))
    named = (*KALMAN, *NILE, "--sequence-id", name, "--output", "-")
    first = replay(*named, "--length", "40", "--keep")
    assert f"--sequence-id {name} --resume goes on with it" in " ".join(first.err.split())
    assert offset(run, served, name) == 40
    second = replay(*named, "--resume", "--skip-seen")
    assert rows(first) + rows(second) == whole
    # all rows are new to the stream where nothing else is said
    assert [row["offset"] for row in rows(replay(*named, "--resume", "--length", "5"))] == list(range(100, 105))
    assert offset(run, served, name) == 105


def test_a_name_that_is_taken_or_not_there_is_refused_before_anything_is_sent(
    replay: Run, run: Run, served: PredictorProcess, name: str
) -> None:
    missing = replay(*KALMAN, *NILE, "--sequence-id", name, "--resume")
    assert missing.code == 1
    assert f"has no stream '{name}' to go on with; begin it without --resume" in " ".join(missing.out.split())
    assert replay(*KALMAN, *NILE, "--sequence-id", name, "--keep", "-q").code == 0
    taken = replay(*KALMAN, *NILE, "--sequence-id", name)
    assert taken.code == 2
    assert "already, at offset 100; --resume goes on with it" in " ".join(taken.out.split())
    assert offset(run, served, name) == 100


def test_a_name_of_its_own_says_what_the_stream_is(replay: Run, run: Run, served: PredictorProcess) -> None:
    assert replay(*KALMAN, *NILE, "--keep", "-q").code == 0
    listed = run("streams", "list", "nile-volume-*", "--json", "--target", served.grpc_address).json
    # others have ended a moment ago, and are told apart
    (kept,) = (one for one in listed if one["status"] == "live")
    assert kept["offset"] == 100
    assert run("streams", "delete", *KALMAN[1:], kept["sequence_id"], "--target", served.grpc_address).code == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--resume",), "--resume needs the name of the stream"),
        (("--skip-seen",), "--skip-seen goes with --resume"),
        (("--sequence-id", "x", "--model", "adaptive_mixture"), "names one stream, 2 are to be replayed"),
        (("--length", "3", "--length", "4"), "--length is given twice, and takes one value"),
        (("--time-format", "soon", "--time-column", "year"), "--time-format 'soon' is unknown"),
        (("--on-bad-row", "soon"), "choose stop, skip, missing"),
        (("--json", "--output", "-"), "--json is a document of its own"),
    ],
)
def test_options_that_do_not_fit_are_told_by_name(replay: Run, options: tuple[str, ...], sentence: str) -> None:
    outcome = replay(*KALMAN, *NILE, *options)
    assert outcome.code == 2
    assert sentence in outcome.err


def test_the_usual_step_is_the_setting_of_a_model_that_takes_times(replay: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    stamps = np.datetime64("2024-01-01T00:00") + np.arange(60) * np.timedelta64(10, "m")
    path.write_text("when;v\n" + "".join(f"{at};{row % 7},5\n" for row, at in enumerate(stamps)), encoding="utf-8")
    source = ("--file", str(path), "--column", "v", "--time-column", "when", "--json")
    told = replay(*source, *KALMAN)
    assert told.json["streams"]["x"]["config"] == {"time_delta": 600.0}
    assert told.json["streams"]["x"]["time"]["usual"] == 600.0
    assert told.err == ""
    untimed = replay(*source, "--model", "online_ar_learning")
    assert untimed.json["streams"]["x"]["config"] == {}
    assert "online_ar_learning takes no time between observations" in untimed.err
    own = replay(*source, *KALMAN, "--config", '{"time_delta": 60}')
    assert own.json["streams"]["x"]["config"] == {"time_delta": 60}


def test_several_columns_are_the_axes_of_a_model_that_can(replay: Run, tmp_path: Path) -> None:
    path = tmp_path / "xy.csv"
    path.write_text("x,y\n" + "".join(f"{row % 3},{row % 5}\n" for row in range(20)), encoding="utf-8")
    columns = ("--file", str(path), "--column", "x", "--column", "y")
    assert replay(*columns, *KALMAN, "--json").json["streams"]["xy"]["config"] == {"dimension": 2}
    refused = replay(*columns, "--model", "online_ar_learning")
    assert refused.code == 2
    assert "2 columns were named, and online_ar_learning did not take them" in " ".join(refused.out.split())
    path.write_text("20,5\n21,5\n", encoding="utf-8")
    unnamed = replay("--file", str(path), *KALMAN)
    assert unnamed.code == 2
    assert "2 numbers a row came; name their columns" in " ".join(unnamed.out.split())


def test_all_models_are_ranked_on_the_same_rows_beside_baselines(replay: Run) -> None:
    outcome = replay(*NILE, "--model", "all", "--json")
    ranking = outcome.json["rankings"]["nile"]
    names = {place["name"] for place in ranking["places"] if place["is_filter"]}
    assert names == {"streaming_kalman", "online_ar_learning", "adaptive_mixture"}
    assert {place["name"] for place in ranking["places"]} - names == {"last value", "smoothing", "window AR"}
    scores = [place["log_score_mean"] for place in ranking["places"]]
    assert scores == sorted(scores, reverse=True)
    streams = outcome.json["streams"]
    assert len(streams) == 3
    for place in ranking["places"]:
        if place["is_filter"]:
            told = streams[f"nile-{place['name']}"]["scores"]["log_score_mean"]
            assert place["log_score_mean"] == pytest.approx(told)
    assert "best first" in " ".join(replay(*NILE, *KALMAN).out.split())


def test_a_reading_counts_as_much_as_its_accuracy_says(replay: Run, tmp_path: Path) -> None:
    found: list[Any] = []
    for poor in ("1", "20"):
        path = tmp_path / "x.csv"
        path.write_text("v,s\n" + "".join(f"{row % 3},1\n" for row in range(50)) + f"2.5,{poor}\n", encoding="utf-8")
        source = ("--file", str(path), "--column", "v", *KALMAN, "--output", "-")
        found.append(rows(replay(*source, "--scale-column", "s"))[-1]["position_mean"])
    usual: Any = rows(replay(*source))[-1]["position_mean"]
    assert found[0] == usual
    # the last reading lies above all others, and counts less where it is poor
    assert np.ravel(found[1]) < np.ravel(usual)


def test_files_are_replayed_side_by_side(replay: Run, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.csv").write_text("1\n2\n3\n", encoding="utf-8")
    files = [word for folder in ("a", "b") for word in ("--file", str(tmp_path / folder / "x.csv"))]
    assert set(replay(*files, *KALMAN, "--json").json["streams"]) == {"x", "x.csv"}
