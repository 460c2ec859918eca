"""The mixture scenarios: their truth is what made them, and their oracle is the exact posterior."""

import itertools
import math

import numpy as np
import pytest
from stream_filters_client.scenarios import SCENARIOS
from stream_filters_client.scenarios.adaptive_mixture import MIXTURE_SCENARIOS, Regimes, announced
from stream_filters_client.scenarios.base import Scenario

ALL = pytest.mark.parametrize("scenario", MIXTURE_SCENARIOS, ids=[scenario.name for scenario in MIXTURE_SCENARIOS])


@ALL
def test_same_seed_gives_the_same_bytes(scenario: Scenario) -> None:
    first, again, other = scenario.generate(5, 300), scenario.generate(5, 300), scenario.generate(6, 300)
    assert first.observations.tobytes() == again.observations.tobytes()
    assert first.truth["regime"].tobytes() == again.truth["regime"].tobytes()
    assert first.observations.tobytes() != other.observations.tobytes()
    assert SCENARIOS[scenario.name] is scenario


@ALL
def test_observations_scatter_around_the_true_regime(scenario: Scenario) -> None:
    stream = scenario.generate(1, 4000)
    rows = np.arange(4000)
    regime = stream.truth["regime"]
    assert regime.dtype == np.int64
    mean, std = stream.truth["regime_means"][rows, regime], stream.truth["regime_stds"][rows, regime]
    z = (stream.observations - mean) / std
    assert abs(z.mean()) < 4 / math.sqrt(4000)
    assert abs(z.var() - 1) < 4 * math.sqrt(2 / 4000)
    assert stream.truth["regime_means"].shape == stream.truth["regime_stds"].shape


@ALL
def test_the_oracle_explains_its_stream(scenario: Scenario) -> None:
    stream = scenario.generate(2, 1500)
    assert stream.oracle is not None
    oracle = stream.oracle()
    assert np.mean(oracle["regime"] == stream.truth["regime"]) > 0.85
    np.testing.assert_allclose(oracle["regime_probabilities"].sum(1), 1.0)
    z = (stream.observations - oracle["predictive_mean"]) / oracle["predictive_std"]
    assert 0.8 < z.var() < 1.2


def test_the_oracle_is_the_sum_over_all_regime_sequences() -> None:
    regimes = Regimes((0.0, 2.0, -1.0), (1.0, 0.5, 1.5), switch=0.3, trends=(0.1, -0.2, 0.0))
    observations = regimes.generate(3, 6).observations.copy()
    observations[2] = np.nan
    oracle = regimes.oracle(observations)
    levels, stds = regimes.levels(6), np.array(regimes.stds)
    joint: dict[tuple[int, ...], float] = {}
    for sequence in itertools.product(range(3), repeat=6):
        weight = 1.0
        for row, (origin, target) in enumerate(itertools.pairwise((0, *sequence))):
            weight *= 0.7 * (origin == target) + 0.1
            if row != 2:
                z = (observations[row] - levels[row, target]) / stds[target]
                weight *= math.exp(-0.5 * z * z) / (stds[target] * math.sqrt(2 * math.pi))
        joint[sequence] = weight
    total = sum(joint.values())
    last = [sum(w for s, w in joint.items() if s[-1] == k) / total for k in range(3)]
    changed = sum(w for s, w in joint.items() if s[-1] != s[-2]) / total
    assert np.nansum(oracle["log_evidence"]) == pytest.approx(math.log(total), abs=1e-12)
    np.testing.assert_allclose(oracle["regime_probabilities"][-1], last, atol=1e-12)
    assert oracle["change_probability"][-1] == pytest.approx(changed, abs=1e-12)
    assert np.isnan(oracle["log_evidence"][2])


def test_announcements_wait_for_the_threshold() -> None:
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7], [0.1, 0.9], [0.6, 0.4], [0.85, 0.15]])
    assert announced(probabilities).tolist() == [0, 0, 1, 1, 0]


def test_a_value_that_no_regime_explains_leaves_the_oracle_finite() -> None:
    oracle = Regimes((0.0, 5.0), (1.0, 1.0)).oracle(np.array([0.0, 1e4, 5.0]))
    assert all(np.all(np.isfinite(values)) for values in oracle.values())
