"""The command line, in process against a predictor on a real socket."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.client.command import Run
from tests.client.fake_predictor import FakePredictor

pytestmark = pytest.mark.usefixtures("scenarios")


def test_a_replay_ends_with_scores_server_and_settings(predictor: FakePredictor, run: Run) -> None:
    outcome = run("replay", "level", "other", "--target", predictor.target, "--length", "200", "--seed", "3")
    assert outcome.code == 0
    assert f"server {predictor.target} (fake 1.2.3), seed 3" in outcome.out
    for text in ("level", "other", "position RMSE over oracle's", "position in 90 % band", "observations a second"):
        assert text in outcome.out
    assert all(sequence.ended for sequence in predictor.sequences.values())
    assert predictor.applied == 400
    configs = {request.parameters["config"].string_param for request in predictor.requests if request.parameters}
    assert '{"interval": 0.9}' in configs


@pytest.mark.parametrize(("limit", "code"), [("1.01", 0), ("0.99", 1)])
def test_an_expectation_decides_the_exit_code(predictor: FakePredictor, run: Run, limit: str, code: int) -> None:
    arguments = ("--target", predictor.target, "--expect", f"position_rmse_ratio<={limit}")
    outcome = run("replay", "level", *arguments, "--json")
    assert outcome.code == code
    assert [verdict["met"] for verdict in outcome.json["expectations"]] == [code == 0]
    assert ("MISSED" in run("replay", "level", *arguments).out) == (code == 1)


def test_faults_on_the_way_change_no_answer(predictor: FakePredictor, run: Run, tmp_path: Path) -> None:
    calm, stormy = tmp_path / "calm.jsonl", tmp_path / "stormy.jsonl"
    arguments = ("replay", "level", "--target", predictor.target, "--length", "60", "--json", "--output")
    assert run(*arguments, str(calm)).code == 0
    predictor.faults.extend(["unavailable", "drop", "aborted", "kill", "drop"])
    outcome = run(*arguments, str(stormy))
    assert outcome.code == 0
    assert outcome.json["streams"]["level"]["replayed"] > 0
    assert calm.read_bytes() == stormy.read_bytes()
    rows = [json.loads(line) for line in calm.read_text(encoding="utf-8").splitlines()]
    assert [row["offset"] for row in rows] == list(range(60))
    assert rows[0]["predictive_mean"] == 0.0


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    predictor: FakePredictor, run: Run, tmp_path: Path
) -> None:
    files = [tmp_path / f"{index}.jsonl" for index in range(3)]
    for file, seed, batch in zip(files, ("1", "1", "2"), ("10", "7", "10"), strict=True):
        arguments = ("--target", predictor.target, "--length", "50", "--output", str(file))
        assert run("replay", "level", "-q", "--seed", seed, "--batch", batch, *arguments).code == 0
    first, second, third = (file.read_bytes() for file in files)
    assert first == second != third


@pytest.mark.parametrize("option", ["--file", "--csv"])
def test_a_file_is_replayed_with_its_times(predictor: FakePredictor, run: Run, tmp_path: Path, option: str) -> None:
    path = tmp_path / "flow.csv"
    path.write_text("day,flow\n2024-01-01,1\n2024-01-03,\n2024-01-04,3\n", encoding="utf-8")
    outcome = run(
        *("replay", "--model", "streaming_kalman", option, str(path), "--column", "flow", "--time-column", "day"),
        *("--target", predictor.target, "--json", "--config", '{"interval": 0.8}'),
    )
    assert outcome.code == 0
    assert outcome.json["streams"]["flow"]["observations"] == 3
    assert outcome.json["streams"]["flow"]["config"] == {"interval": 0.8, "time_delta": 1.0}
    request = next(request for request in predictor.requests if len(request.inputs) == 2)
    assert np.frombuffer(request.raw_input_contents[1]).tolist() == [1.0, 2.0, 1.0]


@pytest.mark.parametrize("length", [1, 3])
def test_a_short_stream_with_forecasts_is_no_special_case(predictor: FakePredictor, run: Run, length: int) -> None:
    arguments = ("--length", str(length), "--batch", "100", "--horizon", "3", "--burn-in", "2", "--json")
    outcome = run("replay", "level", "--target", predictor.target, *arguments)
    assert outcome.code == 0
    assert outcome.json["streams"]["level"]["observations"] == length


def test_input_without_observations_is_refused(
    predictor: FakePredictor, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("x\n"))
    outcome = run("replay", "-", "--model", "streaming_kalman", "--target", predictor.target)
    assert outcome.code == 2
    assert "held no observations" in outcome.out


def test_the_view_can_be_saved_as_a_picture(predictor: FakePredictor, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "view.svg"
    assert run("replay", "level", "-q", "--target", predictor.target, "--screenshot", str(path)).code == 0
    picture = path.read_text(encoding="utf-8").replace("&#160;", " ")
    assert picture.startswith("<svg")
    assert "true position less the filtered one" in picture
    assert "90 % intervals held" in picture


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["replay"], "name a scenario"),
        (["replay", "nothing"], "list --scenarios"),
        (["replay", "level", "--model", "x"], "a scenario has its own model"),
        (["replay", "level", "--file", "x.csv"], "need --model"),
        (["replay", "--file", "none.csv", "--model", "x"], "name another file"),
        (["replay", "-", "--model", "x", "--streams", "2"], "--streams is for scenarios"),
        (["replay", "level", "--streams", "2", "--show", "3"], "--show 3 is no stream of a scenario, there are 2"),
        (["replay", "level", "--config", "{"], "--config is not JSON"),
        (["replay", "level", "--config", "[]"], "not a JSON object"),
        (["replay", "level", "--expect", "x"], "cannot be read"),
        (["replay", "level", "--time-unit", "fortnights"], "choose seconds"),
        (["replay", "level", "--expect", "nothing<=1"], "no stream has this score"),
        (["replay", "level", "--config", '{"bad": 1}'], "unknown key 'bad'"),
        (["replay", "level", "--output", "/nowhere/x.jsonl"], "cannot be written"),
        (["list", "--model", "nothing"], "there is no model 'nothing'"),
        (["check", "--target", "http://localhost"], "write host:port"),
        (["check", "--target", "localhost"], "--target 'localhost' has no port; write host:port"),
        (["bench", "--model", "x", "--model", "y"], "--model is given twice, and takes one value"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(
    predictor: FakePredictor, run: Run, arguments: list[str], sentence: str
) -> None:
    target = [] if "--target" in arguments else ["--target", predictor.target]
    outcome = run(*arguments, *target)
    assert outcome.code == 2
    assert sentence in outcome.err + outcome.out
    assert "Traceback" not in outcome.err + outcome.out


@pytest.mark.parametrize("command", [["replay", "level"], ["check"], ["list"]])
def test_a_server_that_is_away_is_exit_code_3(run: Run, command: list[str]) -> None:
    outcome = run(*command, "--target", "127.0.0.1:1", "--wait", "0")
    assert outcome.code == 3
    assert "start the server, or name another address" in outcome.err


def test_a_proxy_in_the_way_is_named_but_not_its_password(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://someone:secret@127.0.0.1:1")
    outcome = run("check", "--target", "predictor.example:8081", "--wait", "0")
    assert outcome.code == 3
    assert "http_proxy is set" in outcome.err
    assert "secret" not in outcome.err


def test_a_file_whose_rows_are_all_left_out_says_why(predictor: FakePredictor, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("v\n20.1 C\n20.2 C\n", encoding="utf-8")
    options = ("--file", str(path), "--model", "streaming_kalman", "--on-bad-row", "skip")
    outcome = run("replay", *options, "--target", predictor.target)
    assert outcome.code == 2
    assert "has no observations: " in outcome.err
    assert "line 2, column 'v': '20.1 C' is not a number alone" in outcome.err


def test_check_tells_what_it_found(predictor: FakePredictor, run: Run) -> None:
    outcome = run("check", "--target", predictor.target)
    assert outcome.code == 0
    assert "is ready: fake 1.2.3" in outcome.out
    assert outcome.out.count("recognised a repeated request") == 3
    assert run("check", "--target", predictor.target, "--model", "streaming_kalman", "--json").json["passed"]


def test_list_shows_models_with_their_tensors_and_scenarios_without_a_server(
    predictor: FakePredictor, run: Run
) -> None:
    outcome = run("list", "--target", predictor.target)
    assert outcome.code == 0
    assert "in  observations" in outcome.out
    assert "out regime_probabilities" in outcome.out
    (info,) = run("list", "--target", predictor.target, "--model", "streaming_kalman", "--json").json
    assert info["name"] == "streaming_kalman"
    assert "a constant in noise" in run("list", "--scenarios").out


@pytest.mark.parametrize("command", ["replay", "check", "list"])
def test_help_has_examples_and_exit_codes(run: Run, command: str) -> None:
    outcome = run(command, "--help")
    assert outcome.code == 0
    assert f"  stream-filters {command}" in outcome.out
    assert "130 interrupted" in " ".join(outcome.out.split())
