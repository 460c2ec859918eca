"""Callers of the predictors under test."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from stream_filters.streams.runner import Runner

from tests.conftest import StartPredictor
from tests.predictor.in_process import TELEMETRY
from tests.predictor.models import MEAN
from tests.predictor.process import PredictorProcess
from tests.predictor.v2 import Caller

SMALL = {
    "--max-streams": "4",
    "--max-waiting": "3",
    "--max-rows": "50000",
    "--max-batch-rows": "60000",
    "--max-batch-streams": "8",
    "--max-horizon": "20",
    "--ttl-seconds": "3",
    "--max-message-bytes": "2000000",
}
# the limit on live streams is a model's own, so each test that needs it has a model of its own
SMALL_MODELS = ["crowded", "ending", "again", "retried", "together", "rushed", "expiring", "waiting", "sizes"]


@pytest.fixture(scope="session")
def caller(served: PredictorProcess) -> Caller:
    """Calls the predictor that serves every filter."""
    return Caller(served.grpc_address)


@pytest.fixture(scope="session")
def small(start_predictor: StartPredictor) -> Caller:
    """Calls a predictor with small limits and short-lived streams."""
    models = json.dumps([{"name": name, "filter": MEAN} for name in SMALL_MODELS])
    flags = [word for flag in SMALL.items() for word in flag]
    return Caller(start_predictor("--models", models, *flags).grpc_address)


@pytest.fixture
def sequence(request: pytest.FixtureRequest) -> str:
    """A stream that no other test uses."""
    return request.node.name[:100]


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    """Computes in this process."""
    with ThreadPoolExecutor(2) as executor:
        yield Runner(executor, 2, TELEMETRY)
