"""The command: what it needs, what it refuses, and how it ends."""

import importlib.util
import socket
from importlib.machinery import ModuleSpec

import pytest

from tests.client.command import Run


def test_without_its_extra_it_says_how_to_install_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def without_bokeh(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "bokeh" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_bokeh)
    outcome = run("dashboard", "--no-open")
    assert outcome.code == 2
    assert "pip install 'stream-filters-client[dashboard]'" in outcome.err


def test_a_port_that_is_taken_is_one_sentence(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        outcome = run("dashboard", "--no-open", "--port", port, "--target", "127.0.0.1:1")
    assert outcome.code == 2
    assert f"port {port} of 127.0.0.1 cannot be opened" in outcome.err
    assert "--port" in outcome.err


def test_an_unknown_scenario_is_refused_before_anything_is_served(run: Run) -> None:
    outcome = run("dashboard", "--no-open", "nothing", "--target", "127.0.0.1:1")
    assert outcome.code == 2
    assert "list --scenarios" in outcome.err
