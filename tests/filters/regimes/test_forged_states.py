"""States that no run can have left are refused by what is wrong with them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from stream_filters.filters.base import Array, Batch
from stream_filters.filters.regimes.filter import AdaptiveMixture, AdaptiveMixtureConfig
from stream_filters.filters.regimes.records import (
    CURRENT,
    FAULTY,
    LEVEL_VAR,
    PRIOR_RATE,
    RATE,
    RUN_LENGTH,
    SHAPE,
    SPREAD,
)

MIXTURE = AdaptiveMixture(AdaptiveMixtureConfig())


def state_after(rows: int) -> Array:
    """A state of a stream with two regimes."""
    noise = np.random.default_rng(rows).standard_normal(rows) + 6.0 * (np.arange(rows) // 20 % 2)
    batch = Batch(noise[:, None], np.ones(rows))
    return np.array(MIXTURE.run(MIXTURE.initial_state(), batch, frozenset()).state)


def put(field: str, place: Any, value: float) -> Callable[[Array], None]:
    def change(state: Array) -> None:
        state[field][place] = value

    return change


@pytest.mark.parametrize("rows", [0, 1, 5, 10, 11, 80, 400])
def test_what_runs_leave_is_taken(rows: int) -> None:
    MIXTURE.verify(state_after(rows))


@pytest.mark.parametrize(
    "change",
    [
        put("log_weight", 0, np.nan),
        put("log_weight", 0, 0.7),
        put("log_weight", slice(None), -50.0),
        put("restless", 3, 1.5),
        put("echo", 2, np.inf),
        put("echo", 2, 1e5),
        put("status", (0, CURRENT), 3),
        put("status", (0, RUN_LENGTH), 10**6),
        put("occupancy", (1, 1), -0.1),
        put("occupancy", (1, slice(None)), 1.0),
        put("transitions", (0, 0, 0), -1.0),
        put("label", (0, slice(None)), 0),
        put("last_used", (0, 0), 10**9),
        put("regimes", (0, SHAPE), 0.9),
        put("regimes", (0, RATE), 0.0),
        put("regimes", (13, LEVEL_VAR), -1.0),
        put("regimes", (0, PRIOR_RATE), 1e9),
        put("reference", (0, 1), -1.0),
        put("course", FAULTY, 2.0),
        put("course", SPREAD, 0.0),
        put("units", 3, np.nan),
        put("units", 3, 0.0),
        put("clock", 3, 3),
        put("latest", 4, np.inf),
    ],
)
def test_what_no_run_can_leave_is_refused(change: Callable[[Array], None]) -> None:
    state = state_after(80)
    change(state)
    with pytest.raises(ValueError, match=r"^(its|a|more|where) "):
        MIXTURE.verify(state)
