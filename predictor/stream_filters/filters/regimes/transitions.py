"""The chain of regimes: how likely each follows each, by a hypothesis's own counts.

Averaged are a sticky chain, and one without memory, in which a regime's probability is its share of the rows so far.
"""

from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import inlined
from stream_filters.filters.regimes.records import BORN, Belief, Settings, Work

# Prior of the shares of a chain without memory, in rows: of regimes that were met, and that were not.
_MET, _UNMET = 3.0, 0.5
# No chain is ever ruled out.
_LEAST_CHAIN = 1e-3


@inlined
def change_rate(transitions: Floats, settings: Settings, m: int) -> float:
    """Expected share of changes over all regimes: the prior's, refined by hypothesis m's counts in [M, K, K]."""
    stays = 0.0
    total = 0.0
    for origin in range(transitions.shape[1]):
        stays += transitions[m, origin, origin]
        for target in range(transitions.shape[1]):
            total += transitions[m, origin, target]
    strength = settings.dwell_strength
    return (strength / settings.dwell + total - stays) / (strength + total)


@inlined
def transition_row(transitions: Floats, settings: Settings, m: int, origin: int, change: float, out: Floats) -> None:
    """Posterior mean [K] of the probabilities after `origin`: its own counts, and a prior around the rate of all.

    change: `change_rate` of hypothesis m.
    """
    regimes = out.shape[0]
    if regimes == 1:
        out[0] = 1.0
        return
    strength = settings.dwell_sharing
    total = strength
    for target in range(regimes):
        total += transitions[m, origin, target]
    scale = 1.0 / total
    other = strength * change / (regimes - 1)
    for target in range(regimes):
        out[target] = (other + transitions[m, origin, target]) * scale
    out[origin] = (strength * (1.0 - change) + transitions[m, origin, origin]) * scale


@inlined
def arrive(belief: Belief, settings: Settings, work: Work, m: int) -> None:
    """Fill `work.masses.arrival[m]`, the distribution of hypothesis m's regime at the next row, and `aimless[m]`.

    Without reuse a regime that was left never comes back: only the mass that stays is given.
    """
    out, aimless, row = work.masses.arrival, work.masses.aimless, work.row
    regimes = row.shape[0]
    change = change_rate(belief.transitions, settings, m)
    for target in range(regimes):
        out[m, target] = 0.0
    for origin in range(regimes):
        held = belief.occupancy[m, origin]
        if held == 0.0:
            continue
        transition_row(belief.transitions, settings, m, origin, change, row)
        if settings.reuse:
            for target in range(regimes):
                out[m, target] += held * row[target]
        else:
            out[m, origin] += held * row[origin]
    restless = belief.restless[m]
    if restless == 0.0:
        return
    rows = 0.0
    for target in range(regimes):
        visits = _MET if target < belief.status[m, BORN] else _UNMET
        for origin in range(regimes):
            visits += belief.transitions[m, origin, target]
        aimless[m, target] = visits
        rows += visits
    for target in range(regimes):
        aimless[m, target] /= rows
        out[m, target] += restless * (aimless[m, target] - out[m, target])


@inlined
def restless_after(restless: float, work: Work, m: int, k: int) -> float:
    """Probability that the chain has no memory, after hypothesis m's regime became k."""
    if restless == 0.0:
        return 0.0
    posterior = restless * work.masses.aimless[m, k] / work.masses.arrival[m, k]
    return min(max(posterior, _LEAST_CHAIN), 1.0 - _LEAST_CHAIN)
