"""The small algorithms under the labels and long-run shares, against SciPy and NumPy."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from stream_filters.filters.regimes.labels import assign
from stream_filters.filters.regimes.report import stationary


@pytest.mark.parametrize("size", range(1, 9))
def test_assignment_has_the_least_total_cost(size: int) -> None:
    rng = np.random.default_rng(size)
    for _ in range(20):
        cost = rng.normal(size=(size, size))
        columns = np.zeros(size, np.int64)
        assign(cost, columns, np.empty((3, size + 1)), np.empty((3, size + 1), np.int64))
        rows, best = linear_sum_assignment(cost)
        assert sorted(columns) == list(range(size))
        assert cost[np.arange(size), columns].sum() == pytest.approx(cost[rows, best].sum(), abs=1e-12)


@pytest.mark.parametrize("size", range(1, 6))
def test_long_run_shares_are_left_unchanged_by_the_transition_matrix(size: int) -> None:
    counts = np.random.default_rng(size).gamma(0.5, size=(size, size))
    matrix = counts / counts.sum(1, keepdims=True)
    shares = np.zeros(size)
    stationary(matrix.copy(), size, shares)
    np.testing.assert_allclose(shares @ matrix, shares, atol=1e-12)
    assert shares.sum() == pytest.approx(1.0)
