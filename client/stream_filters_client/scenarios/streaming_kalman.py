"""Targets that move with nearly constant velocity, seen through noise: positions with gaps, outliers, jumps of noise.

x_t = x_{t-1} + dt v_{t-1} + w_p,   v_t = v_{t-1} + w_v,   (w_p, w_v) ~ N(0, Q(dt)),   y_t = x_t + N(0, R)
"""

from collections.abc import Mapping
from functools import partial

import numpy as np

from stream_filters_client.scenarios.base import Array, Floats, Scenario, Stream

MODEL = "streaming_kalman"

_NORMAL_90 = 1.6448536269514722
# Variance of the first velocity, in those of the noise: large enough to say nothing.
_DIFFUSE = 1e8
_UNSCORED = 3


def process_cov(position_noise: float, velocity_noise: float, time_deltas: Floats, *, continuous: bool) -> Floats:
    """Q(dt) for each step, [T, 2, 2]: noise of position and velocity that adds up in continuous time, or not."""
    dt = time_deltas
    q: Floats = np.zeros((dt.size, 2, 2))
    q[:, 0, 0] = position_noise * dt
    q[:, 1, 1] = velocity_noise * dt
    if continuous:
        q[:, 0, 0] += velocity_noise * dt**3 / 3
        q[:, 0, 1] = q[:, 1, 0] = velocity_noise * dt**2 / 2
    return q


def move(start: Floats, process: Floats, time_deltas: Floats, rng: np.random.Generator) -> Floats:
    """A path of (positions, velocities), [T, 2D], one step of `process` [T, 2D, 2D] after `start` at its first row."""
    axes = start.size // 2
    noise = np.einsum("tij,tj->ti", np.linalg.cholesky(process), rng.standard_normal((len(process), start.size)))
    path: Floats = np.empty_like(noise)
    state = start
    for t, dt in enumerate(time_deltas):
        position, velocity = state[:axes], state[axes:]
        state = path[t] = np.concatenate([position + dt * velocity, velocity]) + noise[t]
    return path


def known_noise_filter(
    observations: Floats, time_deltas: Floats, process: Floats, noise: Floats
) -> Mapping[str, Array]:
    """A Kalman filter that is told every covariance, under the names of the predictor's outputs.

    observations: [T, D], a row with NaN is missing. process: [T, 2D, 2D], positions before velocities; the first is
    not used. noise: [T, D, D]. The first three observations are not scored, as the velocity has no prior.
    """
    length, axes = observations.shape
    steps = np.tile(np.eye(2 * axes), (length, 1, 1))
    steps[:, range(axes), range(axes, 2 * axes)] = time_deltas[:, None]
    means, covs = np.full((length, 2 * axes), np.nan), np.full((length, 2 * axes, 2 * axes), np.nan)
    predicted, innovation_covs = np.full((length, axes), np.nan), np.full((length, axes, axes), np.nan)
    observed = np.asarray(~np.isnan(observations).any(axis=1))
    first = int(np.argmax(observed)) if observed.any() else length
    for t in range(first, length):
        if t == first:
            mean = np.concatenate([observations[t], np.zeros(axes)])
            cov = _DIFFUSE * np.trace(noise[t]) * np.eye(2 * axes)
            cov[:axes, :axes] = noise[t]
        else:
            mean, cov = steps[t] @ mean, steps[t] @ cov @ steps[t].T + process[t]
            predicted[t], innovation_covs[t] = mean[:axes], cov[:axes, :axes] + noise[t]
            if observed[t]:
                gain = cov[:, :axes] @ np.linalg.inv(innovation_covs[t])
                mean, cov = mean + gain @ (observations[t] - mean[:axes]), cov - gain @ cov[:axes]
        means[t], covs[t] = mean, cov
    stds = np.sqrt(np.diagonal(innovation_covs, axis1=1, axis2=2))
    log_evidence = np.full(length, np.nan)
    scored = np.flatnonzero(observed)[_UNSCORED:]
    log_evidence[scored] = _log_normal(observations[scored] - predicted[scored], innovation_covs[scored])
    spread = np.sqrt(np.maximum(np.diagonal(covs, axis1=1, axis2=2), 0.0))
    half = _NORMAL_90 * stds
    return {
        "predictive_mean": _flat(predicted),
        "predictive_std": _flat(stds),
        "predictive_interval": _flat(np.stack([predicted - half, predicted + half], axis=-1)),
        "log_evidence": log_evidence,
        "position_mean": means[:, :axes],
        "position_std": spread[:, :axes],
        "velocity_mean": means[:, axes:],
        "velocity_std": spread[:, axes:],
        "state_cov": covs,
        "observation_noise_std": np.repeat(np.sqrt(np.diagonal(noise, axis1=1, axis2=2))[..., None], 3, axis=-1),
    }


def _flat(values: Floats) -> Floats:
    """Without the size of the axes where there is one: the shape of the predictor's predictive outputs."""
    return values[:, 0] if values.shape[1] == 1 else values


def _log_normal(errors: Floats, covs: Floats) -> Floats:
    """Log densities [n] of centred normals with covariances [n, D, D] at `errors` [n, D], nats."""
    _, log_det = np.linalg.slogdet(2 * np.pi * covs)
    weighted = np.linalg.solve(covs, errors[..., None])[..., 0]
    densities: Floats = -0.5 * (log_det + np.sum(errors * weighted, axis=1))
    return densities


def track(
    length: int,
    rng: np.random.Generator,
    *,
    position_noise: float = 0.01,
    velocity_noise: float = 0.001,
    noise_variance: Floats | float = 0.01,
    time_deltas: Floats | None = None,
    continuous: bool = False,
    missing: Array | None = None,
    outliers: float = 0.0,
) -> Stream:
    """One axis, from position 0 at velocity 0.1.

    noise_variance: R, one for all rows or [T]. missing: [T], true where the observation is lost. outliers: share of
    the observations with ten times the noise; the oracle does not know of them.
    """
    steps = np.ones(length) if time_deltas is None else time_deltas
    process = process_cov(position_noise, velocity_noise, steps, continuous=continuous)
    path = move(np.array([0.0, 0.1]), process, steps, rng)
    variance = np.broadcast_to(np.asarray(noise_variance, np.float64), (length,))
    hit = rng.random(length) < outliers
    observations = path[:, 0] + np.sqrt(variance) * np.where(hit, 10.0, 1.0) * rng.standard_normal(length)
    if missing is not None:
        observations = np.where(missing, np.nan, observations)
    truth: dict[str, Array] = {
        "position": path[:, :1],
        "velocity": path[:, 1:],
        "observation_noise_std": np.sqrt(variance)[:, None],
        "position_noise": np.full((length, 1), position_noise),
        "velocity_noise": np.full((length, 1), velocity_noise),
    }
    if outliers:
        truth["outlier"] = hit
    answers = partial(known_noise_filter, observations[:, None], steps, process, variance[:, None, None])
    return Stream(observations, time_deltas, truth, answers)


def _demo(seed: int, length: int) -> Stream:
    return track(length, np.random.default_rng(seed))


def _irregular(seed: int, length: int) -> Stream:
    rng = np.random.default_rng(seed)
    steps = np.maximum(rng.exponential(1.0, length), 1e-3)
    return track(
        length,
        rng,
        position_noise=0.0,
        velocity_noise=0.01,
        noise_variance=0.25,
        time_deltas=steps,
        continuous=True,
    )


def _missing(seed: int, length: int) -> Stream:
    rng = np.random.default_rng(seed)
    return track(length, rng, missing=rng.random(length) < 0.3)


def _outliers(seed: int, length: int) -> Stream:
    return track(length, np.random.default_rng(seed), outliers=0.05)


def _jump(seed: int, length: int) -> Stream:
    loud = np.arange(length) // 1000 % 2 == 1
    return track(length, np.random.default_rng(seed), noise_variance=np.where(loud, 0.16, 0.01))


_DIAGONAL = {"process": "diag"}

KALMAN_SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "kalman-demo", MODEL, "a target that wanders and drifts, noise of standard deviation 0.1", _demo, _DIAGONAL
    ),
    Scenario("kalman-irregular", MODEL, "white acceleration, seen at random times", _irregular),
    Scenario("kalman-missing", MODEL, "kalman-demo, and 30 % of the observations lost", _missing, _DIAGONAL),
    Scenario(
        "kalman-outliers",
        MODEL,
        "kalman-demo, and 5 % of the observations with ten times the noise",
        _outliers,
        _DIAGONAL,
    ),
    Scenario(
        "kalman-jump", MODEL, "kalman-demo, and the noise four times as large in every other thousand", _jump, _DIAGONAL
    ),
)
