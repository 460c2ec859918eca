"""`streaming_kalman` against Kalman filters that share no code with it, where its answer is exact.

Until its grid first moves, after seven observations, the filter is a mixture of Kalman filters with known noise ratios.
The noise scale s² has the prior 1/s², so that the evidence of each is a Student-t in closed form, or an integral of
statsmodels' likelihood.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logsumexp
from scipy.stats import t as student_t
from stream_filters.filters.base import Array, Batch, Floats
from stream_filters.filters.kalman.filter import StreamingKalman, StreamingKalmanConfig

from benchmarks.accuracy.targets import Target

_GRID: dict[str, Any] = {
    "process": "diag",
    "position_noise": "never",
    "robust": "never",
    "memories": (),
    "standing": "never",
    "time_delta": 1.0,
    "switching": 0.0,
    "grid_size": 5,
    "agility_mean": -1.0,
    "agility_std": 0.5,
}
_STREAMS = 5
_BEFORE_A_MOVE = 7
_NILE = Path(__file__).parents[2] / "data" / "nile.csv"
# The first observations at which a diffuse position, velocity and scale have been told apart.
_FIRST_SCORED = 3


def exactness_targets() -> Iterator[Target]:
    """Differences that only rounding may leave, and Durbin & Koopman's estimates of the Nile."""
    known, likelihood = 0.0, 0.0
    for seed in range(_STREAMS):
        y, steps = _with_gaps(seed)
        ours = _run(_GRID, y, steps, "log_evidence")["log_evidence"]
        known = max(known, float(np.nanmax(np.abs(ours - plain_filters(y, steps)))))
        total = np.nansum(_run(_GRID, y, np.ones(y.size), "log_evidence")["log_evidence"])
        likelihood = max(likelihood, abs(float(total) - statsmodels_evidence(y)))
    yield Target("known ratios, gaps: log evidence minus plain Kalman filters'", known, high=1e-9)
    yield Target("known ratios, gaps: log evidence minus statsmodels'", likelihood, high=1e-6)
    yield from _nile()


def _with_gaps(seed: int) -> tuple[Floats, Floats]:
    """A random walk of position and velocity, seven observations of it and as many gaps, and irregular steps."""
    rng = np.random.default_rng(seed)
    length = 2 * _BEFORE_A_MOVE
    y = np.cumsum(np.cumsum(0.3 * rng.standard_normal(length))) + rng.standard_normal(length)
    y[1 + rng.permutation(length - 1)[:_BEFORE_A_MOVE]] = np.nan
    return np.asarray(y), rng.uniform(0.3, 2.0, length)


def ratios() -> tuple[Floats, Floats]:
    """The grid's five values of q_vel / R, and the logs of their prior weights."""
    deviates = np.linspace(-2.0, 2.0, 5)
    log_prior = -0.5 * deviates**2
    return 10.0 ** (_GRID["agility_mean"] + _GRID["agility_std"] * deviates), log_prior - logsumexp(log_prior)


def plain_filters(observations: Floats, time_deltas: Floats) -> Floats:
    """Log evidence [T] of Kalman filters with matrices, one for each ratio, mixed; NaN where not scored."""
    values, log_weight = ratios()
    each = np.stack([_plain_filter(observations, time_deltas, ratio) for ratio in values])
    mixed = np.full(observations.size, np.nan)
    for t in np.flatnonzero(np.isfinite(each[0])):
        mixed[t] = logsumexp(log_weight + each[:, t])
        log_weight = log_weight + each[:, t] - mixed[t]
    return mixed


def _plain_filter(observations: Floats, time_deltas: Floats, ratio: float) -> Floats:
    """A conjugate Kalman filter: s² ~ IG(a, b), everything else in units of s² (West & Harrison 1997, 4.5)."""
    mean, cov = np.array([observations[0], 0.0]), np.zeros((2, 2))
    seen, elapsed, a, b = 1, 0.0, 0.0, 0.0
    evidence = np.full(observations.size, np.nan)
    for t in range(1, observations.size):
        step = np.array([[1.0, time_deltas[t]], [0.0, 1.0]])
        mean, cov = step @ mean, step @ cov @ step.T + np.diag([0.0, ratio * time_deltas[t]])
        elapsed += time_deltas[t]
        if np.isnan(observations[t]):
            continue
        spread, error = cov[0, 0] + 1.0, observations[t] - mean[0]
        if seen >= _FIRST_SCORED:
            evidence[t] = student_t.logpdf(error, 2.0 * a, scale=np.sqrt(b / a * spread))
        if seen >= _FIRST_SCORED - 1:
            a, b = a + 0.5, b + 0.5 * error**2 / spread
            gain = cov[:, 0] / spread
            keep = np.eye(2) - np.outer(gain, [1.0, 0.0])
            mean, cov = mean + gain * error, keep @ cov @ keep.T + np.outer(gain, gain)
        else:
            mean, cov = np.array([observations[t], error / elapsed]), _from_two(cov, elapsed)
        seen += 1
    return evidence


def _from_two(added: Floats, elapsed: float) -> Floats:
    """Covariance of position and velocity from two observations alone, `added` being the noise between them.

    position = y_2 - e_2 and velocity = (y_2 - e_2 - y_1 + e_1 - n_position) / elapsed + n_velocity.
    """
    velocity = (2.0 + added[0, 0]) / elapsed**2 - 2.0 * added[0, 1] / elapsed + added[1, 1]
    return np.array([[1.0, 1.0 / elapsed], [1.0 / elapsed, velocity]])


def statsmodels_evidence(observations: Floats) -> float:
    """Log of p(all | first three), from statsmodels' likelihoods at fixed covariances, s² integrated numerically."""
    values, log_prior = ratios()
    whole = np.array([_marginal(observations, ratio) for ratio in values])
    third = np.flatnonzero(np.isfinite(observations))[_FIRST_SCORED - 1]
    start = np.array([_marginal(observations[: third + 1], ratio) for ratio in values])
    return float(logsumexp(log_prior + whole - start))


def _marginal(observations: Floats, ratio: float) -> float:
    """Log of the integral of statsmodels' likelihood over log s², by the trapezoid rule; s² is near 1."""
    from statsmodels.tsa.statespace.structural import UnobservedComponents  # noqa: PLC0415  # slow to import

    model = UnobservedComponents(observations, "local linear trend", use_exact_diffuse=True)
    dof = np.isfinite(observations).sum() - 2
    spread = np.sqrt(2.0 / dof)
    log_scales = np.linspace(-15.0 * spread, 80.0 / dof + 10.0 * spread, 400)
    likelihoods = [model.loglike(np.exp(x) * np.array([1.0, 0.0, ratio])) for x in log_scales]
    return float(logsumexp(likelihoods) + np.log(log_scales[1] - log_scales[0]))


def _nile() -> Iterator[Target]:
    """Durbin & Koopman (2012), 2.2.5: the likeliest variances, 15,099 and 1,469, are inside our 90 % bands."""
    with _NILE.open() as file:
        flows = np.array([float(row["volume"]) for row in csv.DictReader(file)])
    info = _run({"process": "diag"}, flows, np.ones(flows.size), "observation_noise_std", "position_noise")
    noise, level = info["observation_noise_std"][-1, 0] ** 2, info["position_noise"][-1, 0]
    yield Target("Nile: lower end of the observation noise variance", float(noise[1]), high=15_099.0)
    yield Target("Nile: upper end", float(noise[2]), low=15_099.0)
    yield Target("Nile: lower end of the level's variance", float(level[1]), high=1_469.1)
    yield Target("Nile: upper end of the same", float(level[2]), low=1_469.1)


def _run(config: dict[str, Any], observations: Floats, time_deltas: Floats, *names: str) -> dict[str, Array]:
    kalman = StreamingKalman(StreamingKalmanConfig(**config))
    batch = Batch(observations[:, None], time_deltas)
    return dict(kalman.run(kalman.initial_state(), batch, frozenset(names)).info)
