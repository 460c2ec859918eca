"""`adaptive_mixture` on streams as they come: gaps, forecasts, degenerate data, labels, limits."""

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from stream_filters.filters.base import Array, Batch, Step
from stream_filters.filters.regimes.filter import AdaptiveMixture, AdaptiveMixtureConfig

Floats = NDArray[np.float64]

NOT_YET_BORN = {"regime_means", "regime_stds"}


def mixture(**config: object) -> AdaptiveMixture:
    return AdaptiveMixture(AdaptiveMixtureConfig.model_validate(config))


def names_of(kind: AdaptiveMixture) -> frozenset[str]:
    return frozenset(output.name for output in kind.outputs if not output.on_horizon)


def run(kind: AdaptiveMixture, observations: Floats, state: Array | None = None) -> Step:
    state = kind.initial_state() if state is None else state
    return kind.run(state, Batch(observations[:, None], np.ones(len(observations))), names_of(kind))


def three_regimes(seed: int, length: int, distance: float = 5.0) -> tuple[Floats, NDArray[np.int64]]:
    """A stream in regimes of 40 rows around 0, distance, -distance, and the regime of each row."""
    regime = (np.arange(length) // 40) % 3
    centres = np.array([0.0, distance, -distance])[regime]
    return centres + np.random.default_rng(seed).standard_normal(length), regime


def test_outputs_have_the_declared_shapes_and_types() -> None:
    kind = mixture(regimes=4)
    info = run(kind, three_regimes(1, 30)[0]).info
    for output in kind.outputs:
        if not output.on_horizon:
            shape = tuple(30 if size == "T" else size for size in output.shape)
            assert info[output.name].shape == shape, output.name
            assert info[output.name].dtype == (np.int64 if output.datatype == "INT64" else np.float64)


@pytest.mark.parametrize("drift", ["none", "trend", "average"])
def test_regimes_keep_their_labels_when_they_come_back(drift: str) -> None:
    observations, regime = three_regimes(2, 1200)
    kind = mixture(drift=drift)
    info = run(kind, observations).info
    settled = slice(400, None)
    assert np.mean(info["regime"][settled] == regime[settled]) > 0.98
    assert np.mean(info["regime_probabilities"][settled].argmax(1) == regime[settled]) > 0.98
    np.testing.assert_allclose(info["regime_means"][-1], [0.0, 5.0, -5.0], atol=0.5)
    np.testing.assert_allclose(info["regime_stds"][-1], 1.0, atol=0.3)
    np.testing.assert_allclose(info["regime_probabilities"][10:].sum(1), 1.0, atol=1e-9)
    np.testing.assert_allclose(info["transition_matrix"][10:].sum(2), 1.0, atol=1e-9)
    np.testing.assert_allclose(info["regime_weights"][10:].sum(1), 1.0, atol=1e-9)
    np.testing.assert_allclose(info["model_weights"][10:].sum(1), 1.0, atol=1e-9)


def test_a_regime_is_announced_only_when_it_passes_the_threshold_or_the_other_is_all_but_excluded() -> None:
    observations, _ = three_regimes(3, 800, distance=2.0)
    info = run(mixture(announce=0.9), observations).info
    announced, probabilities = info["regime"], info["regime_probabilities"]
    for row in np.flatnonzero(np.diff(announced)) + 1:
        if row >= 13:
            excluded = probabilities[row - 2 : row + 1, announced[row - 1]] < 0.1
            assert probabilities[row, announced[row]] >= 0.9 or excluded.all()


def test_a_drifting_regime_is_found_again_where_it_went() -> None:
    rows = np.arange(900)
    regime = (rows // 75) % 2
    noise = np.random.default_rng(4).standard_normal(900)
    observations = np.where(regime == 0, 0.04 * rows, 8.0) + noise
    info = run(mixture(), observations).info
    assert np.mean(info["regime"][400:] == regime[400:]) > 0.97
    assert info["regime_means"][-1, 0] == pytest.approx(36.0, abs=2.0)
    assert info["active_regimes"][-1] == 2.0


def test_forecasts_are_the_predictives_of_rows_not_yet_seen() -> None:
    kind = mixture()
    state = run(kind, three_regimes(5, 330)[0]).state
    forecast = kind.forecast(state, 12)
    later = run(kind, np.full(12, np.nan), state).info
    # what a regime is worth falls with the rows since it was seen, a little: replacing it becomes as much likelier
    np.testing.assert_allclose(forecast["forecast_mean"], later["predictive_mean"], rtol=1e-5)
    np.testing.assert_allclose(forecast["forecast_std"], later["predictive_std"], rtol=1e-5)
    np.testing.assert_allclose(forecast["forecast_interval"], later["predictive_interval"], rtol=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_interval_ends_are_quantiles_of_the_whole_mixture(seed: int) -> None:
    kind = mixture(interval=0.8)
    step = run(kind, three_regimes(seed, 160 + 37 * seed, distance=2.0)[0])
    ends = run(kind, np.array([np.nan]), step.state).info["predictive_interval"][0]
    pit = [run(kind, ends[i : i + 1], step.state).info["pit"][0] for i in range(2)]
    np.testing.assert_allclose(pit, [0.1, 0.9], atol=3e-3)


def test_predictive_probabilities_are_uniform() -> None:
    pit = np.concatenate([run(mixture(), three_regimes(seed, 1500, distance=3.0)[0]).info["pit"] for seed in range(6)])
    pit = np.sort(pit[np.isfinite(pit)])
    distance = np.max(np.abs(pit - (np.arange(len(pit)) + 0.5) / len(pit)))
    assert distance < 1.63 / np.sqrt(len(pit))


def test_missing_rows_teach_nothing_and_widen_what_is_expected() -> None:
    kind = mixture(drift="trend")
    before = run(kind, three_regimes(6, 200)[0])
    after = run(kind, np.full(60, np.nan), before.state)
    info = after.info
    assert np.all(np.isnan(info["log_evidence"]))
    assert np.all(np.isnan(info["pit"]))
    assert np.all(np.diff(info["predictive_std"]) > 0.0)
    for field in ("log_weight", "transitions", "status", "restless", "echo"):
        np.testing.assert_array_equal(after.state[field], before.state[field])


def test_leading_gaps_change_nothing() -> None:
    observations = three_regimes(7, 100)[0]
    plain = run(mixture(), observations).info
    late = run(mixture(), np.concatenate([np.full(25, np.nan), observations])).info
    for name, values in plain.items():
        np.testing.assert_array_equal(late[name][25:], values, err_msg=name)


def test_nothing_but_gaps_stays_undefined() -> None:
    kind = mixture()
    step = run(kind, np.full(40, np.nan))
    assert step.state.tobytes() == kind.initial_state().tobytes()
    assert np.all(np.isnan(step.info["predictive_mean"]))
    assert np.all(np.isnan(kind.forecast(step.state, 3)["forecast_mean"]))


NOISE = np.random.default_rng(8).standard_normal(1000)


@pytest.mark.parametrize(
    "observations",
    [
        pytest.param(np.zeros(300), id="constant zero"),
        pytest.param(np.full(300, 1e7), id="constant"),
        pytest.param(np.concatenate([np.zeros(50), [1.7e308, -1.7e308, 1e300], NOISE]), id="constant, then extremes"),
        pytest.param(np.tile([1.7e308, -1.7e308], 40), id="nothing but extremes"),
        pytest.param(np.tile([3e-308, -1e-308], 40), id="nearly nothing"),
        pytest.param(np.round(0.3 * NOISE), id="quantised to nearly one value"),
    ],
)
def test_degenerate_data_stay_finite(observations: Floats) -> None:
    kind = mixture()
    step = run(kind, observations)
    for name, values in step.info.items():
        if name in NOT_YET_BORN:
            assert not np.any(np.isinf(values)), name
        else:
            assert np.all(np.isfinite(values[10:])), name
    assert all(np.all(np.isfinite(values)) for values in kind.forecast(step.state, 5).values())


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(np.zeros(300), id="constant"),
        pytest.param(np.repeat([2.0, 3.0], [12, 100]), id="two values"),
        pytest.param(np.array([1e9]), id="first value far off"),
        pytest.param(np.concatenate([NOISE[:100], [1.7e308, -1.7e308, 1e300]]), id="extremes"),
    ],
)
def test_a_bad_beginning_is_left_behind(head: Floats) -> None:
    info = run(mixture(), np.concatenate([head, NOISE])).info
    exact = np.mean(-0.5 * NOISE[-300:] ** 2 - 0.5 * np.log(2 * np.pi))
    assert np.mean(info["log_evidence"][-300:]) > exact - 0.1


@pytest.mark.parametrize(("scale", "offset"), [(1e3, 0.0), (1e-3, 1e3), (1e5, 1e11), (-2.0, 5.0), (1e-200, 0.0)])
def test_units_and_offsets_change_nothing_but_units(scale: float, offset: float) -> None:
    observations = three_regimes(9, 500)[0]
    plain, moved = run(mixture(), observations).info, run(mixture(), scale * observations + offset).info
    evidence = moved["log_evidence"] + np.log(abs(scale))
    np.testing.assert_allclose(evidence, plain["log_evidence"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose((moved["predictive_mean"] - offset) / scale, plain["predictive_mean"], atol=1e-6)
    np.testing.assert_allclose(moved["predictive_std"] / abs(scale), plain["predictive_std"], rtol=1e-6)
    np.testing.assert_allclose(moved["regime_stds"] / abs(scale), plain["regime_stds"], rtol=1e-6)
    np.testing.assert_allclose(moved["regime_probabilities"], plain["regime_probabilities"], atol=1e-6)
    np.testing.assert_array_equal(moved["regime"], plain["regime"])


def test_splitting_a_stream_anywhere_changes_no_bit() -> None:
    observations = three_regimes(10, 400)[0]
    observations[[3, 50, 51, 52, 200]] = np.nan
    kind = mixture()
    whole = run(kind, observations)
    state, pieces = kind.initial_state(), []
    for piece in np.split(observations, [1, 9, 12, 51, 53, 290]):
        step = run(kind, piece, state)
        state = np.frombuffer(step.state.tobytes(), kind.state_dtype)[0]
        state = np.array(state, kind.state_dtype)
        pieces.append(step.info)
    assert state.tobytes() == whole.state.tobytes()
    for name, values in whole.info.items():
        assert np.concatenate([piece[name] for piece in pieces]).tobytes() == values.tobytes(), name


def test_outputs_do_not_depend_on_which_others_are_asked_for() -> None:
    kind = mixture()
    observations = three_regimes(11, 150)[0]
    batch = Batch(observations[:, None], np.ones(150))
    everything = run(kind, observations).info
    for name in names_of(kind):
        alone = kind.run(kind.initial_state(), batch, frozenset({name})).info
        assert set(alone) == {name}
        assert alone[name].tobytes() == everything[name].tobytes(), name


def test_arguments_are_left_as_they_were() -> None:
    kind = mixture()
    state = run(kind, three_regimes(12, 60)[0]).state
    before = state.tobytes()
    kind.forecast(state, 4)
    run(kind, three_regimes(13, 20)[0], state)
    assert state.tobytes() == before


def test_a_long_stream_stays_sound() -> None:
    kind = mixture()
    noise, regime = three_regimes(14, 3000)
    state = kind.initial_state()
    names = frozenset({"log_evidence", "regime"})
    for _ in range(25):
        step = kind.run(state, Batch(noise[:, None], np.ones(3000)), names)
        state = step.state
    labels = step.info["regime"]
    assert np.mean(labels == regime) > 0.99
    assert np.mean(step.info["log_evidence"]) > -1.6
    assert all(np.all(np.isfinite(state[field])) for field in ("regimes", "transitions", "log_weight"))


def test_default_state_fits_eight_kilobytes() -> None:
    assert mixture().state_dtype.itemsize <= 8000


def test_more_regimes_than_labels_reuse_the_longest_unused() -> None:
    centres = np.repeat([0.0, 20.0, -20.0, 40.0], 60)
    observations = centres + np.random.default_rng(15).standard_normal(240)
    info = run(mixture(regimes=2), observations).info
    assert np.nanmax(info["regime_means"][-1]) == pytest.approx(40.0, abs=1.0)
    assert info["active_regimes"][-1] == 2.0


@pytest.mark.parametrize(
    "config",
    [
        {"regimes": 0},
        {"regimes": 9},
        {"hypotheses": 1},
        {"drift": "sometimes"},
        {"dwell": 1.0},
        {"base_mean": 0.0},
        {"reuse": False, "regimes": 1},
        {"outlier_rate": -0.1},
        {"unheard_of": 1},
    ],
)
def test_settings_without_sense_are_refused(config: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AdaptiveMixtureConfig.model_validate(config)
