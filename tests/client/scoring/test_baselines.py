"""Baselines are scored as a textbook scores them, and rank beside filters on the rows that all have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from stream_filters_client.scoring.baselines import ORDER, WINDOW_ROWS, log_scores
from stream_filters_client.scoring.ranking import rank

SERIES = np.cumsum(np.random.default_rng(7).normal(size=160))


def test_the_last_value_is_scored_by_the_student_of_the_differences_before() -> None:
    found = log_scores(SERIES)["last value"]
    for t in (5, 40, 159):
        past = np.diff(SERIES[:t])
        scale = np.sqrt(np.mean(past**2))
        assert found[t] == pytest.approx(stats.t.logpdf(SERIES[t], len(past), SERIES[t - 1], scale))


def test_smoothing_is_the_average_over_its_gains_weighted_by_what_they_scored() -> None:
    densities = []
    for gain in (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.0):
        level, scored = SERIES[0], []
        errors: list[float] = []
        for value in SERIES[1:]:
            scale = np.sqrt(np.mean(np.square(errors))) if len(errors) > 1 else np.nan
            scored.append(stats.t.logpdf(value, max(len(errors), 1), level, scale))
            errors.append(value - level)
            level += gain * (value - level)
        densities.append(scored[2:])
    total = special.logsumexp(np.cumsum(densities, axis=1), axis=0) - np.log(len(densities))
    assert np.cumsum(log_scores(SERIES)["smoothing"][3:]) == pytest.approx(total)


def test_the_window_is_the_predictive_of_least_squares_on_its_rows() -> None:
    import statsmodels.api as sm  # noqa: PLC0415 - slow to import

    found = log_scores(SERIES)["window AR"]
    for t in (20, 100, 159):
        rows = range(max(t - WINDOW_ROWS, ORDER), t)
        lags = np.array([[1.0, *(SERIES[row - lag] for lag in range(1, ORDER + 1))] for row in [*rows, t]])
        fitted = sm.OLS(SERIES[list(rows)], lags[:-1]).fit()
        told = fitted.get_prediction(lags[-1:])
        expected = stats.t.logpdf(SERIES[t], fitted.df_resid, told.predicted_mean[0], told.se_obs[0])
        assert found[t] == pytest.approx(expected, rel=1e-6)


@settings(max_examples=30, derandomize=True, deadline=None)
@given(scale=st.floats(1e-3, 1e3), shift=st.floats(-1e3, 1e3))
def test_other_units_move_all_scores_by_the_same(scale: float, shift: float) -> None:
    before, after = log_scores(SERIES), log_scores(scale * SERIES + shift)
    for name, values in before.items():
        known = np.isfinite(values)
        assert after[name][known] == pytest.approx(values[known] - np.log(scale), abs=1e-5)


def test_missing_and_constant_values_are_scored_where_they_can_be() -> None:
    holes = SERIES.copy()
    holes[10:14] = np.nan
    for values in log_scores(holes).values():
        assert np.isnan(values[10:14]).all()
        assert np.isfinite(values[20:]).all()
    assert all(np.isfinite(values[10:]).all() for values in log_scores(np.full(50, 3.0)).values())
    pair = log_scores(np.column_stack([SERIES, SERIES]))["last value"]
    assert pair[9:] == pytest.approx(2 * log_scores(SERIES)["last value"][9:])


def test_the_best_is_first_and_a_baseline_that_wins_is_a_warning() -> None:
    good, poor = np.full(160, 0.0), np.full(160, -9.0)
    good[:50] = np.nan
    ranking = rank(SERIES, {"good": good, "poor": poor}, 20)
    assert ranking is not None
    assert [place.name for place in ranking.places if place.is_filter] == ["good", "poor"]
    assert (ranking.places[0].name, ranking.places[-1].name, ranking.rows) == ("good", "poor", 110)
    assert "does better than" not in ranking.told
    lost = rank(SERIES, {"poor": poor}, 0)
    assert lost is not None
    assert "does better than poor, which does not fit these data well" in lost.told
    assert rank(SERIES[:3], {"poor": poor[:3]}, 0) is None
