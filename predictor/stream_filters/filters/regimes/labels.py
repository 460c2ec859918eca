"""Names that users can rely on: regimes keep their announced labels when another lineage becomes the heaviest."""

import math

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled
from stream_filters.filters.numerics.declarations import Integers
from stream_filters.filters.regimes.equations import regime_mean, regime_variance
from stream_filters.filters.regimes.records import (
    ANNOUNCED,
    BORN,
    CURRENT,
    DOUBTED,
    EMPTY,
    MEAN,
    RUN_LENGTH,
    SHAPE,
    VARIANCE,
    Belief,
    Settings,
    Work,
    heaviest,
)

# A regime that is further than this from what was announced under its label has been mixed up with another.
_MIXED_UP = 0.5
# Two regimes further apart than this are simply different.
_FAR = 20.0
# Observations, beyond the prior's, before a regime's own estimates are trusted to say so.
_TRUSTED = 4.0
# What is announced and less probable than this is all but excluded; it is so for a few rows at most.
_EXCLUDED, _PATIENCE = 0.1, 2
# Less than this share of the rows, and of so many more, is rare.
_RARE, _RARE_ROWS = 0.08, 30.0
# Between equally good assignments the labels stay.
_RELABEL = 1e-3


@compiled
def assign(cost: Floats, columns: Integers, potentials: Floats, places: Integers) -> None:
    """Fill columns [n] with the assignment of each row that makes the total of cost [n, n] least.

    Kuhn (1955), the Hungarian method, with shortest augmenting paths and potentials: O(n³). potentials, places
    [3, n + 1]: room.
    """
    n = cost.shape[0]
    row_potential, column_potential, least = potentials[0], potentials[1], potentials[2]
    matched, previous, visited = places[0], places[1], places[2]
    potentials[:] = 0.0
    places[:] = 0
    for row in range(1, n + 1):
        matched[0] = row
        least[:] = math.inf
        visited[:] = 0
        column = 0
        for _ in range(n + 1):
            if matched[column] == 0:
                break
            visited[column] = 1
            step = math.inf
            following = 0
            for j in range(1, n + 1):
                if visited[j] == 1:
                    continue
                reduced = cost[matched[column] - 1, j - 1] - row_potential[matched[column]] - column_potential[j]
                if reduced < least[j]:
                    least[j] = reduced
                    previous[j] = column
                if least[j] < step:
                    step = least[j]
                    following = j
            for j in range(n + 1):
                if visited[j] == 1:
                    row_potential[matched[j]] += step
                    column_potential[j] -= step
                else:
                    least[j] -= step
            column = following
        for _ in range(n + 1):
            if column == 0:
                break
            matched[column] = matched[previous[column]]
            column = previous[column]
    for j in range(1, n + 1):
        columns[matched[j] - 1] = j - 1


@compiled
def _distance(mean: float, variance: float, reference_mean: float, reference_variance: float) -> float:
    """How different two regimes are: 0 when equal; grows with the levels' and the variances' difference."""
    return (mean - reference_mean) ** 2 / (2.0 * (variance + reference_variance)) + 0.25 * math.log(
        variance / reference_variance
    ) ** 2


@compiled
def _mixed_up(belief: Belief, settings: Settings, m: int) -> bool:
    """Whether hypothesis m calls some regime by a label under which another one was announced."""
    for k in range(belief.status[m, BORN]):
        reference = belief.reference[belief.label[m, k]]
        learnt = 2.0 * (belief.regimes[SHAPE, m, k] - settings.variance_shape)
        if reference[VARIANCE] > 0.0 and learnt > _TRUSTED:
            mean, variance = regime_mean(belief.regimes, m, k), regime_variance(belief.regimes, m, k)
            if _distance(mean, variance, reference[MEAN], reference[VARIANCE]) > _MIXED_UP:
                return True
    return False


@compiled
def _relabel(belief: Belief, work: Work, m: int) -> None:
    """Give hypothesis m's regimes the labels of the announced regimes that they are most like."""
    regimes = belief.label.shape[1]
    cost = work.cost
    cost[:] = _MIXED_UP
    for k in range(regimes):
        for label in range(regimes):
            reference = belief.reference[label]
            if k < belief.status[m, BORN] and reference[VARIANCE] > 0.0:
                mean, variance = regime_mean(belief.regimes, m, k), regime_variance(belief.regimes, m, k)
                distance = _distance(mean, variance, reference[MEAN], reference[VARIANCE])
                cost[k, label] = min(distance, _FAR)
            if label != belief.label[m, k]:
                cost[k, label] += _RELABEL
    assign(cost, belief.label[m], work.potentials, work.columns)


@compiled
def align(belief: Belief, settings: Settings, work: Work) -> int:
    """Keep labels and regimes together; returns the heaviest hypothesis, whose regimes become the reference."""
    best = heaviest(belief)
    if _mixed_up(belief, settings, best):
        for m in range(belief.log_weight.shape[0]):
            if belief.log_weight[m] > EMPTY:
                _relabel(belief, work, m)
    for k in range(belief.status[best, BORN]):
        reference = belief.reference[belief.label[best, k]]
        reference[MEAN] = regime_mean(belief.regimes, best, k)
        reference[VARIANCE] = regime_variance(belief.regimes, best, k)
    return best


@compiled
def _stray(belief: Belief, m: int) -> bool:
    """Whether hypothesis m's regime has just changed to one that is rare, in a chain without memory."""
    if belief.restless[m] < 0.5 or belief.status[m, RUN_LENGTH] != 0:
        return False
    current = belief.status[m, CURRENT]
    visits = whole = 0.0
    for origin in range(belief.transitions.shape[1]):
        for target in range(belief.transitions.shape[2]):
            whole += belief.transitions[m, origin, target]
        visits += belief.transitions[m, origin, current]
    return bool(visits < _RARE * (whole + _RARE_ROWS))


@compiled
def announce(belief: Belief, settings: Settings, probabilities: Floats, best: int) -> None:
    """Announce another label once its probability passes the threshold, or the announced one is all but excluded.

    probabilities: [K], by label. best: the heaviest hypothesis. What is rare and comes without memory is no regime to
    announce, but an outlier, until it lasts.
    """
    if _stray(belief, best):
        return
    for label in range(probabilities.shape[0]):
        if probabilities[label] >= settings.announce and probabilities[label] > probabilities[belief.clock[ANNOUNCED]]:
            belief.clock[ANNOUNCED] = label
    belief.clock[DOUBTED] += 1
    if probabilities[belief.clock[ANNOUNCED]] >= _EXCLUDED:
        belief.clock[DOUBTED] = 0
    if belief.clock[DOUBTED] <= _PATIENCE:
        return
    likeliest = 0
    for label in range(1, probabilities.shape[0]):
        if probabilities[label] > probabilities[likeliest]:
            likeliest = label
    belief.clock[ANNOUNCED], belief.clock[DOUBTED] = likeliest, 0
