"""Data that give `streaming_kalman` little to go by, or too much: always finite, and it recovers."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from stream_filters.filters.base import Batch
from stream_filters.filters.kalman.filter import StreamingKalman, StreamingKalmanConfig

Floats = NDArray[np.float64]
RNG = np.random.default_rng(7)
NOISE = RNG.standard_normal(300)
SIGNS = np.sign(RNG.standard_normal(300))


def run(observations: Floats, **config: Any) -> dict[str, Floats]:
    model = StreamingKalman(StreamingKalmanConfig(**config))
    names = frozenset(output.name for output in model.outputs if not output.on_horizon)
    steps = np.full(len(observations), model.nominal_time_delta)
    return dict(model.run(model.initial_state(), Batch(observations[:, None], steps), names).info)


@pytest.mark.parametrize(
    "observations",
    [
        np.full(100, 3.7),
        np.zeros(100),
        0.1 * np.arange(100),
        np.concatenate([np.zeros(40), np.round(2.0 * NOISE)]),
        np.concatenate([np.full(200, 5.0), 5.0 + NOISE]),
        np.round(0.2 * NOISE),
        np.concatenate([[1e9], NOISE]),
        1e300 * NOISE,
        1e-300 * NOISE,
        1e308 * SIGNS,
        np.where(SIGNS > 0, 1e308, 1e-308),
        np.where(np.arange(300) % 50 == 30, 1e200, NOISE),
    ],
    ids=[
        "constant",
        "zero",
        "line",
        "quantised",
        "constant-then-noise",
        "coarse",
        "far-first",
        "huge",
        "tiny",
        "largest",
        "mixed",
        "spikes",
    ],
)
def test_outputs_stay_finite(observations: Floats) -> None:
    """From the tenth row on every output is a number."""
    for name, values in run(observations).items():
        assert np.isfinite(values[10:]).all(), name


@pytest.mark.parametrize(
    ("start", "rows"), [(np.zeros(40), 60), (np.full(300, 5.0), 60), ([1e6], 100), ([3.0, 1e5, -1e5], 100)]
)
def test_a_misleading_start_is_overcome(start: Floats | list[float], rows: int) -> None:
    """Some tens of rows later the noise is known again."""
    noise = np.random.default_rng(3).standard_normal(rows)
    learnt = run(np.concatenate([start, noise]))["observation_noise_std"][-1, 0, 0]
    assert 0.7 < learnt < 1.4


def test_nothing_is_reported_before_there_is_something_to_report() -> None:
    """Leading NaN leave no trace but NaN; the rows after are those of a stream that begins there."""
    late = run(np.concatenate([np.full(20, np.nan), NOISE]))
    soon = run(NOISE)
    for name, values in soon.items():
        np.testing.assert_array_equal(late[name][20:], values, err_msg=name)
        if name != "model_weights":
            assert np.isnan(late[name][:20]).all(), name
    assert np.isnan(soon["log_evidence"][:2]).all()
    assert np.isfinite(soon["log_evidence"][2:]).all()


def test_without_data_the_variance_grows_and_nothing_is_forgotten() -> None:
    """A thousand missing rows: wider and wider, the noise as it was."""
    info = run(np.concatenate([np.cumsum(NOISE), np.full(1000, np.nan)]))
    assert (np.diff(info["position_std"][300:, 0]) > 0.0).all()
    np.testing.assert_array_equal(info["observation_noise_std"][300:], info["observation_noise_std"][299:-1])


@pytest.mark.parametrize("factor", [1e-9, 3.0, 1e12])
@pytest.mark.parametrize("shift", [0.0, 1e6, -3e7])
def test_units_and_origin_do_not_matter(factor: float, shift: float) -> None:
    """y -> c (y + d) scales and shifts the outputs, to 1e-6 of a standard deviation."""
    y = np.cumsum(NOISE) + RNG.standard_normal(300)
    plain, other = run(y), run(factor * (y + shift))
    for name in ("position_mean", "predictive_mean", "predictive_interval"):
        np.testing.assert_allclose(other[name] / factor - shift, plain[name], atol=1e-6)
    for name in ("predictive_std", "velocity_mean", "velocity_std", "observation_noise_std"):
        np.testing.assert_allclose(other[name] / factor, plain[name], atol=1e-6)
    np.testing.assert_allclose(other["log_evidence"] + np.log(factor), plain["log_evidence"], atol=1e-6)


def test_the_unit_of_time_does_not_matter() -> None:
    """The same data at a nominal step of 1e-3: speeds a thousand times as large, all else the same."""
    y = np.cumsum(NOISE)
    plain, other = run(y), run(y, time_delta=1e-3)
    np.testing.assert_allclose(other["velocity_mean"] * 1e-3, plain["velocity_mean"], rtol=1e-9)
    np.testing.assert_allclose(other["velocity_noise"] * 1e-9, plain["velocity_noise"], rtol=1e-6)
    np.testing.assert_allclose(other["log_evidence"], plain["log_evidence"], rtol=1e-9)


def test_a_long_stream_stays_stable() -> None:
    """A hundred thousand rows: finite, covariance positive, as accurate at the end as before."""
    rng = np.random.default_rng(0)
    position = np.cumsum(rng.normal(0.0, 0.3, 100_000))
    model = StreamingKalman(StreamingKalmanConfig())
    rows = (position + rng.normal(size=position.size))[:, None]
    names = frozenset({"position_mean", "state_cov"})
    info = model.run(model.initial_state(), Batch(rows, np.ones(position.size)), names).info
    square = (info["position_mean"][:, 0] - position) ** 2
    assert 0.9 < np.sqrt(square[-20_000:].mean() / square[1000:21_000].mean()) < 1.1
    assert (np.linalg.det(info["state_cov"][10:]) > 0.0).all()


def test_the_default_state_is_small() -> None:
    """Two hundred thousand streams fit into memory of 1.6 GB."""
    assert StreamingKalman(StreamingKalmanConfig()).state_dtype.itemsize <= 8192
