"""Checks of `Batch.observation_scales`: how good each reading is, for filters that take it."""

from dataclasses import replace
from typing import Any

import numpy as np

from stream_filters.checks.common import ROWS, expect, run, sample
from stream_filters.filters.base import Batch, Filter

_SETTLED = ROWS // 3
# of noise whose standard deviation is 0.2 or 5 times the usual one, nats a row; a filter that is told gains about 0.7
_LEAST_GAIN = 0.2


def scales_of_one_change_nothing(bound: Filter[Any]) -> None:
    """Rows that are all as good as usual give the bits of rows that say nothing of it."""
    batch = replace(sample(bound), observation_scales=np.ones(ROWS))
    plain_state, plain = run(bound, Batch(batch.observations, batch.time_deltas))
    state, info = run(bound, batch)
    expect(state.tobytes() == plain_state.tobytes(), "the state depends on whether scales of 1 are given")
    for name, array in plain.items():
        expect(info[name].tobytes() == array.tobytes(), f"{name} depends on whether scales of 1 are given")


def scales_do_what_is_declared(bound: Filter[Any]) -> None:
    """Scales are honoured where `takes_observation_scales` says so, and change nothing elsewhere.

    Honoured: noise whose standard deviation the scales tell is predicted better than where they are kept back, and a
    row with a larger scale has a wider predictive.
    """
    random = np.random.default_rng(4)
    scales = random.choice([0.2, 5.0], ROWS)
    observations = scales[:, None] * random.standard_normal((ROWS, bound.dimension))
    deltas = np.full(ROWS, bound.nominal_time_delta)
    state, with_scales = run(bound, Batch(observations, deltas, scales))
    plain_state, without = run(bound, Batch(observations, deltas))
    if not bound.takes_observation_scales:
        expect(state.tobytes() == plain_state.tobytes(), "scales change the state, but are not declared as taken")
        return
    gain = np.nanmean((with_scales["log_evidence"] - without["log_evidence"])[_SETTLED:]) / bound.dimension
    expect(bool(gain >= _LEAST_GAIN), f"scales gain {gain:.3g} nats a row, expected {_LEAST_GAIN:g} or more")
    one = Batch(observations[:1], deltas[:1], np.array([1.0]))
    usual, poor = (run(bound, replace(one, observation_scales=np.array([scale])), state)[1] for scale in (1.0, 5.0))
    wider = poor["predictive_std"] > usual["predictive_std"]
    expect(bool(wider.all()), "predictive_std of a row does not grow with its observation scale")
