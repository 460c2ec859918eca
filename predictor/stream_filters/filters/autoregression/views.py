"""An autoregression's arguments as few flat arrays, and the views into them that its kernels work with.

Handing over sixty arrays takes longer than filtering a row. A state keeps a node's numbers together; a run takes them
apart, so that each number stands beside that of the next node.
"""

import math
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from stream_filters.filters.autoregression.records import NO_WEIGHT, Belief, Grid, Indices, Sizes, Work, stride
from stream_filters.filters.autoregression.window import Window
from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.student_t_lanes import TERMS
from stream_filters.filters.numerics.student_t_mixtures import PADDING, Mixture, view_mixture

# numbers that begin a state, as whole numbers
STARTED, ABSORBED, WARM_COUNT = range(3)
_COUNTS = 3
_GRID_BY_NODE = 8
_SETTINGS = 6
_WORK_BY_NODE = 12
_EXPONENT_LIMIT = 1000


class Parts(NamedTuple):
    """What kernels work with. group, real: of the grid, see `pack_grid`. room: see `room_for`. state: its words."""

    group: Indices
    real: Floats
    room: Floats
    state: Floats


def warm_up_values(order: int) -> int:
    """How many values a state can gather before it starts."""
    return 2 * (order + 4)


def pack_grid(grid: Grid) -> tuple[Indices, Floats]:
    """The whole and the real numbers of a grid, as `view_grid` takes them."""
    by_node = grid[:_GRID_BY_NODE]
    rest = grid.clean, grid.mass, grid.settings, grid.window_prior, grid.ends
    return grid.group, np.concatenate([*by_node, *rest])


@inlined
def view_grid(group: Indices, real: Floats, sizes: Sizes) -> Grid:
    """The grid that `pack_grid` packed."""
    m, v = group.shape[0], sizes.variants
    by_node, rest = real[: _GRID_BY_NODE * m].reshape((_GRID_BY_NODE, m)), real[_GRID_BY_NODE * m :]
    settings = rest[2 * v :]
    return Grid(
        level_drift=by_node[0],
        coefficient_drift=by_node[1],
        prior=by_node[2],
        restarts=by_node[3],
        retain=by_node[4],
        outlier_share=by_node[5],
        narrow=by_node[6],
        wide=by_node[7],
        group=group,
        clean=rest[:v],
        mass=rest[v : 2 * v],
        settings=settings[:_SETTINGS],
        window_prior=settings[_SETTINGS : _SETTINGS + 2],
        ends=settings[_SETTINGS + 2 : _SETTINGS + 5],
    )


@register_jitable
def components_of(sizes: Sizes) -> int:
    """Most components of a mixture: every node, the wide branch of each variant, and a common one; whole vectors."""
    return sizes.variants * (stride(sizes) + 1) + 1 + PADDING


def room_for(sizes: Sizes) -> Floats:
    """Room for the belief and the work of a run, and for a mixture."""
    m, d, v = sizes.variants * stride(sizes), sizes.order + 1, sizes.variants
    packed = d * (d + 1) // 2
    belief = (3 + d + packed) * m
    work = (_WORK_BY_NODE + 1 + 2 * d) * m + v * (4 + d + packed) + sizes.memories + 2 + d * d + 2 * sizes.order
    return np.zeros(belief + work + (4 + TERMS) * components_of(sizes))


@inlined
def view_belief(words: Floats, room: Floats, sizes: Sizes) -> tuple[Belief, Floats]:
    """The belief in its room, with what stays in the state's `words`, and the rest of the room."""
    m, d, v, p = sizes.variants * stride(sizes), sizes.order + 1, sizes.variants, sizes.order
    packed = d * (d + 1) // 2
    by_node = room[: (3 + d + packed) * m].reshape((3 + d + packed, m))
    scales = words[_COUNTS + 2 * (p + 4) :]
    lags = scales[2 : 2 + 2 * v * p].reshape((2, v, p))
    belief = Belief(
        mean=by_node[3 : 3 + d],
        cov=by_node[3 + d :],
        b=by_node[0],
        half_dof=by_node[1],
        weight=by_node[2],
        lags=lags[0],
        lag_variances=lags[1],
        scales=scales[:2],
    )
    return belief, room[(3 + d + packed) * m :]


@inlined
def view_nodes(words: Floats, sizes: Sizes) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """The state's a [g], b and weight [n], mean [n, d] and cov [n, packed]."""
    n, d, g = sizes.variants * sizes.nodes, sizes.order + 1, sizes.memories
    packed = d * (d + 1) // 2
    kept = words[_COUNTS + 2 * (sizes.order + 4) + 2 + 2 * sizes.variants * sizes.order :]
    vectors = kept[g + 2 * n :]
    mean, cov = vectors[: n * d].reshape((n, d)), vectors[n * d : n * (d + packed)].reshape((n, packed))
    return kept[:g], kept[g : g + n], kept[g + n : g + 2 * n], mean, cov


@inlined
def view_window(words: Floats, grid: Grid, sizes: Sizes) -> Window:
    """The window at the end of a state, of no rows where there is none."""
    p, kept = sizes.order, sizes.window
    size = kept * (p + 1) + p + 2 if kept > 0 else 0
    end = words[words.shape[0] - size :]
    return Window(
        rows=end[: kept * (p + 1)].reshape((kept, p + 1)),
        latest=end[kept * (p + 1) : kept * (p + 1) + p],
        place=end[max(size - 2, 0) :].view(np.int64),
        prior=grid.window_prior,
    )


@inlined
def view_work(room: Floats, sizes: Sizes) -> tuple[Work, Mixture]:
    """The work and the mixture in the room that a belief leaves."""
    m, d, v, p = sizes.variants * stride(sizes), sizes.order + 1, sizes.variants, sizes.order
    packed = d * (d + 1) // 2
    by_node = room[: _WORK_BY_NODE * m].reshape((_WORK_BY_NODE, m))
    rest = room[_WORK_BY_NODE * m :]
    heavy, vectors, rest = rest[:m], rest[m : (1 + 2 * d) * m].reshape((2, d, m)), rest[(1 + 2 * d) * m :]
    by_variant, rest = rest[: v * (4 + d + packed)], rest[v * (4 + d + packed) :]
    normaliser, unit, rest = (
        rest[: sizes.memories],
        rest[sizes.memories : sizes.memories + 2],
        rest[sizes.memories + 2 :],
    )
    factor, steps, rest = rest[: d * d], rest[d * d : d * d + 2 * p], rest[d * d + 2 * p :]
    work = Work(
        regressors=vectors[0],
        product=vectors[1],
        variance=by_node[0],
        location=by_node[1],
        spread=by_node[2],
        log_likelihood=by_node[3],
        outlier=by_node[4],
        share=by_node[5],
        light=by_node[6],
        first=by_node[7],
        second=by_node[8],
        third=by_node[9],
        fourth=by_node[10],
        noise=by_node[11],
        heavy=heavy.view(np.uint64),
        moments=by_variant[: 2 * v].reshape((v, 2)),
        pooled_mean=by_variant[4 * v : (4 + d) * v].reshape((v, d)),
        pooled_cov=by_variant[(4 + d) * v :].reshape((v, packed)),
        pooled=by_variant[2 * v : 4 * v].reshape((v, 2)),
        normaliser=normaliser,
        unit=unit,
        factor=factor.reshape((d, d)),
        room=steps.reshape((2, p)),
    )
    return work, view_mixture(rest, components_of(sizes))


@compiled
def load(words: Floats, grid: Grid, belief: Belief, work: Work, sizes: Sizes) -> None:
    """Take a state's nodes apart; those that fill up vectors have no weight and know nothing."""
    a, b, weight, mean, cov = view_nodes(words, sizes)
    lanes, nodes = np.uint64(stride(sizes)), np.uint64(sizes.nodes)
    unit = min(max(-math.frexp(belief.scales[1])[1], -_EXPONENT_LIMIT), _EXPONENT_LIMIT)
    work.unit[0], work.unit[1] = math.ldexp(1.0, unit), unit * math.log(2.0)
    for j in range(belief.b.shape[0]):
        belief.half_dof[j] = a[grid.group[j]]
        belief.b[j], belief.weight[j] = belief.scales[1], NO_WEIGHT
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
def store(words: Floats, belief: Belief, sizes: Sizes) -> None:
    """Put a belief's nodes together again, in the state."""
    a, b, weight, mean, cov = view_nodes(words, sizes)
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
