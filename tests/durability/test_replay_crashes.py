"""`stream-filters replay` while its predictor is killed and started again."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import StartPredictor
from tests.predictor.process import PredictorProcess
from tests.store.servers import free_port

LENGTH, BATCH = 200, 4
DEADLINE_SECONDS = 240.0


def replaying(address: str, output: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "stream_filters_client.cli", "replay", "kalman-demo", "mixture-demo"]
    command += ["--target", address, "--length", str(LENGTH), "--batch", str(BATCH), "--output", str(output), "--json"]
    return subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def interrupted(start: Callable[[], PredictorProcess], output: Path) -> tuple[int, dict[str, dict[str, str]]]:
    """A replay whose predictor is killed in its midst; its exit code, and what it told of its streams."""
    predictor = start()
    process = replaying(predictor.grpc_address, output, "--rate", "100")
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not output.exists() or output.read_text(encoding="utf-8").count("\n") < LENGTH // 4:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    predictor.process.kill()
    predictor.process.wait()
    start()
    out, err = process.communicate(timeout=DEADLINE_SECONDS)
    assert err == ""
    streams: dict[str, dict[str, str]] = json.loads(out)["streams"]
    return process.returncode, streams


@pytest.fixture
def address() -> tuple[str, ...]:
    return ("--grpc-port", str(free_port()))


def test_a_replay_goes_on_when_its_predictor_is_back_and_its_answers_are_the_same(
    start_predictor: StartPredictor, served: PredictorProcess, address: tuple[str, ...], tmp_path: Path
) -> None:
    calm = replaying(served.grpc_address, tmp_path / "calm.jsonl")
    calm.communicate(timeout=DEADLINE_SECONDS)
    store = f"sqlite:///{tmp_path}/streams.db"
    code, streams = interrupted(lambda: start_predictor(*address, "--store", store), tmp_path / "stormy.jsonl")
    assert code == 0
    assert {told["status"] for told in streams.values()} == {"done"}
    assert (tmp_path / "calm.jsonl").read_bytes() == (tmp_path / "stormy.jsonl").read_bytes() != b""


def test_a_replay_says_that_its_streams_are_lost_with_the_memory_of_a_predictor(
    start_predictor: StartPredictor, address: tuple[str, ...], tmp_path: Path
) -> None:
    code, streams = interrupted(lambda: start_predictor(*address), tmp_path / "answers.jsonl")
    assert code == 3
    for told in streams.values():
        assert told["status"] == "failed"
        assert "use a store that survives restarts" in told["error"]
