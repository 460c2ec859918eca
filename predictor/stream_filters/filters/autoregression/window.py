"""The window mode of the autoregression: exact conjugate regression on the last W rows, compiled.

A row is an observation with its p lags; one with a gap among them teaches nothing. The belief is learnt anew from the
kept rows whenever one comes in: nothing remains of those that left, and rounding never adds up. With m and s² the mean
and variance of the rows' observations (of the warm-up's while there are fewer than p + 4 rows) and v = s² / 2:

    y_t - m = theta_0 + sum_k theta_k (y_t-k - m) + e_t,   e_t ~ N(0, V),   V ~ IG(1/2, v/2)
    theta_0 | V ~ N(0, 4 V),   theta_k | V ~ N(prior mean, prior std² V / v)
"""

import math
from typing import NamedTuple

from stream_filters.filters.autoregression import equations as ar_nodes
from stream_filters.filters.autoregression.records import CENTRE, SMALLEST_VARIANCE, UNIT, VARIANCE, Belief, Work
from stream_filters.filters.base import Floats
from stream_filters.filters.numerics.compiled import compiled
from stream_filters.filters.numerics.declarations import Integers


class Window(NamedTuple):
    """What is kept of the stream, in the belief's unit; a window of no rows is not used.

    rows [W, d]: an observation, then its lags, newest first; the oldest row is overwritten. latest [p]: the latest
    observations, newest first, NaN = missing. place [2]: how many rows are kept, where the next one goes.
    prior [2]: mean of the first coefficient, standard deviation of each.
    """

    rows: Floats
    latest: Floats
    place: Integers
    prior: Floats


@compiled
def fill(window: Window, belief: Belief, work: Work, values: Floats) -> int:
    """Take the warm-up's values [w], NaN = missing, and learn from them; returns the rows kept."""
    window.latest[:] = math.nan
    for value in values:
        _keep(window, value)
    _learn(window, belief, work)
    for k in range(window.latest.shape[0]):
        missing = math.isnan(window.latest[k])
        belief.lags[0, k] = 0.0 if missing else window.latest[k] - belief.scales[CENTRE] / belief.scales[UNIT]
        belief.lag_variances[0, k] = belief.scales[VARIANCE] if missing else 0.0
    return window.place[0]


@compiled
def slide(window: Window, belief: Belief, work: Work, value: float) -> int:
    """Take one more observation, NaN = missing, which the lags hold already; returns the rows kept.

    Lags are centred anew; ones that are predictions keep their values.
    """
    centre = belief.scales[CENTRE] / belief.scales[UNIT]
    _keep(window, value)
    if not math.isnan(value):
        _learn(window, belief, work)
    for k in range(window.latest.shape[0]):
        if math.isnan(window.latest[k]):
            belief.lags[0, k] += centre - belief.scales[CENTRE] / belief.scales[UNIT]
        else:
            belief.lags[0, k] = window.latest[k] - belief.scales[CENTRE] / belief.scales[UNIT]
    return window.place[0]


@compiled
def _keep(window: Window, value: float) -> None:
    """Make value the latest observation, and a row of it if neither it nor a lag is missing."""
    rows, latest, place, _ = window
    complete = not math.isnan(value)
    for lag in latest:
        complete = complete and not math.isnan(lag)
    if complete:
        following = place[1]
        rows[following, 0] = value
        for k in range(latest.shape[0]):
            rows[following, k + 1] = latest[k]
        place[0] = min(place[0] + 1, rows.shape[0])
        place[1] = (following + 1) % rows.shape[0]
    for k in range(latest.shape[0] - 1, 0, -1):
        latest[k] = latest[k - 1]
    latest[0] = value


@compiled
def _learn(window: Window, belief: Belief, work: Work) -> None:
    """Set the prior, and learn every kept row, the oldest first."""
    rows, _, place, _ = window
    count, following = place
    guess = _set_prior(window, belief)
    centre = belief.scales[CENTRE] / belief.scales[UNIT]
    belief.half_dof[:] = 0.5
    belief.b[:] = 0.5 * guess
    for i in range(count):
        row = rows[(following - count + i) % rows.shape[0]]
        for k in range(1, row.shape[0]):
            work.regressors[k, :] = row[k] - centre
        ar_nodes.locate(belief, work)
        ar_nodes.project(belief, work)
        ar_nodes.add_noise(work, 1.0)
        for j in range(belief.b.shape[0]):
            error = row[0] - centre - work.location[j]
            work.second[j] = 1.0 / work.spread[j]
            work.first[j] = error * work.second[j]
            belief.half_dof[j] += 0.5
            belief.b[j] += 0.5 * error * error * work.second[j]
        ar_nodes.update(belief, work, work.first, work.second)


@compiled
def _set_prior(window: Window, belief: Belief) -> float:
    """Centre the belief, and give it the prior's mean and cov; returns v."""
    rows, latest, kept, prior = window
    count, order = kept[0], latest.shape[0]
    variance = belief.scales[VARIANCE]
    if count >= order + 4:
        centre = rows[0, 0] + _mean_power(rows, count, rows[0, 0], 1)
        belief.scales[CENTRE] = centre * belief.scales[UNIT]
        variance = _mean_power(rows, count, centre, 2)
    guess = max(0.5 * variance, SMALLEST_VARIANCE * belief.scales[VARIANCE])
    belief.mean[:] = 0.0
    belief.mean[1, :] = prior[0]
    belief.cov[:] = 0.0
    belief.cov[0, :] = 4.0
    place = order + 1
    for k in range(order):
        belief.cov[place, :] = prior[1] ** 2 / guess
        place += order - k
    return guess


@compiled
def _mean_power(rows: Floats, count: int, origin: float, power: int) -> float:
    """Mean of the first `count` observations' distances from `origin`, or of their squares."""
    total = 0.0
    for i in range(count):
        total += (rows[i, 0] - origin) ** power
    return total / count
