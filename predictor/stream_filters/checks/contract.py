"""Checks of what a filter promises to the server: cuts, restores, declarations, gaps."""

import itertools
from typing import Any

import numpy as np

from stream_filters.checks.common import ROWS, CheckError, cut, expect, expect_no_infinity, names, run, sample
from stream_filters.filters.base import HORIZON, TIME, Array, Batch, Filter, Tensor
from stream_filters.streams.records import Belief

_DTYPES = {"FP64": np.float64, "INT64": np.int64}


def cutting_changes_nothing(bound: Filter[Any]) -> None:
    """However a stream is cut into runs, states and outputs are equal to the bit."""
    batch = sample(bound)
    whole_state, whole = run(bound, batch)
    cuts = [0, 1, 2, 3, 10, 11, 64, 65, 200, ROWS]
    state, parts = bound.initial_state(), []
    for start, stop in itertools.pairwise(cuts):
        state, info = run(bound, cut(batch, start, stop), state)
        parts.append(info)
    expect(state.tobytes() == whole_state.tobytes(), f"the state depends on where a stream is cut (at {cuts})")
    for name, array in whole.items():
        joined = np.concatenate([part[name] for part in parts])
        expect(joined.tobytes() == array.tobytes(), f"{name} depends on where a stream is cut (at {cuts})")


def restoring_changes_nothing(bound: Filter[Any]) -> None:
    """A stream that goes on from saved bytes gives what the uninterrupted one gives."""
    batch = sample(bound)
    state, _ = run(bound, cut(batch, 0, 100))
    saved = Belief.decode(Belief.of(bound, 100, state.tobytes()).encoded).restore(bound)
    expected, _ = run(bound, cut(batch, 100, ROWS), state)
    came, _ = run(bound, cut(batch, 100, ROWS), saved)
    expect(came.tobytes() == expected.tobytes(), "a restored state goes on differently from the one that was saved")


def own_states_are_accepted(bound: Filter[Any]) -> None:
    """`verify` raises for no state that runs leave."""
    batch, state = sample(bound), bound.initial_state()
    for row in range(ROWS):
        try:
            bound.verify(state)
        except ValueError as error:
            raise CheckError(f"verify refuses the state after {row} rows: {error}") from error
        state, _ = run(bound, cut(batch, row, row + 1), state)


def arguments_are_untouched(bound: Filter[Any]) -> None:
    """A run and a forecast change neither the state nor the rows that they are given."""
    batch, state = sample(bound), bound.initial_state()
    given = (state, batch.observations, batch.time_deltas, batch.observation_scales)
    before = [array.tobytes() for array in given]
    for array in given:
        array.flags.writeable = False
    after, _ = run(bound, batch, state)
    kept = after.tobytes()
    bound.forecast(after, 3)
    expect(after.tobytes() == kept, "forecast changes the state that it is given")
    came = [array.tobytes() for array in given]
    expect(came == before, "run changes its arguments")


def the_declaration_is_true(bound: Filter[Any]) -> None:
    """Every output has the declared shape and type, alone and with the others; a state its dtype."""
    state = bound.initial_state()
    expect(state.shape == () and state.dtype == bound.state_dtype, "initial_state is not one record of state_dtype")
    for rows in (0, 1, 7):
        after, info = run(bound, sample(bound, rows), state)
        expect(after.dtype == bound.state_dtype, f"the state after {rows} rows has another dtype than state_dtype")
        expect(set(info) == names(bound), f"a run of {rows} rows gives {sorted(info)}, not what was asked for")
        for name, array in info.items():
            _expect_shape(bound.declared[name], array, rows)
    for name in names(bound):
        alone = bound.run(state, sample(bound, 7), frozenset([name])).info
        expect(set(alone) == {name}, f"asked for {name} alone, a run gives {sorted(alone)}")
    for horizon in (1, 4):
        forecast = bound.forecast(state, horizon)
        expect(set(forecast) == set(bound.horizon_names), f"forecast gives {sorted(forecast)}, not what is declared")
        for name, array in forecast.items():
            _expect_shape(bound.declared[name], array, horizon)


def _expect_shape(output: Tensor, array: Array, size: int) -> None:
    wanted = tuple(size if part in (TIME, HORIZON) else part for part in output.shape)
    expect(array.shape == wanted, f"{output.name} has shape {array.shape}, declared is {output.shape} with {size} rows")
    expect(array.dtype == _DTYPES[output.datatype], f"{output.name} is {array.dtype}, declared is {output.datatype}")


def missing_rows_teach_nothing(bound: Filter[Any]) -> None:
    """A missing row is not scored, whatever comes before; after a stream of nothing else the filter is usable."""
    batch = sample(bound)
    state, _ = run(bound, batch)
    nothing = Batch(np.full((50, bound.dimension), np.nan), batch.time_deltas[:50])
    for start in (state, bound.initial_state()):
        after, info = run(bound, nothing, start)
        expect(bool(np.isnan(info["log_evidence"]).all()), "log_evidence of a missing row is a number, not NaN")
        expect(bool(np.isnan(info["pit"]).all()), "pit of a missing row is a number, not NaN")
        _, again = run(bound, batch, after)
        expect_no_infinity(again)
