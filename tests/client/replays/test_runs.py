"""A saved run says what was sent and what came back, and a file that is none is refused by name."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stream_filters_client.errors import BadInput
from stream_filters_client.replays import runs
from stream_filters_client.scenarios import SCENARIOS

from tests.client.command import Run
from tests.client.fake_predictor import FakePredictor
from tests.client.made_runs import run_document

TIMED = ("latency_", "observations_per_second")


def without_times(document: dict[str, Any]) -> dict[str, Any]:
    del document["measured"]
    for stream in document["streams"].values():
        stream["scores"] = {name: value for name, value in stream["scores"].items() if not name.startswith(TIMED)}
    return document


def test_a_saved_run_holds_what_the_scenario_sent_and_the_lines_that_came_back(
    predictor: FakePredictor, run: Run, tmp_path: Path
) -> None:
    saved, lines = tmp_path / "run.json", tmp_path / "lines.jsonl"
    arguments = ("--target", predictor.target, "--length", "57", "--seed", "3", "--json")
    outcome = run("replay", "kalman-irregular", *arguments, "--save", str(saved), "--output", str(lines))
    assert outcome.code == 0
    found = runs.read(saved)
    (stream,) = found.streams
    sent = SCENARIOS["kalman-irregular"].generate(3, 57)
    assert np.array_equal(stream.observations, sent.observations)
    assert sent.time_deltas is not None
    assert stream.time_deltas is not None
    assert np.array_equal(stream.time_deltas, sent.time_deltas)
    for name, values in sent.truth.items():
        assert np.array_equal(stream.truth[name], values)
    rows = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    for name, values in stream.outputs.items():
        assert np.array_equal(values, np.array([row[name] for row in rows], dtype=np.float64), equal_nan=True)
    assert (stream.model, stream.status, stream.count, stream.requests) == ("streaming_kalman", "done", 57, 6)
    assert len(stream.latencies_seconds) == 6
    assert (stream.latencies_seconds > 0).all()
    # what --json prints is in it, as it is
    printed = outcome.json
    assert {name: found.summary[name] for name in printed} == printed
    told = printed["streams"]["kalman-irregular"]["scores"]
    assert stream.scores == {name: value for name, value in told.items() if not name.startswith(TIMED)}


def test_the_same_seed_saves_the_same_run_but_for_what_is_measured_in_time(
    predictor: FakePredictor, run: Run, tmp_path: Path
) -> None:
    files = [tmp_path / f"{index}.json" for index in range(3)]
    for file, seed in zip(files, ("1", "1", "2"), strict=True):
        arguments = ("--target", predictor.target, "--length", "40", "--seed", seed, "--save", str(file))
        assert run("replay", "kalman-demo", "ar-demo", "-q", *arguments).code == 0
    first, second, third = (
        json.dumps(without_times(json.loads(file.read_text(encoding="utf-8"))), sort_keys=True) for file in files
    )
    assert first == second != third


def test_a_run_is_not_saved_where_nobody_can_write(predictor: FakePredictor, run: Run) -> None:
    outcome = run("replay", "kalman-demo", "--target", predictor.target, "--save", "/nowhere/run.json")
    assert outcome.code == 2
    assert "/nowhere/run.json cannot be written" in outcome.err


def test_what_is_undefined_is_null_in_the_file_and_nan_when_read(tmp_path: Path) -> None:
    document = run_document({"gaps": "kalman-missing"}, length=100)
    document["series"]["gaps"]["observations"][7] = None
    path = tmp_path / "run.json"
    path.write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
    (stream,) = runs.read(path).streams
    assert np.isnan(stream.observations[7])
    assert np.isnan(stream.outputs["predictive_mean"][0])
    assert stream.observations.dtype == np.float64


def changed(**fields: Any) -> str:
    document = run_document({"a": "kalman-demo"}, length=20)
    document["series"]["a"] |= fields.pop("stream", {})
    return json.dumps({**document, **fields})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x,y\n1,2\n", "is not JSON"),
        (changed()[:-100], "is not JSON, or was cut off"),
        ("[1, 2]", "holds no run"),
        (changed(format="other"), "holds no run"),
        ('{"server": {}, "settings": {}, "streams": {}}', "replay with --save FILE instead of --json"),
        (changed(version=2), "has version 2, this release reads version 1; upgrade"),
        (changed(series={}), "has no streams"),
        (changed(measured={}), "'latencies_seconds' is missing"),
        (changed(stream={"observations": [1.0]}), "has 20 rows, the observations have 1"),
        (changed(stream={"truth": {"position": "no numbers"}}), "is no whole run"),
    ],
)
def test_a_file_that_is_no_run_is_refused_by_what_it_is(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        runs.read(path)
    assert str(refused.value).startswith(str(path))
    assert sentence in str(refused.value)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(BadInput, match=r"/nowhere/run.json cannot be read \(No such file or directory\)"):
        runs.read(Path("/nowhere/run.json"))
