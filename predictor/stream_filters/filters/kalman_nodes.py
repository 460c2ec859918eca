"""One member's Kalman filters: predict, score and absorb, every node in units of its own noise scale s2.

A node's covariance is carried as the position variance P and the regression of velocity on position, slope c with
residual variance d. An observation of the position changes neither c nor d, and every term of their prediction is
positive, so that nothing cancels however diffuse the start or long the stream.

    predict   P' = P (1 + dt c)² + dt² d + q_pp     c' = (cP (1 + dt c) + dt d + q_pv) / P'     d' = det' / P'
    update    S = P' + r     k = P' / S     m += k e     v += c' k e     P = k r
              y | past ~ Student-t, 2a dof, location m', scale² (b/a) S
              b += e² / (2 S)     a += 1/2

A robust member has noise (1 - eps) N(0, R) + eps N(0, kappa R), its two branches collapsed by moment matching.
West & Harrison (1997), Bayesian Forecasting and Dynamic Models, ch. 4 for the conjugate scale.
"""

import math

from numba import njit

from stream_filters.filters.kalman_bank import Bank, Belief, Scratch
from stream_filters.filters.noise_grid import normalise

# Variance of the velocity after the first observation, in units where any finite acceleration is nothing.
DIFFUSE = 1e20
MAX_VARIANCE = 1e100
MAX_INNOVATION = 1e90
# Observations before a robust member may call one an outlier.
TRUSTING = 6


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def predict_nodes(bank: Bank, belief: Belief, scratch: Scratch, k: int, dt: float) -> None:
    """Move member k's nodes `dt` nominal steps ahead."""
    for j in range(bank.first[k], bank.first[k + 1]):
        p, c, d = belief.position_variance[j], belief.slope[j], belief.velocity_variance[j]
        lp, lv = scratch.position_drift[j] * dt, scratch.velocity_drift[j] * dt
        x = dt * c
        v = d + c * c * p
        q_pp, q_pv = lp, 0.0
        if bank.continuous:
            q_pp, q_pv = lp + lv * dt * dt / 3.0, 0.5 * lv * dt
            grown = lv * (p * (1.0 + x + x * x / 3.0) + dt * dt * d / 3.0) + lp * v
            det = p * d + grown + lp * lv + lv * lv * dt * dt / 12.0
        else:
            det = p * d + lv * (p * (1.0 + x) ** 2 + dt * dt * d) + lp * v + lp * lv
        ahead = p * (1.0 + x) ** 2 + dt * dt * d + q_pp
        inverse = 1.0 / ahead
        belief.slope[j] = (c * p * (1.0 + x) + dt * d + q_pv) * inverse
        belief.velocity_variance[j] = min(det * inverse, MAX_VARIANCE)
        belief.position_variance[j] = min(ahead, MAX_VARIANCE)
        for axis in range(belief.position.shape[0]):
            belief.position[axis, j] += dt * belief.velocity[axis, j]


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def square_innovations(bank: Bank, belief: Belief, scratch: Scratch, k: int) -> None:
    """Fill member k's sums over the axes of e²."""
    for j in range(bank.first[k], bank.first[k + 1]):
        scratch.squared[j] = 0.0
    for axis in range(belief.position.shape[0]):
        observation = scratch.observation[axis]
        for j in range(bank.first[k], bank.first[k + 1]):
            e = min(abs(observation - belief.position[axis, j]), MAX_INNOVATION)
            scratch.squared[j] += e * e


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def score_nodes(bank: Bank, belief: Belief, scratch: Scratch, k: int) -> float:
    """Log density of the observation under member k, nats; fills each node's likelihood and outlier probability.

    Needs predicted nodes and a positive shape.
    """
    dimension = belief.position.shape[0]
    a = belief.shape[k]
    power = a + 0.5 * dimension
    eps, kappa = bank.outlier_share[k], bank.outlier_variance
    peak = -math.inf
    for j in range(bank.first[k], bank.first[k + 1]):
        b, r = belief.rate[j], scratch.noise[j]
        q = scratch.squared[j]
        s = (belief.position_variance[j] + r) * b
        scratch.likelihood[j] = -0.5 * dimension * math.log(s) - power * math.log(1.0 + 0.5 * q / s)
        peak = max(peak, scratch.likelihood[j])
        if eps > 0.0:
            s += (kappa - 1.0) * r * b
            scratch.outlier[j] = -0.5 * dimension * math.log(s) - power * math.log(1.0 + 0.5 * q / s)
            peak = max(peak, scratch.outlier[j])
    total = 0.0
    norm = 0.0
    judging = belief.age[k] >= TRUSTING
    for j in range(bank.first[k], bank.first[k + 1]):
        likelihood = math.exp(scratch.likelihood[j] - peak)
        if eps > 0.0:
            wide = eps * math.exp(scratch.outlier[j] - peak)
            likelihood = (1.0 - eps) * likelihood + wide
            scratch.outlier[j] = wide / likelihood if judging and likelihood > 0.0 else 0.0
        scratch.likelihood[j] = likelihood
        total += belief.weight[j] * likelihood
        norm += belief.weight[j]
    constant = math.lgamma(power) - math.lgamma(a) - 0.5 * dimension * math.log(2.0 * math.pi)
    return constant + peak + math.log(total / norm)


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def fade(bank: Bank, belief: Belief, scratch: Scratch, k: int) -> None:
    """Let member k forget: multiply a, b and the log likelihood by 1 - 1/memory."""
    keep = bank.keep[k]
    belief.shape[k] *= keep
    for j in range(bank.first[k], bank.first[k + 1]):
        belief.rate[j] *= keep
        belief.weight[j] = math.exp(keep * math.log(belief.weight[j]) + (1.0 - keep) * scratch.log_prior[j])
    normalise(bank, belief, k)


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def absorb(bank: Bank, belief: Belief, scratch: Scratch, k: int, learn: bool, least: float) -> None:
    """Update member k's nodes with the observation that was scored.

    learn: whether it also tells about the noise. least: smallest variance that the numbers can resolve.
    """
    dimension = belief.position.shape[0]
    kappa = bank.outlier_variance
    shape = belief.shape[k]
    if learn:
        belief.shape[k] += 0.5 * dimension
    for j in range(bank.first[k], bank.first[k + 1]):
        p, r, rho = belief.position_variance[j], scratch.noise[j], scratch.outlier[j]
        surprise = 1.0 / (p + r)
        gain = p * surprise
        after = gain * r
        q = scratch.squared[j]
        if learn and rho > 0.0:
            wide = p + kappa * r
            gain_wide = p / wide
            spread = (1.0 - rho) * (q / dimension * (shape / belief.rate[j])) * rho * (gain - gain_wide) ** 2
            after = (1.0 - rho) * after + rho * gain_wide * kappa * r + spread
            gain += rho * (gain_wide - gain)
            surprise += rho * (1.0 / wide - surprise)
        belief.position_variance[j] = min(after, MAX_VARIANCE)
        for axis in range(dimension):
            e = scratch.observation[axis] - belief.position[axis, j]
            belief.position[axis, j] += gain * e
            belief.velocity[axis, j] += belief.slope[j] * gain * e
        if learn:
            belief.rate[j] = max(belief.rate[j] + 0.5 * q * surprise, belief.shape[k] * least)
            belief.weight[j] *= scratch.likelihood[j]
    if learn:
        normalise(bank, belief, k)


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def begin(bank: Bank, belief: Belief, scratch: Scratch, k: int) -> None:
    """Place member k, fresh from its prior, on its first observation."""
    for j in range(bank.first[k], bank.first[k + 1]):
        belief.position_variance[j] = scratch.noise[j]
        belief.slope[j] = 0.0
        belief.velocity_variance[j] = DIFFUSE
        for axis in range(belief.position.shape[0]):
            belief.position[axis, j] = scratch.observation[axis]
            belief.velocity[axis, j] = 0.0


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def learn_scale(bank: Bank, belief: Belief, scratch: Scratch, k: int, least: float, rounding: float) -> bool:
    """Third observation of member k: a first guess of the scale, unless all innovations are rounding errors.

    In that case the scale is what the numbers can resolve, and the member waits here: a value that repeats says
    nothing about the noise ratios. When it ends the first innovation counts three times, which keeps the
    predictive's variance finite. Returns whether a scale was learnt.
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
        s = belief.position_variance[j] + scratch.noise[j]
        rate = 0.5 * times * scratch.squared[j] / s
        belief.rate[j] = max(rate, belief.shape[k] * least)
    return True
