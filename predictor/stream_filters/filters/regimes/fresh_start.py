"""Starting again: a belief that keeps losing to the last few observations is given up for one that begins with them.

What the first values say of units and spread can be wrong for good, when they are marks or the stream becomes another.
The reference is the simplest fresh belief that there is, one normal regime that begins ten rows ago; what it gains on
the belief is summed as in Page's test (1954, Continuous inspection schemes). True changes do not trip it: while a new
regime is met, the reference loses more.
"""

from stream_filters.filters.numerics.compiled import compiled
from stream_filters.filters.regimes.equations import log_normaliser, log_student
from stream_filters.filters.regimes.expectations import step_variance
from stream_filters.filters.regimes.records import LOSS, SEEN, UNVARIED, WARM_UP, Belief, Settings
from stream_filters.filters.regimes.units import to_internal

# Nats by which the reference has to be ahead, and the most that one row counts for.
_LOST = 30.0
_MOST = 5.0
# Equal values are no evidence of a variance below this share of a typical step's.
_LEAST_SHARE = 0.05


@compiled
def compare(belief: Belief, settings: Settings, y: float, scale2: float, evidence: float) -> None:
    """Count how far the reference is ahead; y and its log evidence are internal, and y is not yet among the latest."""
    if settings.fixed or belief.clock[UNVARIED] == 1:
        return
    mean = square = 0.0
    for i in range(WARM_UP):
        value = to_internal(belief, belief.latest[i])
        step = value - mean
        mean += step / (i + 1.0)
        square += step * (value - mean)
    shape = 0.5 * (WARM_UP - 1)
    rate = 0.5 * max(square, WARM_UP * _LEAST_SHARE * step_variance(belief, settings))
    reference = log_student(log_normaliser(shape), shape, y - mean, rate * (max(scale2, 1.0) + 1.0 / WARM_UP))
    belief.course[LOSS] = max(belief.course[LOSS] + min(reference - evidence, _MOST), 0.0)


@compiled
def remember(belief: Belief, y: float, seen: int) -> None:
    """Put y, in the user's units, among the latest. seen: observations before it."""
    belief.latest[seen % WARM_UP] = y


@compiled
def lost(belief: Belief) -> bool:
    """Whether to start again."""
    return bool(belief.course[LOSS] > _LOST)


@compiled
def put_in_order(belief: Belief) -> None:
    """Turn the latest observations so that the oldest is the first, as after a warm-up."""
    for _ in range(belief.clock[SEEN] % WARM_UP):
        first = belief.latest[0]
        for i in range(1, WARM_UP):
            belief.latest[i - 1] = belief.latest[i]
        belief.latest[WARM_UP - 1] = first
