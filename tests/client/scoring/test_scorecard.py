"""The predictor's outputs meet the truth by name."""

import numpy as np
import pytest
from stream_filters_client.scoring.scorecard import Answers, score

RNG = np.random.default_rng(6)
T = 400


def answers(**parts: dict[str, np.ndarray]) -> Answers:
    observations = RNG.normal(size=T)
    return Answers(**{"observations": observations, "outputs": {}, "truth": {}, "oracle": {}, **parts})  # type: ignore[arg-type]


def test_position_is_scored_by_mean_and_std_beside_the_oracle() -> None:
    truth = RNG.normal(size=T)
    error = RNG.normal(size=T)
    outputs = {"position_mean": (truth + 2 * error)[:, None], "position_std": np.full((T, 1), 2.0)}
    oracle = {"position_mean": truth + error, "position_std": np.ones(T)}
    found = score(answers(outputs=outputs, truth={"position": truth}, oracle=oracle))
    assert found["position_rmse"] == pytest.approx(2 * np.sqrt(np.mean(error**2)))
    assert found["position_rmse_ratio"] == pytest.approx(2.0)
    assert found["position_coverage"] == pytest.approx(np.mean(np.abs(error) < 1.6448536))


def test_parameters_are_scored_by_their_bands() -> None:
    truth = np.full((T, 2), 0.5)
    median = truth + RNG.normal(size=(T, 2)) * 0.1
    bands = np.stack([median, median - 0.1, median + 0.1], axis=-1)
    found = score(answers(outputs={"coefficients": bands}, truth={"coefficients": truth}))
    assert found["coefficients_rmse"] == pytest.approx(np.sqrt(np.mean((median - truth) ** 2)))
    assert found["coefficients_coverage"] == pytest.approx(np.mean(np.abs(median - truth) <= 0.1))
    assert found["coefficients_final_error"] == pytest.approx(np.max(np.abs(median[-1] - 0.5)) / 0.5)


def test_regimes_are_scored_under_the_best_naming() -> None:
    truth = np.repeat([0, 1, 0, 1], T // 4)
    means = np.tile([0.0, 5.0], (T, 1))
    outputs = {"regime": 1 - truth, "regime_means": np.tile([5.1, 0.1, np.nan], (T, 1))}
    found = score(answers(outputs=outputs, truth={"regime": truth, "regime_means": means}, oracle={"regime": truth}))
    assert found["regime_accuracy"] == 1.0
    assert found["regime_accuracy_loss"] == 0.0
    assert found["regime_means_rmse"] == pytest.approx(0.1)
    assert found["regime_detected"] == 1.0


def test_forecasts_are_scored_without_any_truth() -> None:
    observations = np.array([0.0, 1.0, np.nan, 5.0])
    outputs = {
        "predictive_interval": np.tile([-2.0, 2.0], (4, 1)),
        "log_evidence": np.array([np.nan, -1.0, np.nan, -3.0]),
        "pit": np.array([0.2, 0.4, np.nan, 0.9]),
    }
    card = Answers(observations, outputs, {}, {"log_evidence": np.array([0.0, -0.5, np.nan, -2.0])})
    found = score(card)
    assert found["predictive_coverage"] == pytest.approx(2 / 3)
    assert (found["log_score_total"], found["log_score_mean"], found["log_score_gap"]) == (-4.0, -2.0, -0.75)
    assert found["calibration_distance"] == pytest.approx(0.2667, abs=1e-4)


def test_truth_that_nobody_estimates_is_left_out() -> None:
    assert score(answers(truth={"temperature": np.zeros(T)})) == {}
