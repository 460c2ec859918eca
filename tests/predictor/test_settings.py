"""Settings come from flags, environment and a file; wrong ones end the start with one line that names them."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from stream_filters.__main__ import main
from stream_filters.command_line import read_settings
from stream_filters.filters import REGISTRY
from stream_filters.settings import PREFIX, Settings

from tests.predictor.process import ROOT
from tests.running_mean import RunningMean


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The predictor's program, which ends by itself."""
    command = [sys.executable, "-m", "tests.serve_running_mean", *arguments]
    variables = {**os.environ, "COLUMNS": "200", **environment}
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120, check=False)


def test_help_lists_every_setting_with_what_it_does() -> None:
    ended = run("--help")
    assert ended.returncode == 0
    said = " ".join(ended.stdout.split())
    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in said
        assert field.description
        assert " ".join(field.description.split())[:60] in said


def test_every_setting_has_a_default() -> None:
    assert read_settings([])


def test_flags_come_before_the_environment_and_it_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("max_rows: 1\nmax_horizon: 2\nmax_streams: 3\n")
    monkeypatch.setenv(f"{PREFIX}FILE", str(file))
    monkeypatch.setenv(f"{PREFIX}MAX_ROWS", "11")
    monkeypatch.setenv(f"{PREFIX}MAX_HORIZON", "12")
    settings = read_settings(["--max-rows", "21"])
    assert (settings.max_rows, settings.max_horizon, settings.max_streams) == (21, 12, 3)


def test_models_can_be_set_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("models:\n  - {name: a, filter: streaming_kalman, config: {dimension: 2}}\n")
    monkeypatch.setenv(f"{PREFIX}FILE", str(file))
    (model,) = read_settings([]).models
    assert (model.name, model.filter, model.config) == ("a", "streaming_kalman", {"dimension": 2})


@pytest.mark.parametrize("source", ["flag", "environment"])
def test_models_can_be_set_as_json(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    models = json.dumps([{"name": "a", "filter": "streaming_kalman"}, {"name": "b", "filter": "streaming_kalman"}])
    if source == "environment":
        monkeypatch.setenv(f"{PREFIX}MODELS", models)
    settings = read_settings(["--models", models] if source == "flag" else [])
    assert [model.name for model in settings.models] == ["a", "b"]


def test_variables_of_others_do_not_disturb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes sets these for a service of the name stream-filters."""
    monkeypatch.setenv("STREAM_FILTERS_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("STREAM_FILTERS_PORT_8081_TCP", "tcp://10.0.0.1:8081")
    assert read_settings([]).grpc_port == 8081


MEAN_MODEL = {"name": "m", "filter": "running_mean"}
# what is wrong: flags, and the words of the one line
WRONG: dict[str, tuple[list[str], list[str]]] = {
    "number": (["--ttl-seconds", "-3"], ["--ttl-seconds", "greater than 0", "-3"]),
    "not a number": (["--max-rows", "many"], ["--max-rows", "integer", "many"]),
    "nan": (["--ttl-seconds", "nan"], ["--ttl-seconds", "greater than 0"]),
    "endless grace": (["--grace-seconds", "inf"], ["--grace-seconds", "finite"]),
    "port": (["--grpc-port", "65536"], ["--grpc-port", "65535"]),
    "level": (["--log-level", "loud"], ["--log-level", "debug|info|warning|error", "loud"]),
    "store": (["--store", "mongo://x"], ["store URL", "memory://"]),
    "models that are no JSON": (["--models", "kalman"], ["models"]),
    "no models": (["--models", "[]"], ["--models", "at least 1"]),
    "unknown filter": (["--models", '[{"name": "m", "filter": "mean"}]'], ["models", "'mean'", "running_mean"]),
    "name of a model": (["--models", '[{"name": "a/b", "filter": "running_mean"}]'], ["models.0.name", "a/b"]),
    "same name twice": (["--models", json.dumps([MEAN_MODEL] * 2)], ["'m'", "two models"]),
    "key of a model": (["--models", json.dumps([{**MEAN_MODEL, "x": 1}])], ["models.0.x"]),
    "setting of a filter": (
        ["--models", json.dumps([{**MEAN_MODEL, "config": {"prior_sd": 1}}])],
        ["model 'm'", "'prior_sd'", "prior_std"],
    ),
    "value of a filter": (
        ["--models", json.dumps([{**MEAN_MODEL, "config": {"prior_std": "x"}}])],
        ["model 'm'", "prior_std", "'x'"],
    ),
    "half of TLS": (["--tls-cert-file", "/nowhere"], ["--tls-key-file"]),
    "token file": (["--token-file", "/nowhere"], ["/nowhere"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_setting_ends_the_start_with_one_line_that_names_it(
    case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, words = WRONG[case]
    monkeypatch.setitem(REGISTRY, RunningMean.name, RunningMean)
    monkeypatch.setattr(sys, "argv", ["stream_filters", *arguments])
    assert main() == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("stream-filters: ")
    assert [word for word in words if word not in said] == [], said


FILES: dict[str, tuple[str | None, list[str]]] = {
    "missing": (None, ["settings.yaml"]),
    "not YAML": ("models: [", ["settings.yaml"]),
    "a list": ("- max_rows\n", ["settings.yaml"]),
    "unknown setting": ("max_row: 1\n", ["max-row"]),
    "wrong value": ("max_rows: 0\n", ["--max-rows", "greater than or equal to 1"]),
}


@pytest.mark.parametrize("case", FILES)
def test_a_wrong_file_ends_the_start_with_one_line_that_names_it(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, words = FILES[case]
    file = tmp_path / "settings.yaml"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv(f"{PREFIX}FILE", str(file))
    monkeypatch.setattr(sys, "argv", ["stream_filters"])
    assert main() == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert [word for word in words if word not in said] == [], said


def test_an_unknown_flag_ends_the_start() -> None:
    ended = run("--max-row", "3")
    assert ended.returncode == 2
    assert "--max-row" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_a_wrong_setting_ends_the_whole_program() -> None:
    ended = run("--ttl-seconds", "-3")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("flag", ["--grpc-port", "--http-port"])
def test_a_port_that_is_taken_ends_the_start_with_one_line(flag: str) -> None:
    models = json.dumps([MEAN_MODEL])
    ports = {"--grpc-port": "0", "--http-port": "0"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports[flag] = str(taken.getsockname()[1])
        flags = [word for pair in ports.items() for word in pair]
        ended = run("--host", "127.0.0.1", "--models", models, *flags)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert ports[flag] in ended.stderr
