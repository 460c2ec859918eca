"""Where the records of an autoregression stand in the flat arrays that its kernels are given.

A state keeps a node's numbers together; a run takes them apart, so that each number stands beside that of the next
node.
"""

from typing import NamedTuple

import numpy as np

from stream_filters.filters.autoregression.records import (
    NAMES,
    NO_WEIGHT,
    VARIANCE,
    Belief,
    Grid,
    Scratch,
    Sizes,
    State,
    Work,
    stride,
)
from stream_filters.filters.autoregression.window import Window
from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.layout import Layout

GRID = Layout(Grid, Sizes, NAMES)
STATE = Layout(State, Sizes, NAMES)
SCRATCH = Layout(Scratch, Sizes, NAMES)

view_grid = GRID.viewer()
view_state = STATE.viewer()
view_scratch = SCRATCH.viewer()


class Parts(NamedTuple):
    """What kernels work with, each record as the words that its layout says."""

    grid: Floats
    scratch: Floats
    state: Floats


@inlined
def belief_of(state: State, scratch: Scratch) -> Belief:
    """The belief: its nodes in the scratch, the rest as the state has it."""
    nodes = scratch.nodes
    return Belief(
        mean=nodes.mean,
        cov=nodes.cov,
        b=nodes.b,
        half_dof=nodes.half_dof,
        weight=nodes.weight,
        lags=state.lags,
        lag_variances=state.lag_variances,
        scales=state.scales,
    )


@inlined
def window_of(state: State, grid: Grid) -> Window:
    """The window that a state keeps, of no rows where there is none."""
    return Window(rows=state.window_rows, latest=state.window_latest, place=state.window_place, prior=grid.window_prior)


@compiled
def load(state: State, grid: Grid, belief: Belief, work: Work, sizes: Sizes) -> None:
    """Take a state's nodes apart; those that fill up vectors have no weight and know nothing."""
    a, b, weight, mean, cov = state.a, state.b, state.weight, state.mean, state.cov
    lanes, nodes = np.uint64(stride(sizes)), np.uint64(sizes.nodes)
    work.reading[0], work.reading[1] = 1.0, 0.0
    for j in range(belief.b.shape[0]):
        belief.half_dof[j] = a[grid.group[j]]
        belief.b[j], belief.weight[j] = belief.scales[VARIANCE], NO_WEIGHT
    belief.mean[:] = 0.0
    belief.cov[:] = 0.0
    for v in range(sizes.variants):
        to, of = np.uint64(v) * lanes, np.uint64(v) * nodes
        for j in range(nodes):
            belief.b[to + j], belief.weight[to + j] = b[of + j], weight[of + j]
        for i in range(mean.shape[1]):
            for j in range(nodes):
                belief.mean[i, to + j] = mean[of + j, i]
        for i in range(cov.shape[1]):
            for j in range(nodes):
                belief.cov[i, to + j] = cov[of + j, i]


@compiled
def store(state: State, belief: Belief, sizes: Sizes) -> None:
    """Put a belief's nodes together again, in the state."""
    a, b, weight, mean, cov = state.a, state.b, state.weight, state.mean, state.cov
    lanes, nodes = np.uint64(stride(sizes)), np.uint64(sizes.nodes)
    for g in range(a.shape[0]):
        a[g] = belief.half_dof[g]
    for v in range(sizes.variants):
        of, to = np.uint64(v) * lanes, np.uint64(v) * nodes
        for j in range(nodes):
            b[to + j], weight[to + j] = belief.b[of + j], belief.weight[of + j]
        for i in range(mean.shape[1]):
            for j in range(nodes):
                mean[to + j, i] = belief.mean[i, of + j]
        for i in range(cov.shape[1]):
            for j in range(nodes):
                cov[to + j, i] = belief.cov[i, of + j]
