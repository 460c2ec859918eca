"""Checks of a filter's numbers: units, covariances, odd data, long streams."""

from dataclasses import replace
from typing import Any

import numpy as np

from stream_filters.checks.common import ROWS, expect, expect_no_infinity, run, sample
from stream_filters.filters.base import Batch, Filter, Floats

# of a long stream, whose parts are compared from the second one on
_CHUNK = 10_000
LEAST_STEPS = 3 * _CHUNK
# y -> factor y + offset
_UNITS = ((1e-12, 0.0), (1e-3, 0.0), (1e3, 0.0), (1e12, 0.0), (-1.0, 0.0), (1.0, 1e5), (250.0, -1e6), (-1e-6, 0.03))
_TIME_UNITS = (1e-12, 1e-3, 86_400.0, 1e12)


def units_change_nothing(bound: Filter[Any]) -> None:
    """y -> c y + d changes units alone, to 1e-6, where the filter says that it knows no unit."""
    if not bound.unit_free:
        return
    batch = sample(bound)
    _, plain = run(bound, batch)
    for factor, offset in _UNITS:
        _, moved = run(bound, replace(batch, observations=factor * batch.observations + offset))
        change = moved["log_evidence"] + np.log(abs(factor)) * bound.dimension - plain["log_evidence"]
        _expect_close(change, 1e-6 * ROWS, f"log_evidence under y -> {factor:g} y + {offset:g}")
        mean = (moved["predictive_mean"] - offset) / factor - plain["predictive_mean"]
        _expect_close(
            mean, 1e-6 * float(np.nanstd(batch.observations)), f"predictive_mean under x {factor:g} + {offset:g}"
        )


def time_units_change_nothing(bound: Filter[Any]) -> None:
    """t -> c t changes the unit of time alone, to 1e-6, with regular and irregular steps.

    For filters that take time deltas, where they say that they know no unit of time.
    """
    if not (bound.takes_time_deltas and bound.time_unit_free):
        return
    regular = sample(bound)
    random = np.random.default_rng(6)
    for title, deltas in (("regular", np.ones(ROWS)), ("irregular", random.exponential(1.0, ROWS))):
        _, plain = run(bound, replace(regular, time_deltas=deltas))
        for factor in _TIME_UNITS:
            _, moved = run(bound, replace(regular, time_deltas=factor * deltas))
            for name in ("log_evidence", "predictive_mean", "predictive_std"):
                limit = 1e-6 * max(1.0, float(np.nanmax(np.abs(plain[name]))))
                _expect_close(moved[name] - plain[name], limit, f"{name} with {title} steps, under t -> {factor:g} t,")


def _expect_close(difference: Floats, limit: float, what: str) -> None:
    seen = difference[~np.isnan(difference)]
    expect(len(seen) > 0 and float(np.abs(seen).max()) <= limit, f"{what} differs by more than {limit:g}")


def covariances_are_covariances(bound: Filter[Any]) -> None:
    """Outputs that end in _cov are symmetric, with no eigenvalue below 0 beyond rounding; those in _std not below 0."""
    _, info = run(bound, sample(bound))
    for name, array in info.items():
        if name.endswith("_cov"):
            matrices = array[np.isfinite(array).all(axis=(1, 2))]
            lowest, highest = np.linalg.eigvalsh(matrices)[:, [0, -1]].T
            expect(bool((matrices == matrices.transpose(0, 2, 1)).all()), f"{name} is not symmetric")
            expect(bool((lowest >= -1e-9 * highest).all()), f"{name} has an eigenvalue below 0")
        if name.endswith("_std"):
            expect(bool((array[~np.isnan(array)] >= 0).all()), f"{name} is below 0")


def honest_but_odd_data_stays_finite(bound: Filter[Any]) -> None:
    """Constant, quantised, huge, tiny and jumping series give no infinity, and the filter recovers after them."""
    rows, ordinary = 200, sample(bound)
    random = np.random.default_rng(3)
    odd = {
        "a constant series": np.full(rows, 3.0),
        "zeros": np.zeros(rows),
        "quantised values, the first ones equal": np.concatenate([np.full(20, 5.0), random.integers(4, 7, rows - 20)]),
        "a first value far off": np.concatenate([[1e9], random.standard_normal(rows - 1)]),
        "huge values": 1e100 * random.standard_normal(rows),
        "tiny values": 1e-100 * random.standard_normal(rows),
        "a jump of 1e12": np.concatenate([random.standard_normal(100), 1e12 + random.standard_normal(100)]),
    }
    for title, values in odd.items():
        observations = values[:, None] * np.ones(bound.dimension)
        after, info = run(bound, Batch(observations, np.full(rows, bound.nominal_time_delta)))
        expect_no_infinity(info, f" after {title}")
        _, later = run(bound, ordinary, after)
        expect_no_infinity(later, f" on ordinary rows after {title}")
        scored = later["log_evidence"][-100:][~np.isnan(ordinary.observations[-100:]).any(axis=1)]
        expect(not np.isnan(scored).any(), f"log_evidence is NaN on ordinary rows after {title}")


def stays_stable(bound: Filter[Any], steps: int = 1_000_000) -> None:
    """After so many steps everything is finite, and the last rows are scored as well as the first.

    Raises ValueError for fewer steps than LEAST_STEPS.
    """
    if steps < LEAST_STEPS:
        raise ValueError(
            f"{steps} steps came, expected {LEAST_STEPS} or more: the first {_CHUNK} only settle the filter"
        )
    state, scores = bound.initial_state(), []
    names = frozenset(["log_evidence", "predictive_mean", "predictive_std"])
    random = np.random.default_rng(5)
    for _ in range(-(-steps // _CHUNK)):
        rows = random.standard_normal((_CHUNK, bound.dimension))
        step = bound.run(state, Batch(rows, np.full(_CHUNK, bound.nominal_time_delta)), names)
        state = step.state
        scores.append(float(np.nanmean(step.info["log_evidence"])))
        expect_no_infinity(dict(step.info), f" within {steps} steps")
    expect(scores[-1] > scores[1] - 0.1, f"mean log_evidence falls from {scores[1]:.3f} to {scores[-1]:.3f}")
