"""What `--help` says is true: its examples run against a predictor, and shells complete the commands."""

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from stream_filters_client import StreamClient, cli

from tests.conftest import StartPredictor
from tests.predictor.process import PredictorProcess

ROOT = Path(__file__).parents[3]
COMMANDS = Path(sys.executable).parent
_EXAMPLE = re.compile(r"^  (\S.*)$", re.MULTILINE)


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with a function behind it, by its full name."""
    waiting = [("stream-filters", typer.main.get_command(cli.app))]
    while waiting:
        name, command = waiting.pop(0)
        inside = getattr(command, "commands", {})
        waiting += [(f"{name} {word}", one) for word, one in inside.items()]
        if not inside:
            yield name, command


# these go on until they are interrupted
ENDLESS = ("stream-filters dashboard",)
EXAMPLES = [(name, example) for name, command in commands() for example in _EXAMPLE.findall(command.epilog)]


def shell(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{COMMANDS}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "100", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.fixture(scope="module")
def predictor_alone(start_predictor: StartPredictor) -> PredictorProcess:
    """A predictor whose streams are those of the examples."""
    return start_predictor()


def test_every_command_has_examples_of_itself_and_the_exit_codes() -> None:
    for name, command in commands():
        assert "130 interrupted" in command.epilog, name
        found = [example for command_name, example in EXAMPLES if command_name == name]
        assert found, name
        assert all(f"{name} " in f"{example} " for example in found)


@pytest.mark.parametrize("example", [example for name, example in EXAMPLES if name not in ENDLESS])
def test_an_example_runs_as_it_stands(predictor_alone: PredictorProcess, tmp_path: Path, example: str) -> None:
    with StreamClient(predictor_alone.grpc_address) as client:
        for name in ("sensor-1", "sensor-2"):
            client.stream("streaming_kalman", sequence_id=name, keep=True).send([1.0, 2.0, 3.0])
    shutil.copytree(ROOT / "data", tmp_path / "data")
    # addresses are the reader's own
    there = re.sub(r"--target \S+", f"--target {predictor_alone.grpc_address}", example)
    if "streams import" in example:
        there = f"stream-filters streams export streams.jsonl && {there}"
    if example.startswith("stream-filters report"):
        saved = "stream-filters replay kalman-demo --length 60 --quiet --save run.json"
        there = f"{saved} && cp run.json before.json && cp run.json after.json && {there}"
    done = shell(there, tmp_path, STREAM_FILTERS_TARGET=predictor_alone.grpc_address)
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout


@pytest.mark.parametrize("example", [example for name, example in EXAMPLES if name in ENDLESS])
def test_an_example_that_goes_on_serves_a_page_until_it_is_interrupted(
    predictor_alone: PredictorProcess, example: str
) -> None:
    # the address of the predictor, a free port and a browser are the reader's own
    there = re.sub(r"--(target|port) \S+", "", example)
    _, *words = there.split()
    command = [str(COMMANDS / "stream-filters"), *words, "--port", "0", "--target", predictor_alone.grpc_address]
    process = subprocess.Popen(
        command, env={**os.environ, "BROWSER": "true"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    address = re.search(r"http://\S+/", process.stdout.readline())
    assert address is not None, process.communicate()
    with urllib.request.urlopen(address[0], timeout=60) as page:
        assert b"stream-filters" in page.read()
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=60)
    assert (process.returncode, complaints) == (130, "")


def test_bash_completes_commands_options_and_scenarios(tmp_path: Path) -> None:
    installed = shell("stream-filters --install-completion; true", tmp_path, HOME=str(tmp_path), SHELL="/bin/bash")
    assert "bash completion installed" in installed.stdout
    for words, expected in [("replay kalman-d", "kalman-demo"), ("rep", "replay"), ("replay --stre", "--streams")]:
        parts = ["stream-filters", *words.split()]
        script = f". ~/.bashrc; COMP_WORDS=({' '.join(parts)}); COMP_CWORD={len(parts) - 1}"
        script += '; _stream_filters_completion stream-filters; printf "%s\\n" "${COMPREPLY[@]}"'
        assert expected in shell(script, tmp_path, HOME=str(tmp_path)).stdout.split(), words


def test_zsh_is_told_what_completes_a_line(tmp_path: Path) -> None:
    asked = {"_STREAM_FILTERS_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "stream-filters replay mixture-w"}
    told = shell("stream-filters", tmp_path, **asked).stdout
    assert '"mixture-wide":"three regimes far apart' in told
    written = shell("stream-filters", tmp_path, _STREAM_FILTERS_COMPLETE="source_zsh").stdout
    assert written.lstrip().startswith("#compdef stream-filters")
