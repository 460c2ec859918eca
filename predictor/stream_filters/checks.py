"""What every filter is held to, yours too: `python -m stream_filters.checks package.module:Filter`.

Each check takes a bound filter and raises `CheckError`, whose sentence says what was expected and what came.
"""

import argparse
import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from stream_filters.filters.base import HORIZON, TIME, Array, Batch, Filter, Floats, Tensor
from stream_filters.records import Belief

_ROWS = 300
_DTYPES = {"FP64": np.float64, "INT64": np.int64}


class CheckError(AssertionError):
    """The filter does not keep its contract."""


def _expect(holds: bool, sentence: str) -> None:
    if not holds:
        raise CheckError(sentence)


def sample(bound: Filter[Any], rows: int = _ROWS, seed: int = 1) -> Batch:
    """Rows that any filter takes: a level that wanders and jumps, with noise, some of it missing."""
    random = np.random.default_rng(seed)
    shape = (rows, bound.dimension)
    level = np.cumsum(0.05 * random.standard_normal(shape) + 2.0 * (random.random(shape) < 0.01), axis=0)
    observations = level + 0.3 * random.standard_normal(shape)
    observations[random.random(rows) < 0.05] = np.nan
    return Batch(observations, np.full(rows, bound.nominal_time_delta))


def _names(bound: Filter[Any]) -> frozenset[str]:
    return frozenset(bound.declared).difference(bound.horizon_names)


def _run(bound: Filter[Any], batch: Batch, state: Array | None = None) -> tuple[Array, dict[str, Array]]:
    step = bound.run(bound.initial_state() if state is None else state, batch, _names(bound))
    return step.state, dict(step.info)


def _cut(batch: Batch, start: int, stop: int) -> Batch:
    return Batch(batch.observations[start:stop], batch.time_deltas[start:stop])


def cutting_changes_nothing(bound: Filter[Any]) -> None:
    """However a stream is cut into runs, states and outputs are equal to the bit."""
    batch = sample(bound)
    whole_state, whole = _run(bound, batch)
    cuts = [0, 1, 2, 3, 10, 11, 64, 65, 200, _ROWS]
    state, parts = bound.initial_state(), []
    for start, stop in itertools.pairwise(cuts):
        state, info = _run(bound, _cut(batch, start, stop), state)
        parts.append(info)
    _expect(state.tobytes() == whole_state.tobytes(), f"the state depends on where a stream is cut (at {cuts})")
    for name, array in whole.items():
        joined = np.concatenate([part[name] for part in parts])
        _expect(joined.tobytes() == array.tobytes(), f"{name} depends on where a stream is cut (at {cuts})")


def restoring_changes_nothing(bound: Filter[Any]) -> None:
    """A stream that goes on from saved bytes gives what the uninterrupted one gives."""
    batch = sample(bound)
    state, _ = _run(bound, _cut(batch, 0, 100))
    saved = Belief.decode(Belief.of(bound, 100, state).encode()).restore(bound)
    expected, _ = _run(bound, _cut(batch, 100, _ROWS), state)
    came, _ = _run(bound, _cut(batch, 100, _ROWS), saved)
    _expect(came.tobytes() == expected.tobytes(), "a restored state goes on differently from the one that was saved")


def own_states_are_accepted(bound: Filter[Any]) -> None:
    """`verify` raises for no state that runs leave."""
    batch, state = sample(bound), bound.initial_state()
    for row in range(_ROWS):
        try:
            bound.verify(state)
        except ValueError as error:
            raise CheckError(f"verify refuses the state after {row} rows: {error}") from error
        state, _ = _run(bound, _cut(batch, row, row + 1), state)


def arguments_are_untouched(bound: Filter[Any]) -> None:
    """A run and a forecast change neither the state nor the rows that they are given."""
    batch, state = sample(bound), bound.initial_state()
    before = state.tobytes(), batch.observations.tobytes(), batch.time_deltas.tobytes()
    for array in (state, batch.observations, batch.time_deltas):
        array.flags.writeable = False
    after, _ = _run(bound, batch, state)
    kept = after.tobytes()
    bound.forecast(after, 3)
    _expect(after.tobytes() == kept, "forecast changes the state that it is given")
    came = state.tobytes(), batch.observations.tobytes(), batch.time_deltas.tobytes()
    _expect(came == before, "run changes its arguments")


def the_declaration_is_true(bound: Filter[Any]) -> None:
    """Every output has the declared shape and type, alone and with the others; a state its dtype."""
    state = bound.initial_state()
    _expect(state.shape == () and state.dtype == bound.state_dtype, "initial_state is not one record of state_dtype")
    for rows in (0, 1, 7):
        after, info = _run(bound, sample(bound, rows), state)
        _expect(after.dtype == bound.state_dtype, f"the state after {rows} rows has another dtype than state_dtype")
        _expect(set(info) == _names(bound), f"a run of {rows} rows gives {sorted(info)}, not what was asked for")
        for name, array in info.items():
            _expect_shape(bound.declared[name], array, rows)
    for name in _names(bound):
        alone = bound.run(state, sample(bound, 7), frozenset([name])).info
        _expect(set(alone) == {name}, f"asked for {name} alone, a run gives {sorted(alone)}")
    for horizon in (1, 4):
        forecast = bound.forecast(state, horizon)
        _expect(set(forecast) == set(bound.horizon_names), f"forecast gives {sorted(forecast)}, not what is declared")
        for name, array in forecast.items():
            _expect_shape(bound.declared[name], array, horizon)


def _expect_shape(output: Tensor, array: Array, size: int) -> None:
    wanted = tuple(size if part in (TIME, HORIZON) else part for part in output.shape)
    _expect(
        array.shape == wanted, f"{output.name} has shape {array.shape}, declared is {output.shape} with {size} rows"
    )
    _expect(array.dtype == _DTYPES[output.datatype], f"{output.name} is {array.dtype}, declared is {output.datatype}")


def missing_rows_teach_nothing(bound: Filter[Any]) -> None:
    """A missing row is not scored, whatever comes before; after a stream of nothing else the filter is usable."""
    batch = sample(bound)
    state, _ = _run(bound, batch)
    nothing = Batch(np.full((50, bound.dimension), np.nan), batch.time_deltas[:50])
    for start in (state, bound.initial_state()):
        after, info = _run(bound, nothing, start)
        _expect(bool(np.isnan(info["log_evidence"]).all()), "log_evidence of a missing row is a number, not NaN")
        _expect(bool(np.isnan(info["pit"]).all()), "pit of a missing row is a number, not NaN")
        _, again = _run(bound, batch, after)
        _expect_no_infinity(again)


def units_change_nothing(bound: Filter[Any]) -> None:
    """y -> c y + d changes units alone, to 1e-6, where the filter says that it knows no unit."""
    if not bound.unit_free:
        return
    batch = sample(bound)
    _, plain = _run(bound, batch)
    for factor, offset in ((1e-3, 0.0), (1e3, 0.0), (1.0, 1e5), (250.0, -1e6)):
        _, moved = _run(bound, Batch(factor * batch.observations + offset, batch.time_deltas))
        change = moved["log_evidence"] + np.log(factor) * bound.dimension - plain["log_evidence"]
        _expect_close(change, 1e-6 * _ROWS, f"log_evidence under y -> {factor:g} y + {offset:g}")
        mean = (moved["predictive_mean"] - offset) / factor - plain["predictive_mean"]
        _expect_close(
            mean, 1e-6 * float(np.nanstd(batch.observations)), f"predictive_mean under x {factor:g} + {offset:g}"
        )


def _expect_close(difference: Floats, limit: float, what: str) -> None:
    seen = difference[~np.isnan(difference)]
    _expect(len(seen) > 0 and float(np.abs(seen).max()) <= limit, f"{what} differs by more than {limit:g}")


def covariances_are_covariances(bound: Filter[Any]) -> None:
    """Outputs that end in _cov are symmetric, with no eigenvalue below 0 beyond rounding; those in _std not below 0."""
    _, info = _run(bound, sample(bound))
    for name, array in info.items():
        if name.endswith("_cov"):
            matrices = array[np.isfinite(array).all(axis=(1, 2))]
            lowest, highest = np.linalg.eigvalsh(matrices)[:, [0, -1]].T
            _expect(bool((matrices == matrices.transpose(0, 2, 1)).all()), f"{name} is not symmetric")
            _expect(bool((lowest >= -1e-9 * highest).all()), f"{name} has an eigenvalue below 0")
        if name.endswith("_std"):
            _expect(bool((array[~np.isnan(array)] >= 0).all()), f"{name} is below 0")


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
        after, info = _run(bound, Batch(observations, np.full(rows, bound.nominal_time_delta)))
        _expect_no_infinity(info, f" after {title}")
        _, later = _run(bound, ordinary, after)
        _expect_no_infinity(later, f" on ordinary rows after {title}")
        scored = later["log_evidence"][-100:][~np.isnan(ordinary.observations[-100:]).any(axis=1)]
        _expect(not np.isnan(scored).any(), f"log_evidence is NaN on ordinary rows after {title}")


def _expect_no_infinity(info: dict[str, Array], where: str = "") -> None:
    for name, array in info.items():
        _expect(not np.isinf(array).any(), f"{name} is infinite{where}")


def stays_stable(bound: Filter[Any], steps: int = 1_000_000) -> None:
    """After so many steps everything is finite, and the last rows are scored as well as the first."""
    state, scores = bound.initial_state(), []
    names = frozenset(["log_evidence", "predictive_mean", "predictive_std"])
    random = np.random.default_rng(5)
    chunk = 10_000
    for _ in range(-(-steps // chunk)):
        rows = random.standard_normal((chunk, bound.dimension))
        step = bound.run(state, Batch(rows, np.full(chunk, bound.nominal_time_delta)), names)
        state = step.state
        scores.append(float(np.nanmean(step.info["log_evidence"])))
        _expect_no_infinity(dict(step.info), f" within {steps} steps")
    _expect(scores[-1] > scores[1] - 0.1, f"mean log_evidence falls from {scores[1]:.3f} to {scores[-1]:.3f}")


CHECKS: tuple[Callable[[Filter[Any]], None], ...] = (
    cutting_changes_nothing,
    restoring_changes_nothing,
    own_states_are_accepted,
    arguments_are_untouched,
    the_declaration_is_true,
    missing_rows_teach_nothing,
    units_change_nothing,
    covariances_are_covariances,
    honest_but_odd_data_stays_finite,
)


def failures(bound: Filter[Any]) -> Iterator[tuple[str, str]]:
    """The name and the sentence of every check that the filter does not pass."""
    for check in (*CHECKS, stays_stable):
        try:
            check(bound)
        except CheckError as error:
            yield check.__name__, str(error)


def main() -> int:
    """Check the filter that the command line names. Returns 1 when a check fails."""
    parser = argparse.ArgumentParser(prog="python -m stream_filters.checks", description=__doc__)
    parser.add_argument("filter", help="package.module:Class")
    parser.add_argument("--config", default="{}", help="settings of the filter, as JSON")
    arguments = parser.parse_args()
    module, _, name = arguments.filter.partition(":")
    kind = getattr(importlib.import_module(module), name)
    found = list(failures(kind(kind.config_type.model_validate_json(arguments.config))))
    for check, sentence in found:
        sys.stdout.write(f"FAILED {check}: {sentence}\n")
    sys.stdout.write(f"{len(CHECKS) + 1 - len(found)} passed, {len(found)} failed\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
