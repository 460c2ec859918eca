"""The compiled recursion against one in plain NumPy, written from the book: West & Harrison (1997), 4.5 and 4.6."""

# ruff: noqa: N806  # the letters of the book

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import t as student_t
from stream_filters.filters.base import Batch
from stream_filters.filters.kalman.filter import StreamingKalman, StreamingKalmanConfig

Floats = NDArray[np.float64]
DIFFUSE = 1e9


def log_densities(y: Floats, dt: Floats, s: Floats, process: Any) -> Floats:
    """Log p(y_t | past) [T] of a position with velocity, in units of R; NaN for the first three."""
    m, C, n, S = np.array([y[0], 0.0]), np.diag([s[0] ** 2, DIFFUSE]), 0, 0.0
    found = np.full(len(y), np.nan)
    for t in range(1, len(y)):
        G = np.array([[1.0, dt[t]], [0.0, 1.0]])
        a, R = G @ m, G @ C @ G.T + process(dt[t])
        f, Q = a[0], R[0, 0] + s[t] ** 2
        A, e = R[:, 0] / Q, y[t] - a[0]
        if n > 0:
            found[t] = student_t.logpdf(y[t], n, f, np.sqrt(S * Q))
        if t > 1:
            n, S = n + 1, (n * S + e**2 / Q) / (n + 1)
        m, C = a + A * e, R - np.outer(A, A) * Q
    return found


@pytest.mark.parametrize("process", ["ct", "diag"])
def test_the_bank_is_filters_with_known_ratios_mixed_by_their_evidence(process: str) -> None:
    """Five ratios lam = q_vel / R, before the grid first moves, with irregular steps and known scales."""
    rng = np.random.default_rng(3)
    y, dt, s = rng.normal(size=7), rng.uniform(0.5, 2.0, 7), rng.uniform(0.5, 2.0, 7)
    model = StreamingKalman(
        StreamingKalmanConfig(
            process=process,  # type: ignore[arg-type]
            position_noise="never",
            robust="never",
            standing="never",
            memories=(),
            grid_size=5,
            agility_mean=-1.0,
            agility_std=0.5,
            switching=0.0,
            time_delta=1.0,
        )
    )
    each, log_prior = [], []
    for u in np.linspace(-2.0, 2.0, 5):
        lam = 10.0 ** (-1.0 + 0.5 * u)

        def noise(h: float, lam: float = lam) -> Floats:
            if process == "diag":
                return np.diag([0.0, lam * h])
            return lam * np.array([[h**3 / 3, h**2 / 2], [h**2 / 2, h]])

        each.append(log_densities(y, dt, s, noise))
        log_prior.append(-0.5 * u**2)
    log_joint = np.array(log_prior)[:, None] + np.nancumsum(each, axis=1)
    expected = np.diff(logsumexp(log_joint, axis=0))[2:]
    batch = Batch(y[:, None], dt, s)
    found = model.run(model.initial_state(), batch, frozenset({"log_evidence"})).info["log_evidence"]
    np.testing.assert_allclose(found[3:], expected, rtol=1e-5)
