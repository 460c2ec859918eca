"""Student-t mixtures against scipy's distributions and root finder."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from stream_filters.filters.numerics.student_t_lanes import terms_for
from stream_filters.filters.numerics.student_t_mixtures import Mixture, mixture_cdf, mixture_quantile

Parameters = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def compiled(mixture: Parameters) -> Mixture:
    return Mixture(*mixture, terms_for(len(mixture[0])))


def mixtures(smallest_dof: float) -> st.SearchStrategy[Parameters]:
    component = st.tuples(
        st.floats(0.01, 1.0), st.floats(-50.0, 50.0), st.floats(1e-3, 20.0), st.floats(smallest_dof, 1e5)
    )

    def arrays(components: list[tuple[float, float, float, float]]) -> Parameters:
        weights, locations, scales, dofs = np.array(components).T.copy()
        return weights / weights.sum(), locations, scales, dofs

    return st.lists(component, min_size=1, max_size=12).map(arrays)


def scipy_mixture_cdf(value: float, mixture: Parameters) -> float:
    weights, locations, scales, dofs = mixture
    return float(weights @ stats.t.cdf(value, dofs, locations, scales))


@settings(deadline=None)
@given(mixture=mixtures(0.5), value=st.floats(-200, 200))
def test_mixture_cdf_is_the_weighted_sum(mixture: Parameters, value: float) -> None:
    assert mixture_cdf(value, compiled(mixture)) == pytest.approx(scipy_mixture_cdf(value, mixture), abs=1e-8)


@settings(max_examples=300, deadline=None)
@given(mixture=mixtures(2.5), probability=st.floats(0.005, 0.995))
def test_mixture_quantile_inverts_scipys_cdf(mixture: Parameters, probability: float) -> None:
    weights, locations, scales, dofs = mixture
    quantiles = stats.t.ppf(probability, dofs, locations, scales)
    ends = quantiles.min() - 1e-9, quantiles.max() + 1e-9
    expected = optimize.brentq(lambda v: scipy_mixture_cdf(v, mixture) - probability, *ends, xtol=1e-12)
    mean = weights @ locations
    std = math.sqrt(weights @ (scales**2 * dofs / (dofs - 2) + (locations - mean) ** 2))
    got = mixture_quantile(probability, compiled(mixture))
    flatness = 1e-8 / sum(weights * stats.t.pdf(expected, dofs, locations, scales))
    assert abs(got - expected) <= 1e-6 * std + flatness


@settings(deadline=None)
@given(mixture=mixtures(0.4), probability=st.floats(0.001, 0.999))
def test_mixture_quantile_of_heavy_tails_inverts_the_cdf(mixture: Parameters, probability: float) -> None:
    weights, locations, scales, _ = mixture
    got = mixture_quantile(probability, compiled(mixture))
    reach = 1e-6 * math.sqrt(weights @ (9 * scales**2 + (locations - weights @ locations) ** 2)) + 1e-12 * abs(got)
    assert (
        scipy_mixture_cdf(got - reach, mixture) - 1e-8 <= probability <= scipy_mixture_cdf(got + reach, mixture) + 1e-8
    )


def test_quantile_between_two_modes_is_found_where_steps_would_go_back_and_forth() -> None:
    weights = np.array([2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0]) / 9.0
    locations = np.array([0.0, 0.0, 0.0, 33.0, 34.0, 34.0, 37.0])
    scales = np.array([1.0, 1.0, 1.0, 3.0, 0.25, 0.125, 3.0])
    mixture = weights, locations, scales, np.array([1.0, 1.0, 1.0, 1.0, 0.5, 2.0, 1.0])
    got = mixture_quantile(0.75, compiled(mixture))
    assert scipy_mixture_cdf(got, mixture) == pytest.approx(0.75, abs=1e-4)


def test_zero_weights_are_skipped() -> None:
    weights = np.array([0.0, 1.0, 0.0])
    locations = np.array([np.nan, 2.0, 1e9])
    scales, dofs = np.array([1.0, 3.0, np.nan]), np.array([5.0, 7.0, 9.0])
    mixture = compiled((weights, locations, scales, dofs))
    got = mixture_quantile(0.05, mixture)
    assert got == pytest.approx(stats.t.ppf(0.05, 7.0, 2.0, 3.0), rel=1e-6)
    assert mixture_cdf(got, mixture) == pytest.approx(0.05, abs=1e-6)


def test_quantile_of_point_masses_is_one_of_them() -> None:
    weights, locations = np.array([0.3, 0.7]), np.array([1.0, 4.0])
    mixture = compiled((weights, locations, np.zeros(2), np.array([3.0, 3.0])))
    assert mixture_quantile(0.1, mixture) == pytest.approx(1.0, abs=1e-6)
    assert mixture_quantile(0.9, mixture) == pytest.approx(4.0, abs=1e-6)


def test_quantile_at_a_large_offset_keeps_the_resolution_of_floats() -> None:
    weights, locations = np.ones(1), np.array([1e9])
    got = mixture_quantile(0.95, compiled((weights, locations, np.array([1e-3]), np.array([10.0]))))
    assert got - 1e9 == pytest.approx(1e-3 * stats.t.ppf(0.95, 10.0), abs=3e-7)


def test_quantile_ends_and_undefined_parameters() -> None:
    one = np.ones(1)
    assert mixture_quantile(0.0, compiled((one, one, one, one))) == -math.inf
    assert mixture_quantile(1.0, compiled((one, one, one, one))) == math.inf
    assert math.isnan(mixture_quantile(0.5, compiled((one, np.array([np.nan]), one, one))))
