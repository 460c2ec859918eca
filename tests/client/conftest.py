import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from stream_filters_client import cli
from stream_filters_client.commands import list as list_command
from stream_filters_client.input import feeds

from tests.client.command import Outcome, Run
from tests.client.fake_predictor import FakePredictor
from tests.client.faulty_proxy import FaultyProxy
from tests.client.levels import SCENARIOS
from tests.predictor.process import PredictorProcess

OpenProxy = Callable[..., FaultyProxy]


@pytest.fixture
def predictor() -> Iterator[FakePredictor]:
    with FakePredictor() as predictor:
        yield predictor


@pytest.fixture
def proxy(served: PredictorProcess) -> Iterator[OpenProxy]:
    with ExitStack() as stack:
        yield lambda *cuts: stack.enter_context(FaultyProxy(served.grpc_address, *cuts))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["stream-filters", *arguments])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        return Outcome(int(exit_.value.code or 0), *capsys.readouterr())

    monkeypatch.setenv("COLUMNS", "120")
    return run


@pytest.fixture
def scenarios(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenarios that suit the fake predictor, in place of the real ones."""
    for module in (feeds, list_command):
        monkeypatch.setattr(module, "SCENARIOS", SCENARIOS)
