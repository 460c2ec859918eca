"""exp, log and sums of the kernels' loops, against the C library's and exact sums."""

import math

import numpy as np
import pytest
from numba import njit
from stream_filters.filters.base import Floats
from stream_filters.filters.numerics import elementary


@njit(error_model="numpy")
def _exp(values: Floats, out: Floats) -> None:
    for i in range(values.shape[0]):
        out[i] = elementary.exp(values[i])


@njit(error_model="numpy")
def _log(values: Floats, out: Floats) -> None:
    for i in range(values.shape[0]):
        out[i] = elementary.log(values[i])


@njit(error_model="numpy")
def _log1p(values: Floats, out: Floats) -> None:
    for i in range(values.shape[0]):
        out[i] = elementary.log1p(values[i])


@njit(error_model="numpy")
def _largest(values: Floats, low: int, high: int) -> float:
    return elementary.largest(values, low, high)


@njit(error_model="numpy")
def _total(values: Floats, low: int, high: int) -> float:
    return elementary.total(values, low, high)


@njit(error_model="numpy")
def _dot(values: Floats, others: Floats, low: int, high: int) -> float:
    return elementary.dot(values, others, low, high)


def test_exp_agrees_with_the_c_library() -> None:
    values = np.concatenate([np.linspace(-708.0, 709.0, 20_001), np.linspace(-1e-3, 1e-3, 2_001), [0.0]])
    found = np.empty_like(values)
    _exp(values, found)
    np.testing.assert_allclose(found, [math.exp(value) for value in values], rtol=4e-16)


def test_exp_of_what_would_vanish_is_the_smallest_normal_number() -> None:
    found = np.empty(3)
    _exp(np.array([-709.0, -1e6, -np.inf]), found)
    np.testing.assert_allclose(found, math.exp(-708.0), rtol=4e-16)


def test_log_agrees_with_the_c_library() -> None:
    generator = np.random.default_rng(5)
    values = np.concatenate([10.0 ** generator.uniform(-307, 308, 20_000), generator.uniform(0.5, 2.0, 20_000), [1.0]])
    found = np.empty_like(values)
    _log(values, found)
    np.testing.assert_allclose(found, [math.log(value) for value in values], rtol=4e-16, atol=4e-16)


def test_log1p_agrees_with_the_c_library() -> None:
    generator = np.random.default_rng(6)
    values = np.concatenate([10.0 ** generator.uniform(-300, 300, 20_000), generator.uniform(0.0, 2.0, 20_000), [0.0]])
    found = np.empty_like(values)
    _log1p(values, found)
    np.testing.assert_allclose(found, [math.log1p(value) for value in values], rtol=1e-15)


@pytest.mark.parametrize("place", range(11))
def test_the_largest_value_of_a_range_is_found_wherever_it_is(place: int) -> None:
    values = np.random.default_rng(7).standard_normal(13)
    values[1 + place] = 5.0
    values[0] = values[12] = 9.0
    assert _largest(values, np.uint64(1), np.uint64(12)) == 5.0


@pytest.mark.parametrize(("low", "high"), [(0, 0), (3, 4), (1, 8), (0, 11), (2, 23)])
def test_sums_take_every_value_of_the_range_once(low: int, high: int) -> None:
    # powers of two: the sum is exact, and tells which values are in it
    values, others = 2.0 ** np.arange(24), np.full(24, 0.5)
    ends = np.uint64(low), np.uint64(high)
    assert _total(values, *ends) == math.fsum(values[low:high])
    assert _dot(values, others, *ends) == math.fsum(0.5 * values[low:high])
