"""What a row reports: moments and quantiles of the average's predictive and posterior mixtures.

Every output is an array over the rows, of length 0 when it was not asked for. What is not defined yet stays NaN.
A Student-t with two degrees of freedom or fewer has no variance: standard deviations are NaN until it has one.
"""

import math
from typing import NamedTuple

from numba import njit

from stream_filters.filters.base import Floats
from stream_filters.filters.kalman_bank import Bank, Belief, Scratch
from stream_filters.filters.student_t import digamma, mixture_cdf, mixture_quantiles, trigamma

# Nodes that weigh less are left out of a mixture's components: together less than two hundredths of a percent.
NEGLIGIBLE = 1e-6
# Error of a quantile in standard deviations of its mixture.
TOLERANCE = 1e-3


class Report(NamedTuple):
    """Outputs over T rows and E axes in the observations' unit, each filled if its length is not 0."""

    predictive_mean: Floats  # [T, E]
    predictive_std: Floats  # [T, E]
    predictive_interval: Floats  # [T, E, 2]
    log_evidence: Floats  # [T]
    pit: Floats  # [T, E]
    outlier_probability: Floats  # [T]
    model_weights: Floats  # [T, K]
    position_mean: Floats  # [T, E]
    position_std: Floats  # [T, E]
    velocity_mean: Floats  # [T, E]
    velocity_std: Floats  # [T, E]
    state_cov: Floats  # [T, 2E, 2E] positions first
    observation_noise_std: Floats  # [T, 3]
    position_noise: Floats  # [T, 3]
    velocity_noise: Floats  # [T, 3]


@njit(nogil=True, cache=True, error_model="numpy")
def _unit(belief: Belief) -> float:
    """The belief's unit, 1 while it has none."""
    return belief.unit[0] if belief.unit[0] > 0.0 else 1.0


@njit(nogil=True, cache=True, error_model="numpy")
def _wide_share(bank: Bank, k: int) -> float:
    """Mean noise variance of member k over that of its narrow branch."""
    return 1.0 + bank.outlier_share[k] * (bank.outlier_variance - 1.0)


@njit(nogil=True, cache=True, error_model="numpy")
def _mean(bank: Bank, belief: Belief, scratch: Scratch, values: Floats) -> float:
    """Average of a node quantity [J] over everything that takes part."""
    total = 0.0
    for k in range(bank.nodes.shape[0]):
        if scratch.member[k] > 0.0:
            part = 0.0
            for j in range(bank.first[k], bank.first[k + 1]):
                part += belief.weight[j] * values[j]
            total += scratch.member[k] * part
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def report_prediction(t: int, bank: Bank, belief: Belief, scratch: Scratch, report: Report, observed: bool) -> None:
    """Fill row t's outputs of the one-step-ahead predictive, before the observation is absorbed."""
    if belief.age.max() < 2:
        return
    unit = _unit(belief)
    for axis in range(belief.position.shape[0]):
        if report.predictive_mean.shape[0] > 0 or report.predictive_std.shape[0] > 0:
            mean = _mean(bank, belief, scratch, belief.position[axis])
            if report.predictive_mean.shape[0] > 0:
                report.predictive_mean[t, axis] = unit * mean
            if report.predictive_std.shape[0] > 0:
                report.predictive_std[t, axis] = unit * math.sqrt(
                    _predictive_variance(bank, belief, scratch, axis, mean)
                )
        wants_pit = observed and report.pit.shape[0] > 0
        if report.predictive_interval.shape[0] > 0 or wants_pit:
            n = _components(bank, belief, scratch, axis)
            if n == 0:
                continue
            weights, locations = scratch.weights[:n], scratch.locations[:n]
            scales, dofs = scratch.scales[:n], scratch.dofs[:n]
            if wants_pit:
                value = scratch.observation[axis]
                report.pit[t, axis] = mixture_cdf(value, weights, locations, scales, dofs)
            if report.predictive_interval.shape[0] > 0:
                ends = scratch.quantiles[:2]
                mixture_quantiles(bank.quantiles[:2], weights, locations, scales, dofs, ends, TOLERANCE)
                report.predictive_interval[t, axis, 0] = unit * ends[0]
                report.predictive_interval[t, axis, 1] = unit * ends[1]


@njit(nogil=True, cache=True, error_model="numpy")
def _predictive_variance(bank: Bank, belief: Belief, scratch: Scratch, axis: int, mean: float) -> float:
    """Variance of the predictive along an axis; NaN where a member has none."""
    total = 0.0
    for k in range(bank.nodes.shape[0]):
        if scratch.member[k] == 0.0:
            continue
        if belief.shape[k] <= 1.0:
            return math.nan
        noise = _wide_share(bank, k)
        for j in range(bank.first[k], bank.first[k + 1]):
            s = belief.position_variance[j] + noise * scratch.noise[j]
            e = belief.position[axis, j] - mean
            total += scratch.member[k] * belief.weight[j] * (belief.rate[j] / (belief.shape[k] - 1.0) * s + e * e)
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def _components(bank: Bank, belief: Belief, scratch: Scratch, axis: int) -> int:
    """Fill the components of the predictive mixture along an axis; returns their number, 0 without a scale."""
    n = 0
    total = 0.0
    for k in range(bank.nodes.shape[0]):
        if scratch.member[k] == 0.0:
            continue
        if belief.shape[k] <= 0.0:
            return 0
        for branch in range(2):
            share = bank.outlier_share[k] if branch == 1 else 1.0 - bank.outlier_share[k]
            noise = bank.outlier_variance if branch == 1 else 1.0
            for j in range(bank.first[k], bank.first[k + 1]):
                weight = scratch.member[k] * share * belief.weight[j]
                if weight > NEGLIGIBLE:
                    s = belief.position_variance[j] + noise * scratch.noise[j]
                    scratch.weights[n] = weight
                    scratch.locations[n] = belief.position[axis, j]
                    scratch.scales[n] = math.sqrt(belief.rate[j] / belief.shape[k] * s)
                    scratch.dofs[n] = 2.0 * belief.shape[k]
                    total += weight
                    n += 1
    for i in range(n):
        scratch.weights[i] /= total
    return n


@njit(nogil=True, cache=True, error_model="numpy")
def report_evidence(t: int, belief: Belief, scratch: Scratch, report: Report, log_density: float) -> None:
    """Fill what row t's observation says about the model: log predictive density, outlier probability."""
    if report.log_evidence.shape[0] > 0:
        report.log_evidence[t] = log_density - scratch.observation.shape[0] * math.log(_unit(belief))
    if report.outlier_probability.shape[0] > 0 and not math.isnan(log_density):
        total = 0.0
        for k in range(scratch.member.shape[0]):
            if scratch.member[k] > 0.0:
                total += scratch.member[k] * scratch.member_outlier[k]
        report.outlier_probability[t] = total


@njit(nogil=True, cache=True, error_model="numpy")
def report_belief(t: int, bank: Bank, belief: Belief, scratch: Scratch, report: Report) -> None:
    """Fill row t's outputs of the filtered belief."""
    if report.model_weights.shape[0] > 0:
        for k in range(scratch.member.shape[0]):
            report.model_weights[t, k] = math.exp(belief.log_share[k])
    oldest = belief.age.max()
    if oldest < 1:
        return
    unit, step = _unit(belief), bank.time_delta
    spread = report.position_std.shape[0] + report.velocity_std.shape[0] + report.state_cov.shape[0] > 0
    axes = belief.position.shape[0]
    for axis in range(axes):
        position = _mean(bank, belief, scratch, belief.position[axis])
        velocity = _mean(bank, belief, scratch, belief.velocity[axis])
        if report.position_mean.shape[0] > 0:
            report.position_mean[t, axis] = unit * position
        if report.velocity_mean.shape[0] > 0 and oldest >= 2:
            report.velocity_mean[t, axis] = unit * (velocity / step)
        if not spread:
            continue
        var_p, cov_pv, var_v = _second_moments(bank, belief, scratch, axis, position, velocity)
        if report.position_std.shape[0] > 0:
            report.position_std[t, axis] = unit * math.sqrt(var_p)
        if report.velocity_std.shape[0] > 0:
            report.velocity_std[t, axis] = unit * (math.sqrt(var_v) / step)
        if report.state_cov.shape[0] > 0:
            report.state_cov[t, axis, axis] = unit * unit * var_p
            report.state_cov[t, axis, axes + axis] = report.state_cov[t, axes + axis, axis] = (
                unit * unit * cov_pv / step
            )
            report.state_cov[t, axes + axis, axes + axis] = unit * unit * var_v / step / step
    if report.state_cov.shape[0] > 0:
        _cross_covariances(t, bank, belief, scratch, report)
    _report_noise(t, bank, belief, scratch, report)


@njit(nogil=True, cache=True, error_model="numpy")
def _second_moments(
    bank: Bank, belief: Belief, scratch: Scratch, axis: int, position: float, velocity: float
) -> tuple[float, float, float]:
    """Variance of the position, covariance and variance of the velocity along an axis; NaN where a member has none."""
    var_p = cov_pv = var_v = 0.0
    for k in range(bank.nodes.shape[0]):
        if scratch.member[k] == 0.0:
            continue
        if belief.shape[k] <= 1.0:
            return math.nan, math.nan, math.nan
        for j in range(bank.first[k], bank.first[k + 1]):
            w = scratch.member[k] * belief.weight[j]
            s2 = belief.rate[j] / (belief.shape[k] - 1.0)
            p, c = belief.position_variance[j], belief.slope[j]
            dp, dv = belief.position[axis, j] - position, belief.velocity[axis, j] - velocity
            var_p += w * (s2 * p + dp * dp)
            cov_pv += w * (s2 * c * p + dp * dv)
            var_v += w * (s2 * (belief.velocity_variance[j] + c * c * p) + dv * dv)
    return var_p, cov_pv, var_v


@njit(nogil=True, cache=True, error_model="numpy")
def _cross_covariances(t: int, bank: Bank, belief: Belief, scratch: Scratch, report: Report) -> None:
    """Fill row t's covariances between axes: nodes disagree about all axes together."""
    axes = belief.position.shape[0]
    unit, step = _unit(belief), bank.time_delta
    for one in range(2 * axes):
        for other in range(one):
            if one % axes == other % axes:
                continue
            x = belief.position[one] if one < axes else belief.velocity[one - axes]
            y = belief.position[other] if other < axes else belief.velocity[other - axes]
            mean_x, mean_y = _mean(bank, belief, scratch, x), _mean(bank, belief, scratch, y)
            total = 0.0
            for k in range(bank.nodes.shape[0]):
                for j in range(bank.first[k], bank.first[k + 1]):
                    total += scratch.member[k] * belief.weight[j] * (x[j] - mean_x) * (y[j] - mean_y)
            if math.isnan(report.state_cov[t, 0, 0]):
                total = math.nan
            total *= unit * unit / step ** (one // axes + other // axes)
            report.state_cov[t, one, other] = report.state_cov[t, other, one] = total


@njit(nogil=True, cache=True, error_model="numpy")
def _report_noise(t: int, bank: Bank, belief: Belief, scratch: Scratch, report: Report) -> None:
    """Fill row t's bands of the noise parameters."""
    log_unit, log_step = math.log(_unit(belief)), math.log(bank.time_delta)
    if report.observation_noise_std.shape[0] > 0:
        _band(bank, belief, scratch, scratch.log_noise, False, 0.5, log_unit, report.observation_noise_std[t])
    if report.position_noise.shape[0] > 0:
        for j in range(scratch.position_drift.shape[0]):
            scratch.old[j] = math.log(scratch.position_drift[j])
        _band(bank, belief, scratch, scratch.old, True, 1.0, 2.0 * log_unit - log_step, report.position_noise[t])
    if report.velocity_noise.shape[0] > 0:
        for j in range(scratch.velocity_drift.shape[0]):
            scratch.old[j] = math.log(scratch.velocity_drift[j])
        _band(bank, belief, scratch, scratch.old, False, 1.0, 2.0 * log_unit - 3.0 * log_step, report.velocity_noise[t])


@njit(nogil=True, cache=True, error_model="numpy")
def _band(
    bank: Bank,
    belief: Belief,
    scratch: Scratch,
    log_ratio: Floats,
    absent_with_one_axis: bool,
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
        if absent_with_one_axis and bank.axes[k] == 1:
            atom += scratch.member[k]
            continue
        mean = square = mass = 0.0
        for j in range(bank.first[k], bank.first[k + 1]):
            if belief.weight[j] > NEGLIGIBLE:
                value = math.log(belief.rate[j]) + log_ratio[j]
                mass += belief.weight[j]
                mean += belief.weight[j] * value
                square += belief.weight[j] * value * value
        mean /= mass
        scratch.weights[n] = scratch.member[k]
        scratch.locations[n] = mean - digamma(belief.shape[k])
        scratch.scales[n] = math.sqrt(max(square / mass - mean * mean, 0.0) + trigamma(belief.shape[k]))
        scratch.dofs[n] = math.inf
        n += 1
    if n == 0:
        band[:] = 0.0
        return
    for i in range(n):
        scratch.weights[i] /= 1.0 - atom
    for i in range(3):
        scratch.probabilities[i] = min(max((bank.quantiles[i] - atom) / (1.0 - atom), 0.0), 1.0)
    weights, locations = scratch.weights[:n], scratch.locations[:n]
    scales, dofs = scratch.scales[:n], scratch.dofs[:n]
    mixture_quantiles(scratch.probabilities, weights, locations, scales, dofs, scratch.quantiles, TOLERANCE)
    # Medians come first in a band.
    for i in range(3):
        band[(i + 1) % 3] = math.exp(power * scratch.quantiles[i] + log_unit)
