"""The compiled recursion of one node against West & Harrison's, in plain NumPy."""

# ruff: noqa: N806  # the letters of the book

import numpy as np
from stream_filters.filters.autoregression.config import Config
from stream_filters.filters.autoregression.filter import OnlineArLearning
from stream_filters.filters.autoregression.records import CENTRE, UNIT
from stream_filters.filters.base import Array, Batch, Floats

from benchmarks.accuracy.online_ar_learning_exact import ONE_NODE, autoregression


def begun(state: Array, origin: float) -> tuple[Floats, Floats, float, float, float]:
    """Mean, covariance, n and d of a state's one node, in the unit of the observations and about the origin."""
    c, unit = state["scales"][CENTRE], state["scales"][UNIT]
    (level, slope), (var_level, cov, var_slope) = state["mean"][0], state["cov"][0]
    about = np.array([[1.0, origin - c], [0.0, 1.0]])
    C = about @ np.array([[var_level, cov / unit], [cov / unit, var_slope / unit**2]]) @ about.T
    m = np.array([unit * level + (c - origin) * (1.0 - slope), slope])
    return m, C, float(state["a"][0]), float(state["b"][0]) * unit**2, origin


def test_a_drifting_node_is_the_dynamic_regression_of_the_book() -> None:
    """West & Harrison (1997), Bayesian Forecasting and Dynamic Models, section 4.6: W_t given, V conjugate.

    F = (1, y_t-1 - c): R = C + W, f = F'm, Q = 1 + F'RF, A = RF / Q, m += A e, C = R - A A'Q, V ~ IG(n, d).
    W: the mean drifts by la V, so the intercept by (1 - beta)² la V; the coefficient by wb, about the first centre.
    """
    la, wb = 0.02, 1e-3
    config = Config(**{**ONE_NODE, "level_drift": (la,), "coefficient_drift": (wb,)})
    kernel = OnlineArLearning(config)
    y = autoregression([0.7], 300, seed=1, offset=5.0)
    names = frozenset({"predictive_mean", "log_evidence"})
    started = kernel.run(kernel.initial_state(), Batch(y[:5, None], np.ones(5)), names).state
    m, C, n, d, origin = begun(started, np.median(y[:5]))
    found = kernel.run(started, Batch(y[5:, None], np.ones(295)), names).info
    for t in range(5, 300):
        F = np.array([1.0, y[t - 1] - origin])
        R = C + np.diag([la * (1.0 - m[1]) ** 2, wb / (d / max(n, 0.6))])
        f, Q = F @ m, 1.0 + F @ R @ F
        A, e = R @ F / Q, y[t] - origin - f
        np.testing.assert_allclose(found["predictive_mean"][t - 5], origin + f, rtol=1e-9)
        m, C = m + A * e, R - np.outer(A, A) * Q
        n, d = n + 0.5, d + 0.5 * e * e / Q
