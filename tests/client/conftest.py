from collections.abc import Iterator

import pytest

from tests.client.fake_predictor import FakePredictor


@pytest.fixture
def predictor() -> Iterator[FakePredictor]:
    with FakePredictor() as predictor:
        yield predictor
