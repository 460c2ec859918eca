"""The numbers of `streaming_kalman` against oracles that share no code with it: dense Gaussians and brute force."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp
from stream_filters.filters.base import Batch
from stream_filters.filters.kalman.filter import StreamingKalman, StreamingKalmanConfig

Floats = NDArray[np.float64]
LN10 = np.log(10.0)
ONE_MEMBER: dict[str, Any] = {
    "robust": "never",
    "memories": (),
    "standing": "never",
    "switching": 0.0,
    "time_delta": 1.0,
    "agility_mean": -2.5,
    "agility_std": 2.0,
}


def kalman(**config: Any) -> StreamingKalman:
    return StreamingKalman(StreamingKalmanConfig(**config))


def names_of(model: StreamingKalman) -> frozenset[str]:
    return frozenset(output.name for output in model.outputs if not output.on_horizon)


def run(model: StreamingKalman, observations: Floats, time_deltas: Floats | None = None) -> dict[str, Floats]:
    rows = observations.reshape(len(observations), -1)
    steps = np.full(len(rows), model.nominal_time_delta) if time_deltas is None else time_deltas
    return dict(model.run(model.initial_state(), Batch(rows, steps), names_of(model)).info)


def walk(seed: int, length: int, noise: float = 1.0) -> Floats:
    rng = np.random.default_rng(seed)
    velocity = np.cumsum(0.1 * rng.standard_normal(length))
    position = np.cumsum(velocity) + np.cumsum(0.3 * rng.standard_normal(length))
    return np.asarray(position + noise * rng.standard_normal(length))


def path_cov(times: Floats, q_pos: float, q_vel: float, process: str) -> Floats:
    """Covariance of the positions at `times`, started from known position and velocity at the first."""
    s, t = np.minimum.outer(times, times), np.maximum.outer(times, times)
    if process == "ct":
        return np.asarray(q_pos * s + q_vel * s**2 * (3 * t - s) / 6)
    steps = np.diff(times)
    n = len(times)
    pushes = np.array([[times[i] - times[j + 1] if i > j else 0.0 for j in range(n - 1)] for i in range(n)])
    return np.asarray(q_pos * s + q_vel * (pushes * steps) @ pushes.T)


def restricted_likelihood(y: Floats, times: Floats, cov: Floats) -> float:
    """log p(y) with position, velocity and log scale flat, up to what does not depend on y or the covariance."""
    n, axes = y.shape
    basis = np.stack([np.ones(n), times], axis=1)
    inverse = np.linalg.inv(cov)
    normal = basis.T @ inverse @ basis
    residual = y - basis @ np.linalg.solve(normal, basis.T @ inverse @ y)
    free = (n - 2) * axes
    logdet = np.linalg.slogdet(cov)[1] + np.linalg.slogdet(normal)[1]
    rss = np.trace(residual.T @ inverse @ residual)
    return float(-0.5 * axes * logdet - 0.5 * free * np.log(np.pi * rss) + gammaln(0.5 * free))


def nodes(position_noise: bool) -> list[tuple[float, float, float]]:
    """(f, lam, log prior) of a new grid."""
    log_lams = LN10 * (-2.5 + 2.0 * np.linspace(-2, 2, 7 if position_noise else 5))
    priors = -0.5 * ((log_lams / LN10 + 2.5) / 2.0) ** 2
    if not position_noise:
        return [(0.0, float(np.exp(x)), float(p)) for x, p in zip(log_lams, priors, strict=True)]
    logits = np.linspace(-5, 5, 7)
    shares = 1.0 / (1.0 + np.exp(-logits))
    return [
        (float(f), float(np.exp(x)), float(p + np.log(f * (1.0 - f))))
        for f in shares
        for x, p in zip(log_lams, priors, strict=True)
    ]


@pytest.mark.parametrize("process", ["ct", "diag"])
@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("position_noise", [True, False])
def test_evidence_is_that_of_the_dense_joint_gaussian(process: str, axes: int, position_noise: bool) -> None:
    """One member before its grid first moves: prior times restricted likelihood, summed over nodes."""
    rng = np.random.default_rng(5)
    steps = np.array([1.0, 0.7, 1.9, 0.4, 1.0, 2.5, 0.1])
    y = rng.normal(size=(7, axes)) + 3.0
    config = ONE_MEMBER | {"position_noise": "always" if position_noise else "never", "grid_size": 7}
    if not position_noise:
        config["grid_size"] = 5
    model = kalman(dimension=axes, noise="shared", process=process, **config)
    times = np.cumsum(steps) - steps[0]
    grid = nodes(position_noise)
    prior = np.array([node[2] for node in grid])

    def score(n: int) -> Floats:
        covs = [path_cov(times[:n], f, lam, process) + (1.0 - f) * np.eye(n) for f, lam, _ in grid]
        return np.array([restricted_likelihood(y[:n], times[:n], cov) for cov in covs])

    log_joint = np.array([logsumexp(prior + score(n) - score(3)) for n in range(3, 8)])
    np.testing.assert_allclose(run(model, y, steps)["log_evidence"][3:], np.diff(log_joint), rtol=1e-8)


def test_moving_grid_follows_brute_force_on_a_fine_fixed_grid() -> None:
    """A fixed grid of 61 x 61 plain Kalman filters gives the same evidence and positions."""
    y = walk(3, 400)
    logit, log_lam = np.meshgrid(np.linspace(-6, 6, 61), LN10 * np.linspace(-6, 2, 61), indexing="ij")
    f, lam = (1 / (1 + np.exp(-logit))).ravel(), np.exp(log_lam).ravel()
    log_w = np.log(f * (1 - f)) - 0.5 * ((log_lam.ravel() / LN10 + 2.5) / 2.0) ** 2
    r, n = 1 - f, f.size
    m, v = np.full(n, y[0]), np.zeros(n)
    p, c, big = r.copy(), np.zeros(n), np.full(n, 1e7)
    rate, evidence, positions = np.zeros(n), [], []
    for t in range(1, y.size):
        p, c, big = p + 2 * c + big + f, c + big, big + lam
        m = m + v
        s, e = p + r, y[t] - m
        a = (t - 2) / 2
        if t >= 3:
            ll = gammaln(a + 0.5) - gammaln(a) - 0.5 * np.log(2 * np.pi * rate * s)
            ll -= (a + 0.5) * np.log1p(e**2 / (2 * rate * s))
            evidence.append(logsumexp(log_w + ll) - logsumexp(log_w))
            log_w = log_w + ll
        if t >= 2:
            rate = rate + e**2 / (2 * s)
        m, v = m + p / s * e, v + c / s * e
        p, c, big = p * r / s, c * r / s, big - c**2 / s
        w = np.exp(log_w - log_w.max())
        positions.append(np.sum(w * m) / w.sum())
    ours = run(kalman(process="diag", position_noise="always", **ONE_MEMBER), y)
    assert abs(np.sum(np.array(evidence)[50:] - ours["log_evidence"][53:])) < 0.1
    difference = ours["position_mean"][50:, 0] - np.array(positions)[49:]
    assert np.sqrt(np.mean(difference**2)) < 0.04 * np.mean(ours["position_std"][50:])


def test_a_missing_row_is_a_longer_step() -> None:
    """In continuous time a row of NaN changes nothing but the time until the next observation."""
    y = walk(1, 120)
    lost = np.isin(np.arange(120), [5, 17, 18, 19, 60])
    whole = run(kalman(), np.where(lost, np.nan, y))
    kept = np.flatnonzero(~lost)
    short = run(kalman(), y[kept], np.diff(kept, prepend=-1).astype(np.float64))
    for name in ("log_evidence", "position_mean", "velocity_std", "predictive_std", "observation_noise_std"):
        np.testing.assert_allclose(whole[name][kept], short[name], rtol=1e-6, err_msg=name)
    assert np.isnan(whole["log_evidence"][lost]).all()
    assert np.isfinite(whole["predictive_std"][lost][1:]).all()


def test_axes_with_their_own_noise_are_streams_of_their_own() -> None:
    """`per_axis` is one filter for each axis, each with its own gaps; log densities add up."""
    y = np.stack([walk(1, 80), 100.0 * walk(2, 80)], axis=1)
    y[20:25, 0] = np.nan
    both, first, second = run(kalman(dimension=2), y), run(kalman(), y[:, 0]), run(kalman(), y[:, 1])
    for name in ("position_mean", "velocity_std", "observation_noise_std"):
        np.testing.assert_array_equal(both[name][:, :1], first[name])
        np.testing.assert_array_equal(both[name][:, 1:], second[name])
    np.testing.assert_array_equal(both["predictive_interval"][:, 1], second["predictive_interval"])
    total = np.nansum([first["log_evidence"], second["log_evidence"]], axis=0)
    np.testing.assert_allclose(both["log_evidence"][3:], total[3:])


def test_shared_noise_takes_a_row_with_any_gap_as_missing() -> None:
    """A NaN on one axis hides the row from all of them."""
    y = np.stack([walk(1, 60), walk(2, 60)], axis=1)
    one, all_ = y.copy(), y.copy()
    one[30, 0], all_[30] = np.nan, np.nan
    model = kalman(dimension=2, noise="shared")
    np.testing.assert_array_equal(run(model, one)["position_mean"], run(model, all_)["position_mean"])


@pytest.mark.parametrize("config", [{}, {"dimension": 2}, {"dimension": 3, "noise": "shared", "process": "diag"}])
def test_every_output_has_its_declared_shape_however_a_stream_is_cut(config: dict[str, Any]) -> None:
    """One run, or five: the same bytes, and shapes as declared."""
    model = kalman(**config)
    rng = np.random.default_rng(0)
    y = np.cumsum(rng.normal(size=(200, model.dimension)), axis=0)
    y[rng.random(y.shape) < 0.1] = np.nan
    steps = rng.exponential(1.0, 200)
    whole = model.run(model.initial_state(), Batch(y, steps), names_of(model))
    state, parts = model.initial_state(), []
    for rows in np.split(np.arange(200), [1, 7, 8, 120]):
        part = model.run(state, Batch(y[rows], steps[rows]), names_of(model))
        state = part.state
        parts.append(part.info)
    assert state.tobytes() == whole.state.tobytes()
    for output in model.outputs:
        if not output.on_horizon:
            shape = tuple(200 if size == "T" else size for size in output.shape)
            assert whole.info[output.name].shape == shape
            assert np.concatenate([part[output.name] for part in parts]).tobytes() == whole.info[output.name].tobytes()


def test_the_state_given_is_left_as_it_was() -> None:
    """A run changes a copy."""
    model = kalman()
    state = model.initial_state()
    before = state.tobytes()
    model.run(state, Batch(walk(0, 20)[:, None], np.ones(20)), frozenset())
    assert state.tobytes() == before


def test_a_forecast_is_the_predictive_of_rows_that_are_missing() -> None:
    """Step h of a forecast predicts what h rows later is predicted without data in between; it widens."""
    model = kalman(dimension=2)
    y = np.stack([walk(1, 60), walk(2, 60)], axis=1)
    state = model.run(model.initial_state(), Batch(y, np.ones(60)), frozenset()).state
    forecast = model.forecast(state, 10)
    longer = run(model, np.concatenate([y, np.full((10, 2), np.nan)]))
    np.testing.assert_array_equal(forecast["forecast_mean"], longer["predictive_mean"][60:])
    np.testing.assert_array_equal(forecast["forecast_interval"], longer["predictive_interval"][60:])
    assert (np.diff(forecast["forecast_std"], axis=0) > 0.0).all()


def test_an_outlier_is_called_one_and_moves_little() -> None:
    """Ten noise deviations off: the probability is near 1 there and small elsewhere."""
    y = walk(4, 300)
    clean = run(kalman(), y)
    y[200] += 30.0
    hit = run(kalman(), y)
    assert hit["outlier_probability"][200] > 0.95
    assert np.nanmean(clean["outlier_probability"]) < 0.05
    assert abs(hit["position_mean"][200, 0] - clean["position_mean"][200, 0]) < 1.5


def test_bands_hold_the_truth_and_position_noise_may_be_absent() -> None:
    """Median between the ends; without position noise in the model its band is 0."""
    info = run(kalman(process="diag"), walk(6, 1000))
    for name, truth in (("observation_noise_std", 1.0), ("position_noise", 0.09), ("velocity_noise", 0.01)):
        median, lower, upper = info[name][-1, 0]
        assert lower <= median <= upper
        assert lower / 1.3 < truth < upper * 1.3
    np.testing.assert_array_equal(run(kalman(position_noise="never"), walk(6, 50))["position_noise"][5:], 0.0)


def test_normalised_innovations_average_to_the_dimension() -> None:
    """nis is about D where the filter is calibrated."""
    y = np.stack([walk(1, 1500), walk(2, 1500)], axis=1)
    info = run(kalman(dimension=2, noise="shared", process="diag"), y)
    assert 1.8 < np.nanmean(info["nis"][200:]) < 2.2
    np.testing.assert_allclose(info["innovation"][5:], (y - info["predictive_mean"])[5:])


def test_a_wider_interval_is_asked_for_by_its_level() -> None:
    """`interval` = 0.5 covers half of the observations."""
    y = walk(9, 2000)
    ends = run(kalman(process="diag", interval=0.5), y)["predictive_interval"]
    assert 0.46 < np.mean((ends[200:, 0] <= y[200:]) & (y[200:] <= ends[200:, 1])) < 0.54


@pytest.mark.parametrize(
    "config",
    [{"dimension": 4}, {"memories": (1.0,)}, {"grid_size": 13}, {"time_delta": 0.0}, {"switching": 2.0}, {"typo": 1}],
)
def test_settings_outside_their_bounds_are_refused(config: dict[str, Any]) -> None:
    """Nothing can be configured that blows up."""
    with pytest.raises(ValueError, match="validation error"):
        StreamingKalmanConfig(**config)
