"""Parameters of online_ar_learning that jump, and what its nodes take from each other, against sampled mixtures."""

import numpy as np
import pytest
from numpy.typing import NDArray
from stream_filters.filters.autoregression.config import Config, grid_of, sizes_of
from stream_filters.filters.autoregression.filter import OnlineArLearning
from stream_filters.filters.autoregression.records import NO_WEIGHT, Belief, Grid, Work
from stream_filters.filters.autoregression.switching import mix_nodes
from stream_filters.filters.autoregression.views import SCRATCH, STATE, belief_of, view_scratch, view_state
from stream_filters.filters.base import Array, Batch

Floats = NDArray[np.float64]
# of the nodes that fill a vector of eight up
FILLING = np.ones(5)


def broken(seed: int, before: float, after: float) -> Floats:
    """400 rows with one coefficient, then 200 with another."""
    rng = np.random.default_rng(seed)
    y = np.zeros(600)
    for t in range(1, 600):
        y[t] = (before if t < 400 else after) * y[t - 1] + 0.5 * rng.standard_normal()
    return y


def run(y: Floats, **settings: float) -> dict[str, Array]:
    kernel = OnlineArLearning(Config.model_validate(settings))
    names = frozenset({"log_evidence", "coefficients"})
    return dict(kernel.run(kernel.initial_state(), Batch(y[:, None], np.ones(y.size)), names).info)


def test_a_coefficient_that_jumped_is_found_sooner_than_by_drift_alone() -> None:
    gains, errors = [], []
    for seed in range(20):
        y = broken(seed, 0.9, -0.4)
        jumping, drifting = run(y), run(y, jump_rate=0.0)
        gains.append(float(np.sum((jumping["log_evidence"] - drifting["log_evidence"])[400:500])))
        errors.append(float(np.mean(np.abs(jumping["coefficients"][440:600, 0, 0] + 0.4))))
    # Standard errors over 20 streams: about 1 nat, and 0.01.
    assert np.mean(gains) > 2.0
    assert np.mean(errors) < 0.15


def test_jumps_cost_little_where_there_are_none() -> None:
    costs = []
    for seed in range(10):
        y = broken(seed, 0.7, 0.7)
        costs.append(float(np.mean((run(y)["log_evidence"] - run(y, jump_rate=0.0)["log_evidence"])[100:])))
    assert np.mean(costs) > -4e-4


ORDER_2 = Config(
    models=("plain",),
    level_drift=(0.0, 1e-2),
    coefficient_drift=(0.0,),
    centre_drift=(),
    noise_memory=(None,),
    origin_weight=0.0,
    order=2,
)


@pytest.fixture
def nodes() -> tuple[Grid, Belief, Work]:
    """Nodes of one variant that differ: one heavy, the restart and another light."""
    sizes = sizes_of(ORDER_2)
    rng = np.random.default_rng(5)
    roots = rng.standard_normal((3, 3, 3))
    covs = roots @ roots.transpose(0, 2, 1)
    scratch = view_scratch.py_func(SCRATCH.zeros(sizes), sizes)  # type: ignore[attr-defined]  # what numba compiles
    state = view_state.py_func(STATE.zeros(sizes), sizes)  # type: ignore[attr-defined]
    belief = belief_of.py_func(state, scratch)
    belief.mean[:, :3] = rng.standard_normal((3, 3)).T
    belief.cov[:, :3] = covs[:, *np.triu_indices(3)].T
    belief.b[:] = 8.0, 12.0, 10.0, *FILLING
    belief.half_dof[:] = 10.0
    belief.weight[:] = 0.99, 0.002, 0.008, *NO_WEIGHT * FILLING
    return grid_of(ORDER_2), belief, scratch.work


def test_a_node_takes_on_the_moments_of_what_flows_in(nodes: tuple[Grid, Belief, Work]) -> None:
    grid, belief, work = nodes
    mean, b, weight = belief.mean[:, :3].T.copy(), belief.b[:3] / 10.0, belief.weight[:3].copy()
    covs = np.zeros((3, 3, 3))
    covs[:, *np.triu_indices(3)] = belief.cov[:, :3].T
    covs[:, *np.tril_indices(3)] = covs.transpose(0, 2, 1)[:, *np.tril_indices(3)]
    floor, rate, jump = grid.settings[1], grid.settings[4], grid.settings[5]
    mix_nodes(grid, belief, work)

    def draws(j: int, size: int) -> Floats:
        return rng.multivariate_normal(mean[j], b[j] * covs[j], size)

    rng = np.random.default_rng(6)
    size = 400_000
    pool = np.concatenate([draws(j, round(weight[j] * size)) for j in range(3)])
    jumps = np.sqrt([weight @ b, jump, jump]) * rng.standard_normal((pool.shape[0], 3))
    inflow = {1: floor * grid.prior[1], 2: rate}
    for j, came in ((1, pool), (2, pool + jumps)):
        share = inflow[j] / (weight[j] + (inflow[j] if j == 2 else 0.0))
        kept = draws(j, round((1.0 - share) / share * came.shape[0]))
        mixed = np.concatenate([kept, came])
        got = np.zeros((3, 3))
        got[np.triu_indices(3)] = belief.cov[:, j] * b[j]
        error = np.sqrt(np.diag(np.cov(mixed.T)) / size)
        np.testing.assert_allclose(belief.mean[:, j], mixed.mean(0), atol=5.0 * error.max())
        np.testing.assert_allclose(np.triu(got), np.triu(np.cov(mixed.T)), atol=0.03)
    np.testing.assert_array_equal(belief.mean[:, 0], mean[0])
    assert belief.weight.sum() == pytest.approx(1.0, abs=1e-12)
