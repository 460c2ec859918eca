"""The Kalman scenarios: seeded, as described, and with an oracle that is right."""

import numpy as np
import pytest
from statsmodels.tsa.statespace.structural import UnobservedComponents
from stream_filters_client.scenarios import SCENARIOS
from stream_filters_client.scenarios.streaming_kalman import KALMAN_SCENARIOS, known_noise_filter, move, process_cov

NAMES = [scenario.name for scenario in KALMAN_SCENARIOS]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_bytes(name: str) -> None:
    """Another seed gives others."""
    one, same, other = (SCENARIOS[name].generate(seed, 50) for seed in (3, 3, 4))
    assert one.observations.tobytes() == same.observations.tobytes()
    assert one.observations.tobytes() != other.observations.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_truth_and_oracle_have_the_outputs_shapes(name: str) -> None:
    """[T, 1] where the output is [T, 1], [T, 1, 3] for bands; the oracle beats the observations."""
    stream = SCENARIOS[name].generate(1, 400)
    assert stream.oracle is not None
    oracle = stream.oracle()
    for truth in ("position", "velocity", "observation_noise_std"):
        assert stream.truth[truth].shape == (400, 1)
    assert oracle["position_mean"].shape == oracle["velocity_std"].shape == (400, 1)
    assert oracle["predictive_interval"].shape == (400, 2)
    assert oracle["observation_noise_std"].shape == (400, 1, 3)
    filtered = np.mean((oracle["position_mean"] - stream.truth["position"])[20:] ** 2)
    seen = ~np.isnan(stream.observations[20:])
    if name not in ("kalman-missing", "kalman-outliers"):
        assert filtered < np.mean((stream.observations - stream.truth["position"][:, 0])[20:][seen] ** 2)


def test_disturbances_are_as_described() -> None:
    """Shares of missing and outlying rows, the size of the jump, the mean step."""
    missing = SCENARIOS["kalman-missing"].generate(0, 4000).observations
    assert 0.27 < np.isnan(missing).mean() < 0.33
    assert 0.04 < SCENARIOS["kalman-outliers"].generate(0, 4000).truth["outlier"].mean() < 0.06
    std = SCENARIOS["kalman-jump"].generate(0, 2000).truth["observation_noise_std"]
    assert std[1500, 0] == pytest.approx(4 * std[500, 0])
    steps = SCENARIOS["kalman-irregular"].generate(0, 4000).time_deltas
    assert steps is not None
    assert 0.95 < steps.mean() < 1.05


@pytest.mark.parametrize("gaps", [False, True])
def test_the_oracle_gives_statsmodels_likelihood(gaps: bool) -> None:
    """A local linear trend with the true variances: the same log density of every observation that is scored."""
    scenario = SCENARIOS["kalman-missing" if gaps else "kalman-demo"]
    stream = scenario.generate(2, 300)
    assert stream.oracle is not None
    model = UnobservedComponents(stream.observations, "local linear trend", use_exact_diffuse=True)
    expected = model.filter([0.01, 0.01, 0.001]).llf_obs
    scored = np.flatnonzero(~np.isnan(stream.observations))[3:]
    np.testing.assert_allclose(stream.oracle()["log_evidence"][scored], expected[scored], rtol=1e-5, atol=1e-6)


def test_continuous_noise_adds_up_over_steps() -> None:
    """Two steps of 1 have the covariance of one step of 2."""
    one, two = (process_cov(0.3, 0.7, np.array([dt]), continuous=True)[0] for dt in (1.0, 2.0))
    step = np.array([[1.0, 1.0], [0.0, 1.0]])
    np.testing.assert_allclose(step @ one @ step.T + one, two)


def test_the_oracle_is_calibrated_on_correlated_axes() -> None:
    """Two axes with correlated noise: errors have the covariance that is reported."""
    rng = np.random.default_rng(0)
    length = 3000
    process = np.tile(np.kron(process_cov(0.1, 0.1, np.ones(1), continuous=True)[0], np.eye(2)), (length, 1, 1))
    noise = np.tile(np.array([[1.0, 0.5], [0.5, 2.0]]), (length, 1, 1))
    path = move(np.zeros(4), process, np.ones(length), rng)
    observations = path[:, :2] + rng.standard_normal((length, 2)) @ np.linalg.cholesky(noise[0]).T
    oracle = known_noise_filter(observations, np.ones(length), process, noise)
    error = np.concatenate([oracle["position_mean"], oracle["velocity_mean"]], axis=1) - path
    np.testing.assert_allclose(np.cov(error[100:].T), oracle["state_cov"][-1], atol=0.08)
