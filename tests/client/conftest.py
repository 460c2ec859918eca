from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

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
