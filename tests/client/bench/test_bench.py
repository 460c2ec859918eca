"""`stream-filters bench`, in process and as a process of its own, against a predictor on a real socket."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from stream_filters_client import cli

from tests.client.fake_predictor import FakePredictor
from tests.client.pseudo_terminal import poll, signals_pending

COMMAND = [sys.executable, "-m", "stream_filters_client.cli", "bench"]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bench(predictor: FakePredictor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command against the fake predictor; gives its exit code and what it printed."""

    def run(*arguments: str) -> tuple[int, str, str]:
        where = () if "--target" in arguments else ("--target", predictor.target)
        monkeypatch.setattr(sys, "argv", ["stream-filters", "bench", *arguments, *where])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def found(outcome: tuple[int, str, str]) -> dict[str, Any]:
    assert outcome[0] == 0, outcome
    document: dict[str, Any] = json.loads(outcome[1])
    return document


def test_the_summary_has_what_is_expected_of_a_load_tool(bench: Run, predictor: FakePredictor) -> None:
    code, out, err = bench("--requests", "120", "--streams", "3", "--batch", "2", "--warm-up", "0")
    assert code == 0
    assert f"server {predictor.target} (fake 1.2.3)" in out
    assert "streaming_kalman, 3 streams, 2 observations a request, auto, seed 1" in out
    for name in ("Count", "Total", "Requests/s", "Observations/s", "Fastest", "Slowest", "Average"):
        assert re.search(rf"^  {name}: +\S", out, re.MULTILINE), name
    assert re.search(r"Count: +120$", out, re.MULTILINE)
    assert re.search(r"^     99 % in \d+\.\d\d ms$", out, re.MULTILINE)
    bars = re.findall(r"up to +[\d.,]+ ms \[ *([\d,]+)\]", out)
    assert sum(map(int, bars)) == 120
    assert "[OK] 120 requests" in out
    assert "\x1b" not in out + err


def test_the_document_says_the_same(bench: Run, predictor: FakePredictor) -> None:
    load = ["--requests", "60", "--streams", "4", "--batch", "3", "--transport", "unary", "--model", "adaptive_mixture"]
    document = found(bench(*load, "--warm-up", "0", "--json"))
    assert document["target"] == predictor.target
    assert document["count"] == 60
    assert document["status_codes"] == {"OK": 60}
    assert sum(bar["count"] for bar in document["histogram"]) == 60
    assert document["observations_per_second"] == pytest.approx(3 * document["requests_per_second"])
    assert document["requests_per_second"] == pytest.approx(60 / document["seconds"])
    order = [document["fastest_ms"], *document["latency_ms"].values(), document["slowest_ms"]]
    assert order == sorted(order)
    asked = document["load"]
    assert (asked["model"], asked["streams"], asked["batch"], asked["rate"]) == ("adaptive_mixture", 4, 3, None)
    assert {request.model_name for request in predictor.requests} == {"adaptive_mixture"}
    assert predictor.applied == 180


def test_streams_are_ended_afterwards(bench: Run, predictor: FakePredictor) -> None:
    found(bench("--requests", "50", "--streams", "5", "--warm-up", "0", "--json"))
    assert len(predictor.sequences) == 5
    assert all(sequence.ended for sequence in predictor.sequences.values())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interruption_waits_for_nothing(predictor: FakePredictor, number: signal.Signals) -> None:
    arguments = ["--duration", "300", "--warm-up", "0", "--target", predictor.target]
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if " requests in " in line:
            break
    predictor.faults.extend(["hang"] * 100)
    poll(lambda: len(predictor.faults) < 100)
    process.send_signal(number)
    poll(lambda: signals_pending(process.pid) == 0)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert not out


def test_the_same_seed_sends_the_same_bytes(bench: Run, predictor: FakePredictor) -> None:
    def sent(seed: str) -> list[bytes]:
        predictor.requests.clear()
        found(bench("--requests", "20", "--warm-up", "0", "--seed", seed, "--json"))
        return [request.raw_input_contents[0] for request in predictor.requests]

    assert sent("4") == sent("4")
    assert sent("4") != sent("5")


def test_an_open_loop_sends_what_is_due(bench: Run) -> None:
    document = found(bench("--rate", "100", "--streams", "4", "--requests", "50", "--warm-up", "0", "--json"))
    assert document["count"] == 50
    assert document["load"]["rate"] == 100


def test_failures_are_counted_by_code_and_not_tried_again(bench: Run, predictor: FakePredictor) -> None:
    predictor.faults.extend(["unavailable", "aborted", "unavailable", "overloaded"])
    document = found(bench("--requests", "30", "--warm-up", "0", "--transport", "unary", "--json"))
    assert document["status_codes"] == {"OK": 26, "UNAVAILABLE": 2, "ABORTED": 1, "RESOURCE_EXHAUSTED": 1}
    assert document["count"] == 30


def test_a_search_ends_with_a_rate_that_keeps_the_objective(bench: Run) -> None:
    code, out, err = bench("--objective", "p50<=10s", "--duration", "0.2", "--warm-up", "0", "--json", "--streams", "2")
    document = json.loads(out)
    assert code == 0, err
    kept = [trial["rate"] for trial in document["trials"] if trial["met"]]
    assert document["highest_rate"] == max(kept) == document["load"]["rate"]
    assert "is the highest rate found that keeps p50<=10s" in err


def test_an_objective_that_no_rate_keeps_is_exit_code_1(bench: Run) -> None:
    code, out, err = bench("--objective", "p50<=0.001ms", "--duration", "0.2", "--warm-up", "0", "--json")
    assert code == 1
    assert json.loads(out)["highest_rate"] is None
    assert "no rate kept p50<=0.001ms" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--objective", "fast"], "p99<=20ms"),
        (["--objective", "p99<=20ms", "--rate", "5"], "leave out --rate"),
        (["--duration", "3", "--requests", "5"], "give one of them"),
        (["--model", "nothing"], "there is no model"),
        (["--streams", "0"], "streams"),
    ],
)
def test_wrong_usage_is_exit_code_2(bench: Run, arguments: list[str], sentence: str) -> None:
    code, out, err = bench(*arguments)
    assert code == 2
    assert sentence in err
    assert not out


def test_a_server_that_is_away_is_exit_code_3(bench: Run) -> None:
    code, _, err = bench("--target", "127.0.0.1:1", "--wait", "0")
    assert code == 3
    assert "start the server" in err


@pytest.mark.parametrize("search", [[], ["--objective", "p99<=9s"]])
def test_an_interruption_prints_what_there_is_and_ends_the_streams(predictor: FakePredictor, search: list[str]) -> None:
    arguments = ["--duration", "300", "--warm-up", "0", "--streams", "3", "--target", predictor.target, *search]
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if " requests in " in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert re.search(r"Count: +[1-9]", out)
    assert "[OK]" in out
    assert "Traceback" not in err
    assert all(sequence.ended for sequence in predictor.sequences.values())
