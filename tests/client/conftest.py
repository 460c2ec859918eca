from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from stream_filters_client import feeds
from stream_filters_client.commands import list as list_command

from tests.client.cli import SCENARIOS, Run, running
from tests.client.fake_predictor import FakePredictor
from tests.client.faulty_proxy import FaultyProxy
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
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs the command line in process."""
    with running(monkeypatch, capsys) as run:
        yield run


@pytest.fixture
def scenarios(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenarios that suit the fake predictor, in place of the real ones."""
    for module in (feeds, list_command):
        monkeypatch.setattr(module, "SCENARIOS", SCENARIOS)
