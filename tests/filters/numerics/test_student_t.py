"""Student-t numerics against scipy's special functions."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from stream_filters.filters.numerics import student_t

DOFS = [0.05, 0.3, 0.5, 1.0, 1.5, 2.0, 3.7, 5.0, 9.9, 15.99, 16.0, 16.01, 33.3, 120.0, 1e4, 1e6, 1e8]


@pytest.mark.parametrize("dof", DOFS)
def test_cdf_is_scipys(dof: float) -> None:
    z = np.concatenate([np.linspace(-12, 12, 241), [-1e8, -300.0, 1e-12, 1e-5, 300.0, 1e8]])
    got = [student_t.cdf(value, dof) for value in z]
    np.testing.assert_allclose(got, stats.t.cdf(z, dof), rtol=0, atol=1e-9)


def test_cdf_of_infinite_dof_is_normal() -> None:
    z = np.linspace(-9, 9, 61)
    np.testing.assert_allclose([student_t.cdf(v, math.inf) for v in z], special.ndtr(z), rtol=1e-12, atol=1e-15)


def test_cdf_at_the_ends() -> None:
    for dof in (0.5, 3.0, 50.0, math.inf):
        assert student_t.cdf(-math.inf, dof) == 0.0
        assert student_t.cdf(math.inf, dof) == 1.0
        assert student_t.cdf(0.0, dof) == pytest.approx(0.5, abs=1e-10)
        assert math.isnan(student_t.cdf(math.nan, dof))
        assert 0.0 <= student_t.cdf(-1e300, dof) <= student_t.cdf(-1e200, dof) < 0.01


@settings(deadline=None)
@given(z=st.floats(-1e6, 1e6), dof=st.floats(0.05, 1e8))
def test_cdf_is_scipys_anywhere(z: float, dof: float) -> None:
    assert student_t.cdf(z, dof) == pytest.approx(stats.t.cdf(z, dof), abs=1e-9)


@settings(deadline=None)
@given(residual=st.floats(-1e5, 1e5), scale=st.floats(1e-6, 1e6), dof=st.floats(0.05, 1e7))
def test_log_pdf_is_scipys(residual: float, scale: float, dof: float) -> None:
    expected = stats.t.logpdf(residual / scale, dof) - math.log(scale)
    assert student_t.log_pdf(residual, scale**2, dof) == pytest.approx(expected, rel=1e-8, abs=1e-8)


def test_log_pdf_of_infinite_dof_is_normal() -> None:
    assert student_t.log_pdf(3.0, 4.0, math.inf) == pytest.approx(stats.norm.logpdf(3.0, scale=2.0), rel=1e-14)


@settings(deadline=None)
@given(x=st.floats(1e-3, 1e8))
def test_digamma_and_trigamma_are_scipys(x: float) -> None:
    assert student_t.digamma(x) == pytest.approx(special.digamma(x), rel=1e-11, abs=1e-12)
    assert student_t.trigamma(x) == pytest.approx(special.polygamma(1, x), rel=1e-11)
