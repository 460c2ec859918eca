"""Streams as others bring them: what must not mislead `streaming_kalman`, and not for long what does."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from stream_filters.filters.base import Batch
from stream_filters.filters.kalman.filter import StreamingKalman, StreamingKalmanConfig

Floats = NDArray[np.float64]
ROWS = 400


def kalman(**config: Any) -> StreamingKalman:
    return StreamingKalman(StreamingKalmanConfig(**config))


def run(
    observations: Floats, deltas: Floats | None = None, scales: Floats | None = None, **config: Any
) -> dict[str, Floats]:
    model = kalman(**config)
    rows = observations.reshape(len(observations), -1)
    deltas = np.ones(len(rows)) if deltas is None else deltas
    batch = Batch(rows, deltas, np.ones(len(rows)) if scales is None else scales)
    names = frozenset(model.declared).difference(model.horizon_names)
    return dict(model.run(model.initial_state(), batch, names).info)


def track(seed: int, agility: float = 0.05, noise: float = 0.5) -> Floats:
    rng = np.random.default_rng(seed)
    return np.asarray(np.cumsum(np.cumsum(rng.normal(0.0, agility, ROWS))) + rng.normal(0.0, noise, ROWS))


def lost(clean: Floats, faulty: Floats, first: int) -> float:
    """Nats a row that a fault costs from a row on."""
    return float(np.mean((run(clean)["log_evidence"] - run(faulty)["log_evidence"])[first:]))


@pytest.mark.parametrize("unit", [1e-12, 3e-5, 86_400.0, 1e12])
@pytest.mark.parametrize("regular", [True, False])
def test_the_unit_of_time_is_learnt(unit: float, regular: bool) -> None:
    """t -> c t: speeds in the other unit, all else the same to rounding."""
    deltas = np.ones(ROWS) if regular else np.random.default_rng(1).exponential(1.0, ROWS)
    plain, other = run(track(1), deltas), run(track(1), unit * deltas)
    for name in ("log_evidence", "position_mean", "predictive_std", "observation_noise_std", "predictive_interval"):
        np.testing.assert_allclose(other[name], plain[name], rtol=1e-7, atol=1e-7, err_msg=name)
    np.testing.assert_allclose(other["velocity_mean"] * unit, plain["velocity_mean"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(other["velocity_noise"] * unit**3, plain["velocity_noise"], rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("first", [1e-6, 1e6])
def test_a_first_delta_unlike_the_others_does_not_mislead(first: float) -> None:
    """Rows so far are gone through again in the unit of the deltas that follow."""
    deltas = np.ones(ROWS)
    deltas[1] = first
    found = run(track(2), deltas)["log_evidence"]
    assert abs(np.mean((run(track(2))["log_evidence"] - found)[50:])) < 0.02


def test_a_time_delta_that_is_given_rules() -> None:
    """Its unit is the one that the settings count in."""
    plain, given = run(track(3)), run(track(3), time_delta=1.0)
    np.testing.assert_allclose(given["log_evidence"], plain["log_evidence"], rtol=1e-9)
    assert not np.allclose(run(track(3), time_delta=50.0)["log_evidence"][10:], plain["log_evidence"][10:])


def test_forecasts_go_in_the_steps_that_the_stream_came_in() -> None:
    """No time_delta anywhere, rows a day apart in seconds: step h is h days ahead."""
    model = kalman()
    line = 2.0 * np.arange(60.0)[:, None] + 0.01 * track(4)[:60, None]
    state = model.run(model.initial_state(), Batch(line, np.full(60, 86_400.0)), frozenset()).state
    ahead = model.forecast(state, 5)["forecast_mean"]
    np.testing.assert_allclose(np.diff(ahead), 2.0, atol=0.1)


@pytest.mark.parametrize("size", [40.0, -3e4, 1e12])
@pytest.mark.parametrize("row", [25, 200])
def test_a_gross_error_leaves_no_trace(size: float, row: int) -> None:
    """Whatever its size, early or late."""
    clean = track(5)
    faulty = clean.copy()
    faulty[row] = size
    assert lost(clean, faulty, row + 10) < 0.03
    info = run(faulty)
    assert info["outlier_probability"][row] > 0.9
    usual = np.median(np.ptp(info["predictive_interval"][100:], axis=-1))
    assert np.mean(np.ptp(info["predictive_interval"][row + 3 :], axis=-1) > 3.0 * usual) < 0.03


def test_bursts_and_repeated_marks_leave_no_trace() -> None:
    """Ten rows of one value, and one value every 40 rows."""
    clean = track(6)
    burst, marks = clean.copy(), clean.copy()
    burst[200:210] = 500.0
    marks[100::40] = -888.0
    assert lost(clean, burst, 220) < 0.05
    honest = np.setdiff1d(np.arange(100, ROWS), np.arange(100, ROWS, 40))
    honest = np.setdiff1d(honest, np.arange(101, ROWS, 40))
    difference = run(clean)["log_evidence"] - run(marks)["log_evidence"]
    assert np.mean(difference[honest]) < 0.05


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_marks_before_the_stream_are_left_behind(count: int) -> None:
    """A constant that is no reading, then the stream: soon as if it had begun there."""
    clean = 20.0 + track(7)
    found = run(np.concatenate([np.full(count, -8888.0), clean]))["log_evidence"][count:]
    difference = run(clean)["log_evidence"] - found
    assert np.mean(difference[15:50]) < 0.3
    assert np.mean(difference[200:]) < 0.01


@pytest.mark.parametrize(("kick", "level"), [(0.0, 60.0), (3.0, 0.0), (-8.0, 0.0)])
def test_a_true_jump_is_followed(kick: float, level: float) -> None:
    """Of the position or of the velocity: some rows later nothing is left but another path."""
    clean = track(8, agility=0.02)
    after = np.arange(ROWS) - 200
    moved = clean + np.where(after >= 0, level + kick * after, 0.0)
    assert lost(clean, moved, 220) < 0.05


def test_a_target_that_stands_is_averaged() -> None:
    """Pooled over streams, little worse than the mean of all readings."""
    ours, best = [], []
    for seed in range(4):
        readings = np.random.default_rng(seed).normal(size=ROWS)
        ours.append(run(readings)["position_mean"][200:, 0] ** 2)
        best.append((np.cumsum(readings) / np.arange(1, ROWS + 1))[200:] ** 2)
    assert np.sqrt(np.mean(ours) / np.mean(best)) < 1.15


def test_a_constant_is_predicted_and_scored_from_the_third_row_on_and_comes_alive() -> None:
    """The value, with a spread that numbers can resolve; then the noise is learnt as ever."""
    noise = np.random.default_rng(9).normal(size=200)
    info = run(np.concatenate([np.full(30, 7.0), 7.0 + noise]))
    np.testing.assert_allclose(info["predictive_mean"][2:30], 7.0)
    assert np.isfinite(info["log_evidence"][2:]).all()
    assert (info["predictive_std"][2:30] < 1e-9).all()
    assert 0.8 < info["observation_noise_std"][-1, 0, 0] < 1.2
    model = kalman()
    state = model.run(model.initial_state(), Batch(np.full((3, 1), 7.0), np.ones(3)), frozenset()).state
    np.testing.assert_allclose(model.forecast(state, 4)["forecast_mean"], 7.0)


def test_known_scales_are_as_good_as_the_noise_that_they_tell() -> None:
    """Dividing level and noise by it: the likelihood of white noise with known scales."""
    rng = np.random.default_rng(10)
    scales = np.exp(rng.normal(0.0, 1.0, ROWS))
    readings = scales * rng.normal(size=ROWS)
    found = run(readings, scales=scales)["log_evidence"]
    oracle = -0.5 * (np.log(2 * np.pi * scales**2) + (readings / scales) ** 2)
    assert np.mean((found - oracle)[150:]) > -0.03


def test_interval_ends_are_in_order_on_anything() -> None:
    """Marks, jumps, huge values, and forecasts far ahead."""
    rng = np.random.default_rng(11)
    for _ in range(5):
        rows = rng.normal(size=60) * 10.0 ** rng.uniform(-3, 3)
        rows[rng.integers(0, 60, 6)] *= 10.0 ** rng.uniform(0, 30, 6)
        ends = run(rows)["predictive_interval"]
        assert (ends[3:, 0] <= ends[3:, 1]).all()


@pytest.mark.parametrize(
    ("field", "index", "value"),
    [
        ("weight", (0, 3), 0.9),
        ("weight", (0, 3), -0.1),
        ("rate", (0, 5), 0.0),
        ("rate", (0, 5), np.inf),
        ("position", (0, 0, 1), np.nan),
        ("position_variance", (0, 2), -1.0),
        ("shape", (0, 1), -0.5),
        ("age", (0, 0), -1),
        ("shape", (0, 0), 0.0),
        ("log_share", (0, 0), 1.0),
        ("cholesky", (0, 0, 2), 0.0),
        ("centre", (0, 0, 1), 1e9),
        ("recent_rows", (0, 0), 9),
        ("suspect_rows", (0, 0), 8),
        ("deltas_seen", (0, 0), 7),
        ("step", (0, 0), -1.0),
        ("velocity_variance", (0, 49 + 25 + 5), 1.0),
    ],
)
def test_a_state_that_no_run_can_have_left_is_refused(field: str, index: tuple[int, ...], value: float) -> None:
    """One number changed, by name."""
    model = kalman()
    state = model.run(model.initial_state(), Batch(track(12)[:60, None], np.ones(60)), frozenset()).state.copy()
    model.verify(state)
    state[field][index] = value
    with pytest.raises(ValueError, match=field):
        model.verify(state)


def test_odd_streams_row_by_row_give_the_bits_of_one_run_and_states_that_are_accepted() -> None:
    """Jumps, marks, gaps, huge values and a change of the steps: rows are gone through again inside a run or not."""
    rng = np.random.default_rng(13)
    rows = rng.normal(size=80)
    rows[20:28], rows[40], rows[55:] = 500.0, 1e9, rows[55:] + 30.0
    rows[60:64] = np.nan
    deltas = np.ones(80)
    deltas[1:3] = 1e-4
    model = kalman()
    state = model.initial_state()
    for row, delta in zip(rows, deltas, strict=True):
        state = model.run(state, Batch(np.array([[row]]), np.array([delta])), frozenset()).state
        model.verify(state)
    whole = model.run(model.initial_state(), Batch(rows[:, None], deltas), frozenset()).state
    assert whole.tobytes() == state.tobytes()
