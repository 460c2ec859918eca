"""What a report says of calibration is what statistics say, and thinning hides no extreme."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from stream_filters_client.report.statistics import LEVELS, binomial_region, coverage_by_level
from stream_filters_client.report.thinning import Thinning

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@pytest.mark.parametrize("count", [1, 7, 100, 1_000, 200_000])
@pytest.mark.parametrize("probability", [0.05, 0.5, 0.95])
def test_the_region_of_a_share_is_that_of_the_binomial_distribution(count: int, probability: float) -> None:
    expected = stats.binom.ppf([0.025, 0.975], count, probability) / count
    assert binomial_region(count, probability) == pytest.approx(expected, abs=1e-12)


def test_coverage_by_level_counts_observations_inside_their_intervals() -> None:
    rng = np.random.default_rng(2)
    observed, std = rng.normal(0.0, 1.3, (400, 2)), 1.0
    found = coverage_by_level(np.append(stats.norm.cdf(observed / std), np.nan))
    assert found is not None
    for level, share in zip(found.levels, found.shares, strict=True):
        lower, upper = stats.norm(0.0, std).interval(level)
        assert share == np.mean((lower <= observed) & (observed <= upper))
    assert tuple(found.levels) == LEVELS
    assert found.lower[-1] == stats.binom.ppf(0.025, observed.size, 0.95) / observed.size
    assert coverage_by_level(np.array([np.nan])) is None


def test_calibrated_streams_lie_in_their_region_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(400):
        found = coverage_by_level(rng.random(250))
        assert found is not None
        inside.append((found.lower <= found.shares) & (found.shares <= found.upper))
    # 95 % at least, for shares are discrete; 400 draws tell it to a standard error of 1.1 %
    assert np.mean(inside, axis=0).min() > 0.92


values = st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=300).map(np.array)


@given(values, st.integers(2, 60))
def test_thinned_values_keep_every_extreme_and_their_order(series: Floats, most: int) -> None:
    thinning = Thinning(len(series), most)
    rows = thinning.extremes(series)
    assert (np.diff(rows) > 0).all()
    assert len(rows) <= max(most + 2, 2)
    for begin in range(0, len(series), thinning.step):
        bucket = series[begin : begin + thinning.step]
        kept = series[rows[(rows >= begin) & (rows < begin + thinning.step)]]
        if np.isfinite(bucket).any():
            assert (np.nanmin(kept), np.nanmax(kept)) == (np.nanmin(bucket), np.nanmax(bucket))


@given(values, st.integers(2, 60))
def test_a_thinned_band_holds_all_of_the_band(series: Floats, most: int) -> None:
    rows, lower, upper = Thinning(len(series), most).envelope(series - 1.0, series + 1.0)
    assert rows[0] == 0
    assert rows[-1] == len(series) - 1
    for row, value in enumerate(series):
        if np.isfinite(value):
            drawn = np.searchsorted(rows, row, side="right") - 1
            assert lower[drawn] <= value - 1.0
            assert upper[drawn] >= value + 1.0


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=100).map(np.array))
def test_stretches_put_together_are_the_labels(labels: Integers) -> None:
    begins, ends = Thinning(len(labels), len(labels)).stretches(labels)
    again = np.concatenate([np.full(end - begin + 1, labels[begin]) for begin, end in zip(begins, ends, strict=True)])
    assert np.array_equal(again, labels)
    assert (np.diff(labels[begins]) != 0).all()


def test_shares_are_averaged_and_still_add_up_to_one() -> None:
    shares = np.random.default_rng(4).dirichlet([1.0, 2.0, 3.0], 1_003).T
    thinning = Thinning(1_003, 100)
    rows, means = thinning.means(shares)
    assert means.sum(axis=0) == pytest.approx(1.0)
    assert means[:, 0] == pytest.approx(shares[:, : thinning.step].mean(axis=1))
    assert means[:, -1] == pytest.approx(shares[:, rows[-1] - rows[-1] % thinning.step :].mean(axis=1))
    assert Thinning(1_003, 2_000).told == ""
    assert f"Of every {thinning.step} rows" in thinning.told
