"""Alarms are told once, where they are due, and again only after things were in order."""

from collections.abc import Mapping

import numpy as np
import pytest
from scipy import stats
from stream_filters_client.dashboard.alarms import Change, Coverage, Finding, Forecast, Rule, Surprise, usual_count
from stream_filters_client.protocol.codec import Floats


def told(rule: Rule, columns: Mapping[str, list[float]], cuts: int = 1) -> list[int | None]:
    """The observations that the rule speaks of, its rows handed over in so many pieces."""
    rows = len(next(iter(columns.values())))
    everything: dict[str, Floats] = {name: np.array(values) for name, values in columns.items()}
    everything["observation"] = np.arange(rows, dtype=np.float64)
    found: list[Finding] = []
    for part in np.array_split(np.arange(rows), cuts):
        found += rule.check({name: values[part] for name, values in everything.items()})
    return [finding.observation for finding in found]


@pytest.mark.parametrize("cuts", [1, 3])
def test_a_change_is_told_when_its_probability_reaches_the_threshold(cuts: int) -> None:
    probability = [0.1, 0.6, 0.9, 0.4, 0.7, 0.1, 0.5]
    assert told(Change(0.5), {"change_probability": probability}, cuts) == [1, 6]


def test_a_change_that_was_only_announced_is_told_but_not_twice() -> None:
    regime = [0.0] * 10 + [1.0] * 40 + [0.0] * 10
    probability = [0.0] * 7 + [0.8] + [0.0] * 52
    assert told(Change(0.5), {"regime": regime, "change_probability": probability}) == [7, 50]


def test_a_change_between_two_looks_is_told_from_the_announced_regime() -> None:
    (finding,) = Change(0.5).check(
        {
            "observation": np.array([100.0, 200.0]),
            "regime": np.array([0.0, 2.0]),
            "recent_change_probability": np.array([0.0, 0.01]),
        }
    )
    assert finding.sentence == "the regime changed from 0 to 2"


def test_an_observation_far_out_at_either_end_of_any_axis_is_a_surprise() -> None:
    rows = {
        "pit_1": [0.5, 0.99999, 0.9, 0.5, np.nan],
        "pit_2": [0.5, 0.5, 0.9, 1e-7, np.nan],
        **{f"observed_{axis}": [0.0] * 5 for axis in (1, 2)},
        **{f"predictive_{axis}_{end}": [0.0] * 5 for axis in (1, 2) for end in ("lower", "upper")},
    }
    assert told(Surprise(), rows) == [1, 3]


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_the_usual_count_is_that_of_the_binomial_distribution(level: float) -> None:
    distribution = stats.binom(200, level)
    least, most = usual_count(200, level)
    assert distribution.cdf(least) >= 1e-5 > distribution.cdf(least - 1)
    assert distribution.sf(most - 1) >= 1e-5
    assert most == 200 or distribution.sf(most) < 1e-5


def test_coverage_that_is_off_is_told_once() -> None:
    inside = [0.0] * 200 + [9.0] * 60 + [0.0] * 300 + [9.0] * 60
    rule = Coverage(0.9)
    ends = {"predictive_1_lower": [-1.0] * 620, "predictive_1_upper": [1.0] * 620}
    found = told(rule, {"observed_1": inside, **ends}, 7)
    # all 200 inside is too many already; then it is right while the first misses come, and wrong with too many
    outside = np.array(inside) > 1
    counts = np.array([np.sum(~outside[max(row - 199, 0) : row + 1]) for row in range(620)])
    off = (np.arange(620) >= 199) & ((counts < rule.least) | (counts > rule.most))
    assert found == np.flatnonzero(off & ~np.append(False, off[:-1])).tolist()
    assert len(found) > 2


def fan(first: int, mean: float, std: float = 1.0, steps: int = 5) -> Mapping[str, Floats]:
    return {
        "observation": np.arange(first, first + steps, dtype=np.float64),
        "forecast_1": np.full(steps, mean),
        "forecast_1_std": np.full(steps, std),
    }


def test_a_forecast_that_moves_far_is_told_once() -> None:
    rule = Forecast()
    means = [0.0, 1.0, 9.0, 20.0, 20.5, 0.0]
    found = [len(list(rule.check(fan(2 * look, mean)))) for look, mean in enumerate(means)]
    assert found == [0, 0, 1, 0, 0, 1]


@pytest.mark.parametrize("first", [0, 5, 17], ids=["the same observation", "beyond the last forecast", "far beyond"])
def test_a_forecast_of_another_observation_is_not_compared(first: int) -> None:
    rule = Forecast()
    assert not list(rule.check(fan(0, 0.0)))
    assert not list(rule.check(fan(first, 100.0)))
