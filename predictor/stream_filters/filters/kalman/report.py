"""What a row reports: moments and quantiles of the average's predictive and posterior mixtures.

Every output is an array over the rows, of length 0 when it was not asked for. What is not defined yet stays NaN.
A Student-t with two degrees of freedom or fewer has no variance: standard deviations are NaN until it has one.
"""

import math

from stream_filters.filters.base import Floats
from stream_filters.filters.kalman.bands import (
    NEGLIGIBLE,
    TOLERANCE,
    components,
    oldest_age,
    report_noise,
    step_of,
    unit_of,
)
from stream_filters.filters.kalman.records import Bank, Belief, Report, Scratch
from stream_filters.filters.numerics.compiled import compiled, inlined
from stream_filters.filters.numerics.student_t_mixtures import mixture_cdf, mixture_quantiles


@compiled
def _wide_share(bank: Bank, k: int) -> float:
    """Mean noise variance of member k over that of its narrow branch."""
    return 1.0 + bank.outlier_share[k] * (bank.outlier_variance - 1.0)


@inlined
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


@inlined
def report_prediction(t: int, bank: Bank, belief: Belief, scratch: Scratch, report: Report, observed: bool) -> None:
    """Fill row t's outputs of the one-step-ahead predictive, before the observation is absorbed."""
    if oldest_age(belief) < 2:
        return
    unit = unit_of(belief)
    for axis in range(belief.position.shape[0]):
        if report.predictive_mean.shape[0] > 0 or report.predictive_std.shape[0] > 0:
            own = _mean(bank, belief, scratch, belief.position[axis])
            mean = own + scratch.leap_share[0] * (_mean_of_leaps(scratch, axis) - own)
            if report.predictive_mean.shape[0] > 0:
                report.predictive_mean[t, axis] = unit * mean
            if report.predictive_std.shape[0] > 0:
                report.predictive_std[t, axis] = unit * math.sqrt(
                    _predictive_variance(bank, belief, scratch, axis, mean)
                )
        wants_pit = observed and report.pit.shape[0] > 0
        if report.predictive_interval.shape[0] > 0 or wants_pit:
            n = _gather(bank, belief, scratch, axis)
            if n == 0:
                continue
            mixture = components(scratch, n)
            if wants_pit:
                value = scratch.observation[axis]
                report.pit[t, axis] = mixture_cdf(value, mixture)
            if report.predictive_interval.shape[0] > 0:
                ends = scratch.quantiles[:2]
                mixture_quantiles(bank.quantiles[:2], mixture, ends, TOLERANCE)
                # in order, whatever the tolerance leaves
                report.predictive_interval[t, axis, 0] = unit * min(ends[0], ends[1])
                report.predictive_interval[t, axis, 1] = unit * max(ends[0], ends[1])


@inlined
def _predictive_variance(bank: Bank, belief: Belief, scratch: Scratch, axis: int, mean: float) -> float:
    """Variance of the predictive along an axis; NaN where a member has none."""
    total = 0.0
    for k in range(bank.nodes.shape[0]):
        if scratch.member[k] == 0.0:
            continue
        if belief.shape[k] <= 1.0:
            return math.nan
        noise = _wide_share(bank, k) * scratch.widened[0]
        for j in range(bank.first[k], bank.first[k + 1]):
            s = belief.position_variance[j] + noise * scratch.noise[j]
            e = belief.position[axis, j] - mean
            total += scratch.member[k] * belief.weight[j] * (belief.rate[j] / (belief.shape[k] - 1.0) * s + e * e)
    leapt = 0.0
    for branch in range(2):
        if scratch.leap_share[0] > 0.0:
            e = scratch.leap_position[branch, axis] - mean
            s = scratch.leap_variance[branch] + scratch.widened[0] * belief.jump_noise[0]
            leapt += scratch.leap_weight[branch] * (s + e * e)
    return total + scratch.leap_share[0] * (leapt - total)


@inlined
def _mean_of_leaps(scratch: Scratch, axis: int) -> float:
    """Mean of the branches after a jump along an axis, 0 where there are none."""
    if scratch.leap_share[0] == 0.0:
        return 0.0
    one, other = scratch.leap_weight[0], scratch.leap_weight[1]
    return one * scratch.leap_position[0, axis] + other * scratch.leap_position[1, axis]


@compiled
def _gather(bank: Bank, belief: Belief, scratch: Scratch, axis: int) -> int:
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
            noise = (bank.outlier_variance if branch == 1 else 1.0) * scratch.widened[0]
            per_shape = 1.0 / belief.shape[k]
            for j in range(bank.first[k], bank.first[k + 1]):
                s = belief.position_variance[j] + noise * scratch.noise[j]
                scratch.moment[j] = math.sqrt(belief.rate[j] * per_shape * s)
            for j in range(bank.first[k], bank.first[k + 1]):
                weight = (1.0 - scratch.leap_share[0]) * scratch.member[k] * share * belief.weight[j]
                if weight > NEGLIGIBLE:
                    scratch.weights[n] = weight
                    scratch.locations[n] = belief.position[axis, j]
                    scratch.scales[n] = scratch.moment[j]
                    scratch.dofs[n] = 2.0 * belief.shape[k]
                    total += weight
                    n += 1
    for branch in range(2):
        weight = 0.0
        if scratch.leap_share[0] > 0.0:
            weight = scratch.leap_share[0] * scratch.leap_weight[branch]
        if weight > NEGLIGIBLE:
            scratch.weights[n] = weight
            scratch.locations[n] = scratch.leap_position[branch, axis]
            noise = scratch.widened[0] * belief.jump_noise[0]
            scratch.scales[n] = math.sqrt(scratch.leap_variance[branch] + noise)
            scratch.dofs[n] = math.inf
            total += weight
            n += 1
    for i in range(n):
        scratch.weights[i] /= total
    return n


@inlined
def report_evidence(t: int, belief: Belief, scratch: Scratch, report: Report, log_density: float) -> None:
    """Fill what row t's observation says about the model: log predictive density, outlier probability."""
    if report.log_evidence.shape[0] > 0:
        report.log_evidence[t] = log_density - scratch.observation.shape[0] * math.log(unit_of(belief))
    if report.outlier_probability.shape[0] > 0 and not math.isnan(log_density):
        total = 0.0
        for k in range(scratch.member.shape[0]):
            if scratch.member[k] > 0.0:
                total += scratch.member[k] * scratch.member_outlier[k]
        report.outlier_probability[t] = total


@inlined
def report_belief(t: int, bank: Bank, belief: Belief, scratch: Scratch, report: Report) -> None:
    """Fill row t's outputs of the filtered belief."""
    if report.model_weights.shape[0] > 0:
        for k in range(scratch.member.shape[0]):
            report.model_weights[t, k] = math.exp(belief.log_share[k])
    oldest = oldest_age(belief)
    if oldest < 1:
        return
    unit, step = unit_of(belief), step_of(belief)
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
    report_noise(t, bank, belief, scratch, report)


@inlined
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


@compiled
def _cross_covariances(t: int, bank: Bank, belief: Belief, scratch: Scratch, report: Report) -> None:
    """Fill row t's covariances between axes: nodes disagree about all axes together."""
    axes = belief.position.shape[0]
    unit, step = unit_of(belief), step_of(belief)
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
