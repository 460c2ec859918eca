"""Many streams of a scenario at once: counted, scored and shown together."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stream_filters_client.input import feeds
from stream_filters_client.input.stdin import Chunk
from stream_filters_client.replays import recording
from stream_filters_client.replays.recording import Recording, kept_rows
from stream_filters_client.result import Result
from stream_filters_client.scoring.expectations import parse
from stream_filters_client.scoring.scorecard import together

from tests.client.command import Run
from tests.client.fake_predictor import FakePredictor
from tests.predictor.process import ROOT, PredictorProcess

pytestmark = pytest.mark.usefixtures("scenarios")


def answers(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows of an answer file by stream."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        found.setdefault(row["stream"], []).append(row)
    return found


def test_the_scores_of_streams_are_their_mean_and_their_worst(
    predictor: FakePredictor, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "answers.jsonl"
    options = ("--streams", "7", "--length", "40", "--burn-in", "5", "--json", "--output", str(file))
    outcome = run("replay", "level", "other", "--target", predictor.target, *options)
    assert outcome.code == 0
    assert list(outcome.json["streams"]) == ["level", "other"]
    told = outcome.json["streams"]["level"]
    rows = answers(file)
    assert list(rows) == [f"{name}/{number}" for name in ("level", "other") for number in range(1, 8)]
    errors = [
        np.sqrt(np.mean([(row["position_mean"][0] - 5.0) ** 2 for row in rows[f"level/{number}"][5:]]))
        for number in range(1, 8)
    ]
    assert told["scores"]["position_rmse"] == pytest.approx(np.mean(errors))
    assert told["scores"]["position_rmse_worst"] == pytest.approx(max(errors))
    assert (told["streams"], told["observations"], told["statuses"]) == (7, 280, {"done": 7})
    assert outcome.json["settings"]["streams"] == 7
    assert all(sequence.ended for sequence in predictor.sequences.values())
    assert len(predictor.sequences) == 14
    assert len(predictor.peers) == 1


def test_streams_have_seeds_of_their_own_and_the_first_is_the_one_of_a_lone_replay(
    predictor: FakePredictor, run: Run, tmp_path: Path
) -> None:
    files = [tmp_path / f"{index}.jsonl" for index in range(4)]
    for file, streams, batch, seed in zip(files, (4, 4, 1, 4), (10, 7, 10, 10), (3, 3, 3, 4), strict=True):
        options = ("--streams", str(streams), "--batch", str(batch), "--seed", str(seed), "--output", str(file))
        assert run("replay", "level", "-q", "--target", predictor.target, "--length", "30", *options).code == 0
    assert files[0].read_bytes() == files[1].read_bytes() != files[3].read_bytes()
    four, alone = answers(files[0]), answers(files[2])
    assert [row["observation"] for row in four["level/1"]] == [row["observation"] for row in alone["level"]]
    assert len({tuple(row["observation"] for row in rows) for rows in four.values()}) == 4


@pytest.mark.parametrize(
    ("expected", "code"),
    [("position_rmse<=1", 0), ("level:position_rmse<=0.001", 1), ("position_rmse_worst<=0.001", 1)],
)
def test_expectations_are_about_the_streams_together(
    predictor: FakePredictor, run: Run, expected: str, code: int
) -> None:
    options = ("--streams", "3", "--length", "60", "--json", "--expect", expected)
    outcome = run("replay", "level", "--target", predictor.target, *options)
    assert outcome.code == code
    (verdict,) = outcome.json["expectations"]
    assert verdict["value"] == outcome.json["streams"]["level"]["scores"][parse(expected).score]


def test_streams_that_fail_are_counted_with_their_reason(predictor: FakePredictor, run: Run) -> None:
    predictor.faults.extend(["full", "full"])
    outcome = run("replay", "level", "--target", predictor.target, "--streams", "5", "--length", "20")
    assert outcome.code == 2
    assert re.search(r"level, 2 of its streams: the model has 9 live streams", outcome.out)
    assert re.search(r"streams +(2 failed, 3 done|3 done, 2 failed)", outcome.out)
    assert "level × 5" in outcome.out


def test_streams_that_fail_alike_are_one_line_whatever_their_names(predictor: FakePredictor, run: Run) -> None:
    predictor.faults.extend(["forget"] * 200)
    outcome = run("replay", "level", "--target", predictor.target, "--streams", "40", "--length", "60")
    assert outcome.code == 3
    told = [line for line in outcome.out.splitlines() if "of its streams:" in line]
    assert len(told) == 1
    assert "NAME" in outcome.out


def test_the_view_shows_the_stream_chosen_and_counts_the_others(
    predictor: FakePredictor, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "view.svg"
    options = ("--streams", "3", "--show", "2", "--length", "50", "--screenshot", str(path))
    assert run("replay", "level", "-q", "--target", predictor.target, *options).code == 0
    picture = path.read_text(encoding="utf-8").replace("&#160;", " ")
    assert "level/2" in picture
    assert "3 streams, 3 done" in picture
    assert "150/150" in picture


def test_a_scenario_and_a_file_are_replayed_at_once(predictor: FakePredictor, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "level.csv"
    path.write_text("x\n1\n2\n", encoding="utf-8")
    options = ("--file", str(path), "--model", "online_ar_learning", "--length", "20", "--streams", "2", "--json")
    streams = run("replay", "level", "--target", predictor.target, *options).json["streams"]
    assert {name: (told["model"], told["observations"]) for name, told in streams.items()} == {
        "level": ("streaming_kalman", 40),
        "level.csv": ("online_ar_learning", 2),
    }


def test_only_the_first_streams_of_a_scenario_have_oracles() -> None:
    found = feeds.from_scenario("level", 1, 30, 10, {})
    assert [feed.oracle is not None for feed in found] == [True] * 20 + [False] * 10
    assert all(feed.truth for feed in found)


def test_the_seeds_of_streams_differ_and_stay() -> None:
    seeds = [feeds.stream_seed(seed, index) for seed in (1, 2) for index in range(1000)]
    assert len(set(seeds)) == 2000
    assert seeds[0] == 1
    assert feeds.stream_seed(1, 999) == seeds[999]


def test_the_worst_of_a_score_is_the_one_to_worry_about() -> None:
    each = [
        {
            "a_rmse": 1.0,
            "log_score_mean": -1.0,
            "a_coverage": 0.80,
            "regime_accuracy": 0.9,
            "regime_accuracy_loss": 0.1,
        },
        {
            "a_rmse": 3.0,
            "log_score_mean": -2.0,
            "a_coverage": 0.95,
            "regime_accuracy": 0.8,
            "regime_accuracy_loss": 0.2,
        },
        {"a_rmse": float("nan"), "log_score_mean": -1.5},
    ]
    found = together(each, 0.9)
    assert found["a_rmse"] == 2.0
    worst = {name.removesuffix("_worst"): value for name, value in found.items() if name.endswith("_worst")}
    assert worst == {
        "a_rmse": 3.0,
        "log_score_mean": -2.0,
        "a_coverage": 0.80,
        "regime_accuracy": 0.8,
        "regime_accuracy_loss": 0.2,
    }


def test_the_share_of_streams_beyond_the_limit_of_calibration_is_told() -> None:
    each = [{"calibration_distance": distance, "calibration_limit": 0.05} for distance in (0.01, 0.04, 0.06, 0.02)]
    found = together(each, 0.9)
    assert found["calibration_rejected"] == 0.25
    assert found["calibration_limit"] == 0.05


def rows_of(kept: Recording, chunks: Sequence[int]) -> list[float]:
    """Append chunks of so many rows, numbered through; returns the rows that are kept."""
    for rows in chunks:
        values = np.arange(kept.count, kept.count + rows, dtype=np.float64)
        kept.append(Chunk(values, None), Result({"x": 2 * values, "forecast_mean": np.zeros(3)}))
    found = kept.output("x")
    assert found is not None
    assert found.tolist() == (2 * kept.observations()).tolist()
    return kept.observations().tolist()


def test_a_recording_keeps_its_last_rows_and_knows_where_they_begin() -> None:
    kept = Recording(kept_rows=1_000)
    rows = rows_of(kept, [7] * 1_000)
    assert kept.count == 7_000
    assert rows == list(range(kept.first, 7_000))
    assert 1_000 <= len(rows) < 1_000 + recording.BLOCK_ROWS + 7
    assert kept.observations(5).tolist() == rows[-5:]
    assert kept.names() == ["x"]


def test_a_recording_knows_the_time_between_its_rows() -> None:
    deltas = np.random.default_rng(5).exponential(size=2_000)
    kept, unknown = Recording(), Recording()
    for start in range(0, 2_000, 30):
        part = deltas[start : start + 30]
        kept.append(Chunk(part, part), Result({"x": part}))
        unknown.append(Chunk(part, None), Result({"x": part}))
    found = kept.time_deltas()
    assert found is not None
    assert found.tolist() == deltas.tolist()
    assert unknown.time_deltas() is None


def test_a_snapshot_stays_as_it_is_while_the_recording_goes_on() -> None:
    kept = Recording(kept_rows=600)
    before = rows_of(kept, [10] * 55)
    seen = kept.snapshot()
    rows_of(kept, [10] * 200)
    assert seen.observations().tolist() == before
    assert seen.count == 550


def test_however_many_streams_there_are_the_rows_kept_are_bounded() -> None:
    for streams in (1, 2, 5, 500, 10_000):
        assert streams * kept_rows(streams) <= recording.KEPT_ROWS_IN_ALL
    assert kept_rows(1) == recording.KEPT_ROWS


def test_either_way_of_sending_gives_the_same_bytes(served: PredictorProcess, run: Run, tmp_path: Path) -> None:
    files = {transport: tmp_path / f"{transport}.jsonl" for transport in ("unary", "streaming")}
    source = ("--file", str(ROOT / "data" / "nile.csv"), "--column", "volume", "--model", "online_ar_learning")
    for transport, file in files.items():
        options = ("--transport", transport, "--output", str(file), "--json", "--target", served.grpc_address)
        outcome = run("replay", *source, *options)
        assert (outcome.code, outcome.json["settings"]["transport"]) == (0, transport)
    assert files["unary"].read_bytes() == files["streaming"].read_bytes() != b""
