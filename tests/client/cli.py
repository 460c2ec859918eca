"""The command line in process, and scenarios that a fake predictor can be judged by."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import stamina.instrumentation
from stream_filters_client import cli
from stream_filters_client.scenarios import Scenario, Stream


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Run:
    """`run("replay", ...)` is the command `stream-filters replay ...`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Outcome:
        self._monkeypatch.setattr(sys, "argv", ["stream-filters", *arguments])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        return Outcome(int(exit_.value.code or 0), *self._capsys.readouterr())


@contextmanager
def running(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """The command line, 120 columns wide."""
    monkeypatch.setenv("COLUMNS", "120")
    yield Run(monkeypatch, capsys)
    stamina.instrumentation.set_on_retry_hooks(None)


def level(seed: int, length: int) -> Stream:
    """A constant in noise: the running mean of the fake is the best that there is."""
    noise = np.random.default_rng(seed).normal(size=length)
    before = np.concatenate([[0.0], np.cumsum(5.0 + noise)[:-1] / np.arange(1, length)])
    oracle = {"position_mean": before, "position_std": np.ones(length)}
    return Stream(5.0 + noise, truth={"position": np.full(length, 5.0)}, oracle=lambda: oracle)


SCENARIOS = {
    name: Scenario(name, "streaming_kalman", "a constant in noise", level, {"interval": 0.9})
    for name in ("level", "other")
}
