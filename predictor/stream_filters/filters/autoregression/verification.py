"""What no run can have left in an autoregression's state."""

import numpy as np

from stream_filters.filters.autoregression.records import AHEAD, LEAD, RIVAL_VARIANCE, ROWS_AHEAD, UNIT, VARIANCE, Sizes
from stream_filters.filters.base import Array, Floats

_ROUNDING = 1e-6
_MOST = 2**53
_BELIEF = ("lags", "lag_variances", "a", "b", "weight", "mean", "cov")
_OF_A_START = ("absorbed", "scales", *_BELIEF)
_OF_A_WINDOW = ("window_rows", "window_latest", "window_place")


def verify(state: Array, sizes: Sizes) -> None:
    """Raise ValueError, with what is wrong, for a state that no run can have left."""
    values, noise = state["latest"]
    _expect(
        int(state["started"]) in (0, 1) and 0 <= int(state["warm_count"]) <= values.size, "its counts are out of range"
    )
    _expect(0 <= int(state["absorbed"]) <= _MOST, "its count of observations is out of range")
    _verify_latest(values, noise, values.size if state["started"] else int(state["warm_count"]))
    if sizes.window and state["started"]:
        _verify_window(state, sizes.window)
    if state["started"]:
        _verify_belief(state, sizes)
    else:
        of_a_start = (*_OF_A_START, *(_OF_A_WINDOW if sizes.window else ()))
        rest = [name for name in of_a_start if np.any(state[name])]
        _expect(not rest, f"it has not started, and has {' and '.join(rest)}")


def _verify_latest(values: Floats, noise: Floats, count: int) -> None:
    """Values and scales of their noise, [w] each, of which so many have been set."""
    _expect(not np.isinf(values).any(), "its latest values are not finite")
    _expect(bool(np.isfinite(noise).all() and (noise >= 0.0).all()), "its latest scales are below 0 or not finite")
    _expect(
        bool((np.isnan(values) == (noise == 0.0))[:count].all()), "its latest values and scales do not fit each other"
    )
    _expect(not values[count:].any() and not noise[count:].any(), "it has values beyond those that it counts")


def _verify_belief(state: Array, sizes: Sizes) -> None:
    _expect(state["warm_count"] == 0, "its counts are out of range")
    for name in ("scales", *_BELIEF):
        _expect(bool(np.isfinite(state[name]).all()), f"its {name} is not finite")
    scales = state["scales"]
    _expect(bool((scales[[UNIT, VARIANCE, RIVAL_VARIANCE]] > 0.0).all()), "a scale is not above 0")
    _expect(bool(np.frexp(scales[UNIT])[0] == 0.5), "its unit is no power of two")
    _expect(0.0 <= scales[LEAD] <= AHEAD and scales[ROWS_AHEAD] >= 0.0, "its rival is out of range")
    _expect(bool((state["b"] > 0.0).all()), "its b is not above 0")
    _expect(bool((state["a"] >= 0.5).all()), "its a is below what a belief begins with")
    _expect(bool((state["lag_variances"] >= 0.0).all()), "its lag_variances are below 0")
    _expect(bool((state["weight"] >= 0.0).all()), "a weight is below 0")
    _expect(abs(float(state["weight"].sum()) - 1.0) <= _ROUNDING, "its weights do not sum to 1")
    variances = np.cumsum([0, *range(sizes.order + 1, 1, -1)])
    _expect(bool((state["cov"][:, variances] >= 0.0).all()), "a variance is below 0")


def _verify_window(state: Array, rows: int) -> None:
    count, following = state["window_place"]
    _expect(0 <= count <= rows and 0 <= following < rows, "its window's places are out of range")
    _expect(count in (rows, following), "its window's places do not fit each other")
    _expect(bool(np.isfinite(state["window_rows"]).all()), "its window's rows are not finite")
    missing = state["lag_variances"][0] > 0.0
    _expect(not np.isinf(state["window_latest"]).any(), "its window's latest values are not finite")
    _expect(bool((np.isnan(state["window_latest"]) == missing).all()), "its window's latest values do not fit its lags")


def _expect(holds: bool, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)
