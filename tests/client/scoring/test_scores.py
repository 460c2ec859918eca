"""Scores say what they say they say."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import linear_sum_assignment
from stream_filters_client.scoring import scores
from stream_filters_client.scoring.score_lines import number


def test_rmse_and_coverage_leave_out_what_is_undefined() -> None:
    truth = np.array([1.0, 2.0, np.nan, 4.0])
    estimate = np.array([1.0, 4.0, 3.0, np.nan])
    assert scores.rmse(estimate, truth) == pytest.approx(np.sqrt(2.0))
    assert scores.coverage(estimate - 1.5, estimate + 1.5, truth) == 0.5
    assert np.isnan(scores.rmse(np.array([np.nan]), np.array([1.0])))


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_a_normal_band_is_that_of_the_normal_distribution(level: float) -> None:
    lower, upper = scores.normal_band(np.array([1.0]), np.array([2.0]), level)
    assert stats.norm(1.0, 2.0).interval(level) == pytest.approx((lower[0], upper[0]), rel=1e-12)


@pytest.mark.parametrize("power", [1.0, 1.5])
def test_calibration_is_the_kolmogorov_smirnov_distance(power: float) -> None:
    pit = np.random.default_rng(4).random(500) ** power
    expected = stats.kstest(pit, "uniform")
    found = scores.calibration(np.append(pit, np.nan))
    assert found is not None
    assert found.distance == pytest.approx(expected.statistic, rel=1e-12)
    assert found.uniform == (expected.pvalue > 0.05) == (power == 1.0)
    assert sum(found.histogram) == pytest.approx(1.0)
    assert scores.calibration(np.array([np.nan])) is None


@pytest.mark.parametrize(("found_labels", "true_labels"), [(3, 3), (5, 3), (2, 4), (8, 8), (1, 1)])
def test_labels_are_matched_as_the_hungarian_algorithm_does(found_labels: int, true_labels: int) -> None:
    rng = np.random.default_rng(found_labels)
    truth = rng.integers(0, true_labels, 400)
    found = np.where(rng.random(400) < 0.6, (truth * 3 + 1) % found_labels, rng.integers(0, found_labels, 400))
    table = np.array([[np.sum((found == i) & (truth == j)) for j in range(true_labels)] for i in range(found_labels)])
    rows, columns = linear_sum_assignment(table, maximize=True)
    assert scores.regime_accuracy(found, truth) == pytest.approx(table[rows, columns].sum() / 400)


def test_a_renaming_of_regimes_costs_nothing() -> None:
    truth = np.random.default_rng(5).integers(0, 3, 100)
    for names in itertools.permutations(range(3)):
        assert scores.regime_accuracy(np.array(names)[truth], truth) == 1.0
    padded = np.where(np.arange(100) < 10, -1, truth)
    assert scores.regime_accuracy(padded, truth) == 1.0


def test_changes_are_matched_once_in_time_and_before_the_next_one() -> None:
    truth = np.repeat([0, 1, 2, 0], [50, 50, 10, 90])
    found = truth.copy()
    found[50:53] = 0  # three late
    found[100:110] = 1  # never seen
    found[160:165] = 1  # two false alarms
    result = scores.detection(found, truth)
    assert result.detected == pytest.approx(2 / 3)
    assert result.delay == pytest.approx(1.5)
    assert result.false_alarms_per_1000 == pytest.approx(1000 * 2 / 200)
    late = np.repeat([0, 1], [80, 120])
    assert scores.detection(late, np.repeat([0, 1], [50, 150])).detected == 0.0
    nothing = scores.detection(np.zeros(10, int), np.zeros(10, int))
    assert np.isnan(nothing.detected)
    assert nothing.false_alarms_per_1000 == 0.0


def test_latencies_are_told_as_percentiles() -> None:
    found = scores.latency([float(value) for value in range(101)])
    assert found == scores.Latency(50.0, 90.0, 99.0, 100.0)
    assert scores.latency([]) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(15590.3, "15,590"), (-123456.7, "-123,457"), (9999.4, "9999"), (0.00012345, "0.0001234"), (math.nan, "-")],
)
def test_a_number_has_the_digits_that_count_and_no_powers_of_ten(value: float, text: str) -> None:
    assert number(value) == text
