"""Bands of the noise parameters: quantiles of a mixture of log-normals, one for each member."""

import math

from stream_filters.filters.base import Floats
from stream_filters.filters.kalman.records import Bank, Belief, Report, Scratch
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.elementary import dot, log, total
from stream_filters.filters.numerics.student_t import digamma, trigamma
from stream_filters.filters.numerics.student_t_mixtures import Mixture, first_components, mixture_quantiles

# Nodes that weigh less are left out of a mixture's components: together less than two hundredths of a percent.
NEGLIGIBLE = 1e-6
# Error of a quantile in standard deviations of its mixture.
TOLERANCE = 1e-3
_NOISE, _POSITION, _VELOCITY = range(3)
_LEAST = 1e-300


@compiled
def unit_of(belief: Belief) -> float:
    """The belief's unit, 1 while it has none."""
    return belief.unit[0] if belief.unit[0] > 0.0 else 1.0


@compiled
def step_of(belief: Belief) -> float:
    """The unit of time, 1 while it is not known."""
    return belief.step[0] if belief.step[0] > 0.0 else 1.0


@inlined
def components(scratch: Scratch, n: int) -> Mixture:
    """The first n components gathered in the scratch."""
    gathered = Mixture(scratch.weights, scratch.locations, scratch.scales, scratch.dofs, scratch.terms)
    return first_components(gathered, n)


@inlined
def oldest_age(belief: Belief) -> int:
    """Observations that the oldest member has absorbed."""
    oldest = belief.age[0]
    for k in range(1, belief.age.shape[0]):
        oldest = max(oldest, belief.age[k])
    return oldest


@inlined
def report_noise(t: int, bank: Bank, belief: Belief, scratch: Scratch, report: Report) -> None:
    """Fill row t's bands of the noise parameters."""
    log_unit, log_step = math.log(unit_of(belief)), math.log(step_of(belief))
    if report.observation_noise_std.shape[0] > 0:
        _band(bank, belief, scratch, scratch.log_noise, _NOISE, 0.5, log_unit, report.observation_noise_std[t])
    if report.position_noise.shape[0] > 0:
        for j in range(scratch.position_drift.shape[0]):
            scratch.old[j] = math.log(max(scratch.position_drift[j], _LEAST))
        _band(bank, belief, scratch, scratch.old, _POSITION, 1.0, 2.0 * log_unit - log_step, report.position_noise[t])
    if report.velocity_noise.shape[0] > 0:
        for j in range(scratch.velocity_drift.shape[0]):
            scratch.old[j] = math.log(max(scratch.velocity_drift[j], _LEAST))
        _band(
            bank,
            belief,
            scratch,
            scratch.old,
            _VELOCITY,
            1.0,
            2.0 * log_unit - 3.0 * log_step,
            report.velocity_noise[t],
        )


@inlined
def _is_absent(bank: Bank, k: int, parameter: int) -> bool:
    """Whether member k knows no such noise."""
    if parameter == _VELOCITY:
        return bank.moves[k] == 0
    return parameter == _POSITION and bank.axes[k] == bank.moves[k]


@compiled
def _band(
    bank: Bank,
    belief: Belief,
    scratch: Scratch,
    log_ratio: Floats,
    parameter: int,
    power: float,
    log_unit: float,
    band: Floats,
) -> None:
    """Median and interval of exp(log_unit) (s2 ratio)^power, [3]: a log-normal for each member, matched to its moments.

    log s2 | node has mean log b - digamma(a) and variance trigamma(a). Members where the parameter is absent put
    their weight on 0.
    """
    n = 0
    atom = 0.0
    for k in range(bank.nodes.shape[0]):
        if scratch.member[k] == 0.0:
            continue
        if belief.shape[k] <= 0.0:
            return
        if _is_absent(bank, k, parameter):
            atom += scratch.member[k]
            continue
        low, high = bank.first[k], bank.first[k + 1]
        mass = total(belief.weight, low, high)
        for j in range(low, high):
            scratch.moment[j] = log(belief.rate[j]) + log_ratio[j]
        mean = dot(belief.weight, scratch.moment, low, high) / mass
        for j in range(low, high):
            offset = scratch.moment[j] - mean
            scratch.moment[j] = offset * offset
        square = dot(belief.weight, scratch.moment, low, high)
        scratch.weights[n] = scratch.member[k]
        scratch.locations[n] = mean - digamma(belief.shape[k])
        scratch.scales[n] = math.sqrt(square / mass + trigamma(belief.shape[k]))
        scratch.dofs[n] = math.inf
        n += 1
    if n == 0:
        band[:] = 0.0
        return
    for i in range(n):
        scratch.weights[i] /= 1.0 - atom
    for i in range(3):
        scratch.probabilities[i] = min(max((bank.quantiles[i] - atom) / (1.0 - atom), 0.0), 1.0)
    mixture_quantiles(scratch.probabilities, components(scratch, n), scratch.quantiles, TOLERANCE)
    # Medians come first in a band.
    for i in range(3):
        band[(i + 1) % 3] = math.exp(power * scratch.quantiles[i] + log_unit)
