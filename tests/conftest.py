"""What the tests of several areas share: a predictor of their own for each worker, and a browser."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.browser import Browser, started
from tests.missing import summary
from tests.predictor.process import PredictorProcess

# the same cases at every run; HYPOTHESIS_PROFILE=default looks for new ones
settings.register_profile("repeatable", derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

StartPredictor = Callable[..., PredictorProcess]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was not run, and what would let it run."""
    for line in summary(terminalreporter.stats.get("skipped", [])):
        terminalreporter.write_line(line, yellow=True)


@pytest.fixture(scope="session")
def start_predictor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartPredictor]:
    """Starts predictors with the flags given, and ends them all."""
    started: list[PredictorProcess] = []

    def start(*arguments: str, **environment: str) -> PredictorProcess:
        folder = tmp_path_factory.mktemp("predictor")
        started.append(PredictorProcess(folder, *arguments, environment=environment))
        return started[-1]

    yield start
    # all are told before any is waited for
    for predictor in started:
        predictor.process.terminate()
    for predictor in started:
        predictor.stop()


@pytest.fixture(scope="session")
def served(start_predictor: StartPredictor) -> PredictorProcess:
    """A predictor that serves every filter under its own name, with the settings as they come."""
    return start_predictor()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium."""
    async with started() as browser:
        yield browser
