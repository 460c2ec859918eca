"""A minute of the siege that `make chaos` lays for longer."""

from pathlib import Path

import pytest

from tests.durability.chaos import besiege


@pytest.mark.parametrize("store", ["sqlite", "valkey", "sentinel"])
def test_under_siege_every_answer_is_that_of_the_uninterrupted_run(store: str, tmp_path: Path) -> None:
    tally = besiege(store, tmp_path, kills=1000, seconds=20.0, seed=7)
    assert tally.findings == []
    assert tally.counts["requests"] > 50
    assert sum(tally.counts.get(what, 0) for what in ("predictors killed", "stores killed", "fail-overs")) >= 1
