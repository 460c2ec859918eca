"""What the checks share: rows that any filter takes, and how to fail."""

from typing import Any

import numpy as np

from stream_filters.filters.base import Array, Batch, Filter

ROWS = 300


class CheckError(AssertionError):
    """The filter does not keep its contract."""


def expect(holds: bool, sentence: str) -> None:
    """Raise CheckError with the sentence unless it holds."""
    if not holds:
        raise CheckError(sentence)


def sample(bound: Filter[Any], rows: int = ROWS, seed: int = 1) -> Batch:
    """Rows that any filter takes: a level that wanders and jumps, with noise, some of it missing.

    The noise has scales where the filter honours them.
    """
    random = np.random.default_rng(seed)
    shape = (rows, bound.dimension)
    level = np.cumsum(0.05 * random.standard_normal(shape) + 2.0 * (random.random(shape) < 0.01), axis=0)
    noise = 0.3 * random.standard_normal(shape)
    missing = random.random(rows) < 0.05
    scales = random.uniform(0.3, 3.0, rows) if bound.takes_observation_scales else np.ones(rows)
    observations = level + scales[:, None] * noise
    observations[missing] = np.nan
    return Batch(observations, np.full(rows, bound.nominal_time_delta), scales)


def names(bound: Filter[Any]) -> frozenset[str]:
    """Every output of a run."""
    return frozenset(bound.declared).difference(bound.horizon_names)


def run(bound: Filter[Any], batch: Batch, state: Array | None = None) -> tuple[Array, dict[str, Array]]:
    """The state and every output after a run, from the prior where no state is given."""
    step = bound.run(bound.initial_state() if state is None else state, batch, names(bound))
    return step.state, dict(step.info)


def cut(batch: Batch, start: int, stop: int) -> Batch:
    """Rows start to stop."""
    rows = slice(start, stop)
    return Batch(batch.observations[rows], batch.time_deltas[rows], batch.observation_scales[rows])


def expect_no_infinity(info: dict[str, Array], where: str = "") -> None:
    """Raise CheckError if an output is infinite; `where` ends the sentence."""
    for name, array in info.items():
        expect(not np.isinf(array).any(), f"{name} is infinite{where}")
