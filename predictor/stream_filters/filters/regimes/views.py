"""The arguments of `adaptive_mixture` as few flat arrays, and the views into them that its kernels work with.

Handing over fifty arrays takes longer than filtering a row. A state keeps the numbers of a regime together; a run takes
them apart, so that each stands beside that of the next regime.
"""

from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import inlined
from stream_filters.filters.numerics.student_t_lanes import TERMS
from stream_filters.filters.numerics.student_t_mixtures import PADDING, Mixture, view_mixture
from stream_filters.filters.numerics.workspace import view_column, view_rows
from stream_filters.filters.regimes.records import REGIME_FIELDS, WARM_UP, Belief, Integers, Masses, Settings, Work
from stream_filters.filters.regimes.report import Report

# hypotheses, regimes
Sizes = tuple[int, int]
_UNITS = 5
_BY_HYPOTHESIS = 7
_BY_REGIME = 8


class Parts(NamedTuple):
    """What kernels work with. settings: `Settings` as real numbers. room: see `room_for`. state: its words."""

    settings: Floats
    room: Floats
    state: Floats


@inlined
def view_settings(values: Floats) -> Settings:
    """The settings that were packed in their order."""
    return Settings(
        dwell=values[0],
        dwell_strength=values[1],
        dwell_sharing=values[2],
        reuse=values[3] != 0.0,
        level_strength=values[4],
        variance_shape=values[5],
        variance_fraction=values[6],
        slope_var=values[7],
        drifting=values[8],
        memory=values[9],
        base_memory=values[10],
        recycle=values[11],
        outlier_rate=values[12],
        announce=values[13],
        recent=int(values[14]),
        tail=values[15],
    )


@inlined
def view_belief(words: Floats, apart: Floats, sizes: Sizes) -> Belief:
    """The belief in a state's words, its regimes in the room `apart`."""
    m, k = sizes
    status, rest = words[2 * m : 5 * m].view(np.int64), words[5 * m :]
    occupancy, transitions, rest = rest[: m * k], rest[m * k : m * k * (1 + k)], rest[m * k * (1 + k) :]
    labels, rest = rest[: 2 * m * k].view(np.int64).reshape((2, m, k)), rest[m * k * (2 + REGIME_FIELDS) :]
    units, rest = rest[3 * k : 3 * k + _UNITS], rest[: 3 * k + 2 * _UNITS + WARM_UP]
    return Belief(
        log_weight=words[:m],
        outliers=words[m : 2 * m],
        status=status.reshape((m, 3)),
        occupancy=occupancy.reshape((m, k)),
        transitions=transitions.reshape((m, k, k)),
        label=labels[0],
        last_used=labels[1],
        regimes=apart[: REGIME_FIELDS * m * k].reshape((REGIME_FIELDS, m, k)),
        reference=rest[: 3 * k].reshape((k, 3)),
        units=units,
        clock=rest[3 * k + _UNITS : 3 * k + 2 * _UNITS].view(np.int64),
        warm_up=rest[3 * k + 2 * _UNITS :],
    )


@inlined
def view_regimes(words: Floats, apart: Floats, sizes: Sizes) -> tuple[Floats, Floats]:
    """The regimes as a state keeps them, [M K, REGIME_FIELDS], and as the room `apart` does, [REGIME_FIELDS, M K]."""
    m, k = sizes
    first, size = m * (5 + k * (3 + k)), m * k * REGIME_FIELDS
    return words[first : first + size].reshape((m * k, REGIME_FIELDS)), apart[:size].reshape((REGIME_FIELDS, m * k))


@inlined
def take_apart(words: Floats, apart: Floats, sizes: Sizes) -> None:
    """Fill the room `apart` with a state's regimes."""
    regimes, fields = view_regimes(words, apart, sizes)
    for field in range(REGIME_FIELDS):
        for i in range(regimes.shape[0]):
            fields[field, i] = regimes[i, field]


@inlined
def put_together(words: Floats, apart: Floats, sizes: Sizes) -> None:
    """Put the regimes in the room `apart` into a state."""
    regimes, fields = view_regimes(words, apart, sizes)
    for field in range(REGIME_FIELDS):
        for i in range(regimes.shape[0]):
            regimes[i, field] = fields[field, i]


@register_jitable
def words_of(sizes: Sizes) -> int:
    """Eight-byte words of a state."""
    m, k = sizes
    return m * (5 + k * (3 + k + REGIME_FIELDS)) + 3 * k + 2 * _UNITS + WARM_UP


@register_jitable
def components_of(sizes: Sizes) -> int:
    """Most components of a mixture: both branches of every regime, and a common one; whole vectors."""
    m, k = sizes
    return 2 * m * k + 1 + PADDING


def room_for(sizes: Sizes) -> Floats:
    """Room for a belief's regimes, the work of a run, and a mixture."""
    m, k = sizes
    fresh = words_of((k + 1, k)) + REGIME_FIELDS * (k + 1) * k
    own = _BY_HYPOTHESIS * m + _BY_REGIME * m * k + m * (k + 1) + (k + 1) * (k + 10) + 2 * k + 2 * k * k + 4
    return np.zeros(REGIME_FIELDS * m * k + fresh + own + (4 + TERMS) * components_of(sizes))


@inlined
def view_work(room: Floats, sizes: Sizes) -> tuple[Work, Mixture]:
    """The work and the mixture in a room."""
    m, k = sizes
    mk, slots = m * k, k + 1
    fields, rest = room[: REGIME_FIELDS * mk].reshape((REGIME_FIELDS, mk)), room[REGIME_FIELDS * mk :]
    by_hypothesis = rest[: _BY_HYPOTHESIS * m].reshape((_BY_HYPOTHESIS, m))
    rest = rest[_BY_HYPOTHESIS * m :]
    by_regime, rest = rest[: _BY_REGIME * mk].reshape((_BY_REGIME, mk)), rest[_BY_REGIME * mk :]
    offer, rest = rest[: m * slots].reshape((slots, m)), rest[m * slots :]
    by_slot, rest = rest[: 10 * slots].reshape((10, slots)), rest[10 * slots :]
    normaliser, rest = rest[: slots * k].reshape((slots, k)), rest[slots * k :]
    by_label, square, rest = rest[: 2 * k].reshape((2, k)), rest[2 * k : 2 * k + 2 * k * k], rest[2 * k + 2 * k * k :]
    ends, rest = rest[:4], rest[4:]
    fresh_words = words_of((slots, k))
    words, rest = rest[:fresh_words], rest[fresh_words:]
    apart, rest = rest[: REGIME_FIELDS * slots * k], rest[REGIME_FIELDS * slots * k :]
    masses = Masses(
        arrival=by_regime[0].reshape((m, k)),
        known=by_regime[1].reshape((m, k)),
        fresh=by_hypothesis[0],
        outlier=by_hypothesis[1],
    )
    work = Work(
        masses=masses,
        weight=by_hypothesis[2],
        row=by_label[0],
        fields=fields,
        flat_known=by_regime[1],
        flat_share=by_regime[2],
        normaliser=by_regime[3],
        density=by_regime[4],
        scores=by_regime[5],
        other=by_regime[6],
        share=by_regime[2].reshape((m, k)),
        active=by_regime[7],
        grow=by_hypothesis[3],
        responsibility=by_hypothesis[4],
        beside=by_hypothesis[5],
        begun=by_hypothesis[6],
        offer=offer,
        change=by_slot[0],
        source=by_slot[1].view(np.int64),
        target=by_slot[2].view(np.int64),
        fresh=view_belief(words, apart, (slots, k)),
        fresh_normaliser=normaliser,
        probabilities=by_label[1],
        matrix=square[: k * k].reshape((k, k)),
        cost=square[k * k :].reshape((k, k)),
        potentials=by_slot[3:6],
        columns=by_slot[6:9].reshape(3 * slots).view(np.int64).reshape((3, slots)),
        ends=ends,
    )
    return work, view_mixture(rest, components_of(sizes))


@inlined
def view_report(buffer: Floats, starts: Integers, rows: int, sizes: Sizes, variants: int) -> Report:
    """The outputs in their buffer; starts: of each field of `Report`, negative where it was not asked for."""
    _, k = sizes
    matrix = view_rows(buffer, starts[16], rows, k * k)
    return Report(
        predictive_mean=view_column(buffer, starts[0], rows),
        predictive_std=view_column(buffer, starts[1], rows),
        predictive_interval=view_rows(buffer, starts[2], rows, 2),
        log_evidence=view_column(buffer, starts[3], rows),
        pit=view_column(buffer, starts[4], rows),
        outlier_probability=view_column(buffer, starts[5], rows),
        model_weights=view_rows(buffer, starts[6], rows, variants),
        regime=view_column(buffer, starts[7], rows).view(np.int64),
        regime_probabilities=view_rows(buffer, starts[8], rows, k),
        change_probability=view_column(buffer, starts[9], rows),
        recent_change_probability=view_column(buffer, starts[10], rows),
        run_length=view_column(buffer, starts[11], rows),
        active_regimes=view_column(buffer, starts[12], rows),
        regime_means=view_rows(buffer, starts[13], rows, k),
        regime_stds=view_rows(buffer, starts[14], rows, k),
        regime_weights=view_rows(buffer, starts[15], rows, k),
        transition_matrix=matrix.reshape((matrix.shape[0], k, k)),
    )
