"""Where the records of `adaptive_mixture` stand in the flat arrays that its kernels are given.

A state keeps the numbers of a regime together; a run takes them apart, so that each stands beside that of the next
regime.
"""

from typing import NamedTuple

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import inlined
from stream_filters.filters.numerics.layout import Layout
from stream_filters.filters.regimes.records import REGIME_FIELDS, Belief, Scratch, Settings, Sizes, Work

SETTINGS = Layout(Settings, Sizes)
STATE = Layout(Belief, Sizes, apart={"regimes": f"hypotheses * regimes, {REGIME_FIELDS}"})
SCRATCH = Layout(Scratch, Sizes)

view_settings = SETTINGS.viewer()
view_state = STATE.viewer()
view_regimes = STATE.field_viewer("regimes")
view_scratch = SCRATCH.viewer()


class Parts(NamedTuple):
    """What kernels work with, each record as the words that its layout says."""

    settings: Floats
    scratch: Floats
    state: Floats


@inlined
def view_belief(words: Floats, work: Work, sizes: Sizes) -> Belief:
    """The belief of a state, its regimes in the scratch."""
    return view_state(words, sizes, work.regimes)


@inlined
def take_apart(words: Floats, work: Work, sizes: Sizes) -> None:
    """Fill the scratch with a state's regimes."""
    regimes = view_regimes(words, sizes)
    for field in range(REGIME_FIELDS):
        for i in range(regimes.shape[0]):
            work.fields[field, i] = regimes[i, field]


@inlined
def put_together(words: Floats, work: Work, sizes: Sizes) -> None:
    """Put the regimes in the scratch into a state."""
    regimes = view_regimes(words, sizes)
    for field in range(REGIME_FIELDS):
        for i in range(regimes.shape[0]):
            regimes[i, field] = work.fields[field, i]
