"""One member's Kalman filters: predict, score and absorb, every node in units of its own noise scale s2.

A node's covariance is carried as the position variance P and the regression of velocity on position, slope c with
residual variance d. An observation of the position changes neither c nor d, and every term of their prediction is
positive, so that nothing cancels however diffuse the start or long the stream.

    predict   P' = P (1 + dt c)² + dt² d + q_pp     c' = (cP (1 + dt c) + dt d + q_pv) / P'     d' = det' / P'
    update    S = P' + r s²     k = P' / S     m += k e     v += c' k e     P = k r s²
              y | past ~ Student-t, 2a dof, location m', scale² (b/a) S
              b += e² / (2 S)     a += 1/2

s is the row's observation scale. A robust member has noise (1 - eps) N(0, R) + eps N(0, kappa R), its two branches
collapsed by moment matching.
West & Harrison (1997), Bayesian Forecasting and Dynamic Models, ch. 4 for the conjugate scale.

Loops over nodes have no branches, no sums and few arrays each, so that the compiler can vectorise them.
"""

import math

from stream_filters.filters.base import Floats
from stream_filters.filters.kalman.grid import normalise
from stream_filters.filters.kalman.records import Bank, Belief, Scratch
from stream_filters.filters.numerics.compiled import inlined
from stream_filters.filters.numerics.elementary import dot, exp, log
from stream_filters.filters.numerics.student_t import log_gamma_half_step

# Variance of the velocity after the first observation, in units where any finite acceleration is nothing.
DIFFUSE = 1e20
MAX_VARIANCE = 1e100
MAX_INNOVATION = 1e90
MAX_SCALE = 1e300
LOG_2_PI = math.log(2.0 * math.pi)
# Observations before a robust member may call one an outlier.
TRUSTING = 6
MIN_DENSITY = 1e-300


@inlined
def predict_nodes(bank: Bank, belief: Belief, scratch: Scratch, k: int, dt: float) -> None:
    """Move member k's nodes `dt` nominal steps ahead."""
    low, high = bank.first[k], bank.first[k + 1]
    # what accumulated noise adds, against independent steps of position and velocity
    continuous = 1.0 if bank.continuous else 0.0
    whole, third, half, twelfth = 1.0 - continuous, continuous / 3.0, 0.5 * continuous, continuous / 12.0
    for j in range(low, high):
        p, x, d = belief.position_variance[j], dt * belief.slope[j], dt * dt * belief.velocity_variance[j]
        lp, lv = scratch.position_drift[j] * dt, scratch.velocity_drift[j] * dt * dt * dt
        scratch.ahead[j] = p * (1.0 + x) * (1.0 + x) + d + lp + third * lv
    for j in range(low, high):
        p, x, d = belief.position_variance[j], dt * belief.slope[j], dt * dt * belief.velocity_variance[j]
        lp, lv = scratch.position_drift[j] * dt, scratch.velocity_drift[j] * dt * dt * dt
        alone = p * (1.0 + x) * (1.0 + x) + d
        together = p * (1.0 + x + x * x / 3.0) + d / 3.0
        grown = lv * (whole * alone + continuous * together) + lp * (d + x * x * p) + lv * (lp + twelfth * lv)
        scratch.det[j] = (p * d + grown) / scratch.ahead[j]
    for j in range(low, high):
        p, x, d = belief.position_variance[j], dt * belief.slope[j], dt * dt * belief.velocity_variance[j]
        lv = scratch.velocity_drift[j] * dt * dt * dt
        belief.slope[j] = (x * p * (1.0 + x) + d + half * lv) / (scratch.ahead[j] * dt)
    for j in range(low, high):
        belief.velocity_variance[j] = min(scratch.det[j] / (dt * dt), MAX_VARIANCE)
        belief.position_variance[j] = min(scratch.ahead[j], MAX_VARIANCE)
    for axis in range(belief.position.shape[0]):
        for j in range(low, high):
            belief.position[axis, j] += dt * belief.velocity[axis, j]


@inlined
def square_innovations(bank: Bank, belief: Belief, scratch: Scratch, k: int) -> None:
    """Fill member k's sums over the axes of e²."""
    for j in range(bank.first[k], bank.first[k + 1]):
        scratch.squared[j] = 0.0
    for axis in range(belief.position.shape[0]):
        observation = scratch.observation[axis]
        for j in range(bank.first[k], bank.first[k + 1]):
            e = min(abs(observation - belief.position[axis, j]), MAX_INNOVATION)
            scratch.squared[j] += e * e


@inlined
def score_nodes(bank: Bank, belief: Belief, scratch: Scratch, k: int) -> float:
    """Log density of the observation under member k, nats; fills each node's likelihood and outlier probability.

    Needs predicted nodes and a positive shape.
    """
    low, high = bank.first[k], bank.first[k + 1]
    dimension = belief.position.shape[0]
    a = belief.shape[k]
    eps = bank.outlier_share[k]
    peak = _log_kernels(belief, scratch, k, scratch.widened[0], low, high, scratch.likelihood)
    if eps > 0.0:
        wide_noise = bank.outlier_variance * scratch.widened[0]
        peak = max(peak, _log_kernels(belief, scratch, k, wide_noise, low, high, scratch.outlier))
    for j in range(low, high):
        scratch.likelihood[j] = exp(scratch.likelihood[j] - peak)
        scratch.narrow[j] = (1.0 - eps) * scratch.likelihood[j]
    if eps > 0.0:
        judged = eps if belief.age[k] >= TRUSTING else 0.0
        for j in range(low, high):
            wide = exp(scratch.outlier[j] - peak)
            likelihood = (1.0 - eps) * scratch.likelihood[j] + eps * wide
            scratch.outlier[j] = judged * wide / likelihood
            scratch.likelihood[j] = likelihood
    seen = dot(belief.weight, scratch.likelihood, low, high)
    # log Gamma(a + dimension / 2) - log Gamma(a)
    narrow = dot(belief.weight, scratch.narrow, low, high)
    constant = log_gamma_half_step(a)
    if dimension > 1:
        constant += log_gamma_half_step(a + 0.5)
    if dimension > 2:
        constant += log_gamma_half_step(a + 1.0)
    constant += peak - 0.5 * dimension * LOG_2_PI
    scratch.log_narrow[k] = constant + log(max(narrow, MIN_DENSITY))
    return constant + log(seen)


@inlined
def _log_kernels(belief: Belief, scratch: Scratch, k: int, widened: float, low: int, high: int, out: Floats) -> float:
    """Log of every node's Student-t, up to a constant, its noise variance `widened`; returns the largest."""
    half = 0.5 * belief.position.shape[0]
    power = belief.shape[k] + half
    for j in range(low, high):
        s = min((belief.position_variance[j] + widened * scratch.noise[j]) * belief.rate[j], MAX_SCALE)
        out[j] = -half * log(s) - power * log(1.0 + 0.5 * scratch.squared[j] / s)
    peak = -math.inf
    for j in range(low, high):
        peak = max(peak, out[j])
    return peak


@inlined
def fade(bank: Bank, belief: Belief, scratch: Scratch, k: int) -> None:
    """Let member k forget: multiply a, b and the log likelihood by 1 - 1/memory."""
    keep = bank.keep[k]
    belief.shape[k] *= keep
    for j in range(bank.first[k], bank.first[k + 1]):
        belief.rate[j] *= keep
        belief.weight[j] = exp(keep * log(belief.weight[j]) + (1.0 - keep) * scratch.log_prior[j])
    normalise(bank, belief, k)


@inlined
def absorb(bank: Bank, belief: Belief, scratch: Scratch, k: int, learn: bool, least: float) -> None:
    """Update member k's nodes with the observation that was scored.

    learn: whether it also tells about the noise. least: smallest variance that the numbers can resolve.
    """
    low, high = bank.first[k], bank.first[k + 1]
    widened = scratch.widened[0]
    for j in range(low, high):
        scratch.surprise[j] = 1.0 / (belief.position_variance[j] + widened * scratch.noise[j])
        scratch.gain[j] = belief.position_variance[j] * scratch.surprise[j]
    if learn and bank.outlier_share[k] > 0.0:
        _collapse(bank, belief, scratch, k)
    else:
        for j in range(low, high):
            belief.position_variance[j] = min(scratch.gain[j] * widened * scratch.noise[j], MAX_VARIANCE)
    for axis in range(belief.position.shape[0]):
        observation = scratch.observation[axis]
        for j in range(low, high):
            moved = scratch.gain[j] * (observation - belief.position[axis, j])
            belief.position[axis, j] += moved
            belief.velocity[axis, j] += belief.slope[j] * moved
    if learn:
        belief.shape[k] += 0.5 * belief.position.shape[0]
        smallest = belief.shape[k] * least
        for j in range(low, high):
            belief.rate[j] = max(belief.rate[j] + 0.5 * scratch.squared[j] * scratch.surprise[j], smallest)
            belief.weight[j] *= scratch.likelihood[j]
        normalise(bank, belief, k)


@inlined
def _collapse(bank: Bank, belief: Belief, scratch: Scratch, k: int) -> None:
    """Give gain, surprise and variance of a robust member's nodes the moments of both branches."""
    low, high = bank.first[k], bank.first[k + 1]
    kappa, widened = bank.outlier_variance, scratch.widened[0]
    share = belief.shape[k] / belief.position.shape[0]
    for j in range(low, high):
        p, r, rho = belief.position_variance[j], widened * scratch.noise[j], scratch.outlier[j]
        difference = scratch.gain[j] - p / (p + kappa * r)
        parted = min(scratch.squared[j] * (share / belief.rate[j]), MAX_VARIANCE) * difference * difference
        wide = kappa * r * (scratch.gain[j] - difference)
        mixed = (1.0 - rho) * scratch.gain[j] * r + rho * wide
        scratch.ahead[j] = min(mixed + (1.0 - rho) * rho * parted, MAX_VARIANCE)
    for j in range(low, high):
        p, rho = belief.position_variance[j], scratch.outlier[j]
        wide = 1.0 / (p + kappa * widened * scratch.noise[j])
        scratch.gain[j] += rho * (p * wide - scratch.gain[j])
        scratch.surprise[j] += rho * (wide - scratch.surprise[j])
    for j in range(low, high):
        belief.position_variance[j] = scratch.ahead[j]


@inlined
def begin(bank: Bank, belief: Belief, scratch: Scratch, k: int) -> None:
    """Place member k, fresh from its prior, on its first observation."""
    for j in range(bank.first[k], bank.first[k + 1]):
        belief.position_variance[j] = scratch.widened[0] * scratch.noise[j]
        belief.slope[j] = 0.0
        belief.velocity_variance[j] = DIFFUSE if bank.moves[k] == 1 else 0.0
        for axis in range(belief.position.shape[0]):
            belief.position[axis, j] = scratch.observation[axis]
            belief.velocity[axis, j] = 0.0


@inlined
def learn_scale(bank: Bank, belief: Belief, scratch: Scratch, k: int, least: float, rounding: float) -> bool:
    """First innovation that tells a scale, of the third observation with a velocity: a first guess of the scale.

    Unless all innovations are rounding errors: then the scale is what the numbers can resolve, and the member waits
    here, for a value that repeats says nothing about the noise ratios. When it ends the first innovation counts three
    times, which keeps the predictive's variance finite. Returns whether a scale was learnt.
    """
    dimension = belief.position.shape[0]
    largest = 0.0
    for j in range(bank.first[k], bank.first[k + 1]):
        largest = max(largest, scratch.squared[j])
    if largest <= rounding:
        belief.shape[k] = 3.0
        for j in range(bank.first[k], bank.first[k + 1]):
            belief.rate[j] = 3.0 * least
        return False
    times = 3.0 if belief.shape[k] > 0.0 else 1.0
    belief.shape[k] = 0.5 * times * dimension
    for j in range(bank.first[k], bank.first[k + 1]):
        s = belief.position_variance[j] + scratch.widened[0] * scratch.noise[j]
        rate = 0.5 * times * scratch.squared[j] / s
        belief.rate[j] = max(rate, belief.shape[k] * least)
    return True
