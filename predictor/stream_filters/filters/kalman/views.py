"""A kernel's arguments as few flat arrays, and the views into them that the kernel works with.

Handing sixty arrays to a compiled function, one for each field of its records, took five times as long as filtering a
row. So every record travels as one array, its fields one behind the other.
"""

import numpy as np

from stream_filters.filters.base import Floats
from stream_filters.filters.kalman.records import Bank, Belief, Integers, Report, Scratch, Sizes
from stream_filters.filters.numerics.compiled import inlined
from stream_filters.filters.numerics.student_t_lanes import TERMS
from stream_filters.filters.numerics.student_t_mixtures import PADDING
from stream_filters.filters.numerics.workspace import view_column, view_rows

# real numbers of a bank that are neither a member's nor a node's
_ALONE = 8
_SCRATCH_BY_NODE = 14


def pack_bank(bank: Bank) -> tuple[Integers, Floats]:
    """The whole and the real numbers of a bank, as `view_bank` takes them."""
    whole = [*bank.first, *bank.nodes, *bank.axes, *bank.delay, bank.continuous]
    by_member = [*bank.keep, *bank.base, *bank.dealt, *bank.outlier_share]
    alone = [*bank.prior, *bank.quantiles, bank.outlier_variance, bank.share, bank.time_delta]
    return np.array(whole, np.int64), np.array([*by_member, *alone, *bank.across, *bank.along])


@inlined
def view_bank(whole: Integers, real: Floats, members: int) -> Bank:
    """The bank that `pack_bank` packed."""
    first, counts = whole[: members + 1], whole[members + 1 : 4 * members + 1].reshape((3, members))
    by_member, alone = real[: 4 * members].reshape((4, members)), real[4 * members : 4 * members + _ALONE]
    steps = real[4 * members + _ALONE :]
    nodes = steps.shape[0] // 2
    return Bank(
        first=first.view(np.uint64),
        across=steps[:nodes],
        along=steps[nodes:],
        nodes=counts[0],
        axes=counts[1],
        delay=counts[2],
        keep=by_member[0],
        base=by_member[1],
        dealt=by_member[2],
        outlier_share=by_member[3],
        outlier_variance=alone[5],
        prior=alone[:2],
        share=alone[6],
        continuous=whole[4 * members + 1] != 0,
        time_delta=alone[7],
        quantiles=alone[2:5],
    )


@inlined
def view_belief(words: Floats, sizes: Sizes, group: int) -> Belief:
    """One group's belief in a state whose bytes are `words`."""
    groups, nodes, members, axes = sizes
    by_node = words[groups : groups * (1 + 5 * nodes)].reshape((5, groups, nodes))
    rest = words[groups * (1 + 5 * nodes) :]
    by_axis = rest[: 2 * groups * axes * nodes].reshape((2, groups, axes, nodes))
    rest = rest[2 * groups * axes * nodes :]
    count = groups * members
    return Belief(
        unit=words[group : group + 1],
        position_variance=by_node[0, group],
        slope=by_node[1, group],
        velocity_variance=by_node[2, group],
        rate=by_node[3, group],
        weight=by_node[4, group],
        position=by_axis[0, group],
        velocity=by_axis[1, group],
        shape=rest[:count].reshape((groups, members))[group],
        age=rest[count : 2 * count].view(np.int64).reshape((groups, members))[group],
        centre=rest[2 * count : 4 * count].reshape((groups, members, 2))[group],
        cholesky=rest[4 * count : 7 * count].reshape((groups, members, 3))[group],
        log_share=rest[7 * count : 8 * count].reshape((groups, members))[group],
        deficit=rest[8 * count : 9 * count].reshape((groups, members))[group],
    )


def room_for(sizes: Sizes) -> Floats:
    """Room for the scratch of runs over a group."""
    _, nodes, members, axes = sizes
    components = 2 * nodes + PADDING
    return np.zeros((_SCRATCH_BY_NODE + 10) * nodes + 3 * members + axes + (4 + TERMS) * components + 7)


@inlined
def view_scratch(room: Floats, sizes: Sizes) -> Scratch:
    """The scratch in its room."""
    _, nodes, members, axes = sizes
    by_node = room[: _SCRATCH_BY_NODE * nodes].reshape((_SCRATCH_BY_NODE, nodes))
    rest = room[_SCRATCH_BY_NODE * nodes :]
    corner, stencil = rest[: 2 * nodes], rest[2 * nodes : 10 * nodes]
    rest = rest[10 * nodes :]
    by_member = rest[: 3 * members].reshape((3, members))
    observation, rest = rest[3 * members : 3 * members + axes], rest[3 * members + axes :]
    components = 2 * nodes + PADDING
    mixture = rest[: (4 + TERMS) * components].reshape((4 + TERMS, components))
    ends = rest[(4 + TERMS) * components :]
    return Scratch(
        noise=by_node[0],
        log_noise=by_node[1],
        position_drift=by_node[2],
        velocity_drift=by_node[3],
        log_prior=by_node[4],
        squared=by_node[5],
        likelihood=by_node[6],
        outlier=by_node[7],
        ahead=by_node[8],
        det=by_node[9],
        gain=by_node[10],
        surprise=by_node[11],
        moment=by_node[12],
        old=by_node[13],
        log_density=by_member[0],
        member=by_member[1],
        member_outlier=by_member[2],
        observation=observation,
        corner=corner.view(np.int64).reshape((nodes, 2)),
        stencil=stencil.reshape((nodes, 2, 4)),
        weights=mixture[0],
        locations=mixture[1],
        scales=mixture[2],
        dofs=mixture[3],
        terms=mixture[4:],
        quantiles=ends[:3],
        probabilities=ends[3:6],
        widened=ends[6:7],
    )


@inlined
def view_report(buffer: Floats, starts: Integers, rows: int, sizes: Sizes) -> Report:
    """The outputs in their buffer; starts: of each field of `Report`, negative where it was not asked for."""
    _, _, members, axes = sizes
    interval = view_rows(buffer, starts[2], rows, 2 * axes)
    cov = view_rows(buffer, starts[11], rows, 4 * axes * axes)
    return Report(
        predictive_mean=view_rows(buffer, starts[0], rows, axes),
        predictive_std=view_rows(buffer, starts[1], rows, axes),
        predictive_interval=interval.reshape((interval.shape[0], axes, 2)),
        log_evidence=view_column(buffer, starts[3], rows),
        pit=view_rows(buffer, starts[4], rows, axes),
        outlier_probability=view_column(buffer, starts[5], rows),
        model_weights=view_rows(buffer, starts[6], rows, members),
        position_mean=view_rows(buffer, starts[7], rows, axes),
        position_std=view_rows(buffer, starts[8], rows, axes),
        velocity_mean=view_rows(buffer, starts[9], rows, axes),
        velocity_std=view_rows(buffer, starts[10], rows, axes),
        state_cov=cov.reshape((cov.shape[0], 2 * axes, 2 * axes)),
        observation_noise_std=view_rows(buffer, starts[12], rows, 3),
        position_noise=view_rows(buffer, starts[13], rows, 3),
        velocity_noise=view_rows(buffer, starts[14], rows, 3),
    )
