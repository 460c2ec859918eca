"""The command for a person's own machine: what it says of itself, where it listens, and that its streams outlive it."""

import subprocess
import sys
from pathlib import Path

import pytest
from stream_filters import __version__
from stream_filters.command_line import described, read_settings
from stream_filters.filters import REGISTRY
from stream_filters.settings import LocalSettings
from stream_filters_client import StreamClient

from tests.running_mean import RunningMean
from tools import settings_page
from tools.processes import FREE_PORTS, ready

COMMAND = str(Path(sys.executable).parent / "stream-filters-predictor")


def _said(*arguments: str) -> str:
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=True).stdout


def test_it_says_its_version() -> None:
    assert _said("--version") == f"stream-filters-predictor {__version__}\n"


def test_help_names_no_function_and_no_type_of_python() -> None:
    words = _said("--help").split()
    assert not {"factory:", "_all_filters)", "str", "int", "float", "list[JSON]", "Path", "null)"} & set(words)


def test_the_page_of_settings_says_what_the_settings_declare() -> None:
    text = settings_page.PAGE.read_text()
    assert settings_page.page(text) == text, "run `make settings-page`"
    for one in described():
        assert f"| `{one.flag}` | `{one.variable}` | `{one.name}` |" in text


def test_it_is_alone_on_its_machine_and_keeps_its_streams_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "a home?"
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    settings = read_settings([], LocalSettings)
    assert settings.host == "127.0.0.1"
    assert settings.store.get_secret_value().startswith("sqlite:///")
    assert (home / "stream-filters").is_dir()
    changed = {"host", "store"}
    assert settings.model_dump(exclude=changed) == read_settings([]).model_dump(exclude=changed)


def test_streams_go_on_after_the_command_was_ended_and_started_again(tmp_path: Path) -> None:
    home, command = {"XDG_DATA_HOME": str(tmp_path / "a home?")}, [COMMAND, *FREE_PORTS]
    model = next(iter(REGISTRY))
    assert model != RunningMean.name
    with ready(command, **home) as (grpc, _), StreamClient(grpc) as client:
        client.stream(model, sequence_id="kept", keep=True).send([1.0, 2.0])
    with ready(command, **home) as (grpc, _), StreamClient(grpc) as client:
        assert client.stream(model, sequence_id="kept", offset=2).send([3.0]).next_offset == 3
