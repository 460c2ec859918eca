"""The scores of one stream: what it was truly like beside what the predictor said of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream_filters_client.scoring import scores

Array = NDArray[Any]

BETTER_WHEN_HIGHER = {
    "log_score_mean",
    "log_score_total",
    "log_score_gap",
    "regime_accuracy",
    "regime_detected",
    "observations_per_second",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything known about a stream, row by row, from the first scored row on.

    observations: [T] or [T, D]. outputs: the predictor's, [T, ...] each. truth: [T, ...] under the names of the
    outputs without their suffix. oracle: the outputs of the same model told the true parameters.
    level: the probability inside its intervals.
    """

    observations: Array
    outputs: Mapping[str, Array]
    truth: Mapping[str, Array]
    oracle: Mapping[str, Array]
    level: float = 0.9


def score(answers: Answers) -> dict[str, float]:
    """Every score that can be told, by name; the names are those that `--expect` takes."""
    result = _predictive(answers)
    truth = dict(answers.truth)
    if "regime" in truth and "regime" in answers.outputs:
        result |= _regime(answers)
        for name, values in _as_labelled(answers).items():
            result[f"{name}_rmse"] = scores.rmse(answers.outputs[name], values)
    for name, values in truth.items():
        if not name.startswith("regime"):
            result |= _quantity(name, values, answers)
    return {name: float(value) for name, value in result.items()}


def speed(latencies: Sequence[float], observations_per_second: float) -> dict[str, float]:
    """Scores of the time that answers took, in seconds each; none if there were no answers."""
    measured = scores.latency(latencies)
    if measured is None:
        return {}
    return {
        "latency_p50_ms": 1e3 * measured.p50_seconds,
        "latency_p90_ms": 1e3 * measured.p90_seconds,
        "latency_p99_ms": 1e3 * measured.p99_seconds,
        "latency_max_ms": 1e3 * measured.max_seconds,
        "observations_per_second": observations_per_second,
    }


def together(each: Sequence[Mapping[str, float]], level: float) -> dict[str, float]:
    """The scores of several streams as one: the mean of each, and under `NAME_worst` that of the worst stream.

    level: the probability inside their intervals, from which a coverage should not be far. `calibration_rejected` is
    the share of the streams whose PIT is further from uniform than its 5 % limit.
    """
    result: dict[str, float] = {}
    for name in dict.fromkeys(name for found in each for name in found):
        values = np.array([found[name] for found in each if not np.isnan(found.get(name, np.nan))])
        result[name] = float(np.mean(values)) if values.size else np.nan
        if name == "calibration_limit":
            beyond = [found["calibration_distance"] > found[name] for found in each if name in found]
            result["calibration_rejected"] = float(np.mean(beyond))
        else:
            result[f"{name}_worst"] = _worst(name, values, level) if values.size else np.nan
    return result


def _worst(name: str, values: Array, level: float) -> float:
    if name.endswith("_coverage"):
        return float(values[np.argmax(np.abs(values - level))])
    return float(np.min(values) if name in BETTER_WHEN_HIGHER else np.max(values))


def _predictive(answers: Answers) -> dict[str, float]:
    result: dict[str, float] = {}
    outputs = answers.outputs
    if "predictive_interval" in outputs:
        interval = outputs["predictive_interval"]
        observed = answers.observations.reshape(interval.shape[:-1])
        result["predictive_coverage"] = scores.coverage(interval[..., 0], interval[..., 1], observed)
    if "log_evidence" in outputs:
        evidence = outputs["log_evidence"]
        scored = np.isfinite(evidence)
        result["log_score_total"] = float(np.sum(evidence[scored]))
        result["log_score_mean"] = float(np.mean(evidence[scored])) if scored.any() else np.nan
        if "log_evidence" in answers.oracle:
            gap = evidence - answers.oracle["log_evidence"]
            result["log_score_gap"] = float(np.nanmean(gap)) if np.isfinite(gap).any() else np.nan
    if "pit" in outputs and (calibration := scores.calibration(outputs["pit"])):
        result["calibration_distance"] = calibration.distance
        result["calibration_limit"] = calibration.limit
    return result


def _quantity(name: str, truth: Array, answers: Answers) -> dict[str, float]:
    """Error, error beside the oracle's, and coverage of one true quantity."""
    found = _estimate(name, truth, answers.outputs, answers.level)
    if found is None:
        return {}
    estimate, lower, upper = found
    truth = truth.reshape(estimate.shape)
    error = scores.rmse(estimate, truth)
    result = {f"{name}_rmse": error, f"{name}_coverage": scores.coverage(lower, upper, truth)}
    oracle = _estimate(name, truth, answers.oracle, answers.level)
    if oracle is not None and (least := scores.rmse(oracle[0].reshape(estimate.shape), truth)) > 0:
        result[f"{name}_rmse_ratio"] = error / least
    if len(truth) and np.all(truth == truth[0]) and np.all(truth != 0):
        result[f"{name}_final_error"] = float(np.max(np.abs(estimate[-1] / truth[-1] - 1)))
    return result


def _estimate(name: str, truth: Array, outputs: Mapping[str, Array], level: float) -> tuple[Array, Array, Array] | None:
    """Point estimate, lower and upper end for a true quantity, from mean and std or from a band."""
    if f"{name}_mean" in outputs:
        mean = outputs[f"{name}_mean"]
        if mean.size == truth.size:
            std = outputs.get(f"{name}_std", np.full(mean.shape, np.nan))
            return (mean, *scores.normal_band(mean, std, level))
    if name in outputs:
        band = outputs[name]
        if band.shape[-1:] == (3,) and band.size == 3 * truth.size:
            return band[..., 0], band[..., 1], band[..., 2]
        if band.size == truth.size:
            nothing = np.full(band.shape, np.nan)
            return band, nothing, nothing
    return None


def _regime(answers: Answers) -> dict[str, float]:
    found, truth = answers.outputs["regime"], answers.truth["regime"]
    changes = scores.detection(found, truth)
    result = {
        "regime_accuracy": scores.regime_accuracy(found, truth),
        "regime_detected": changes.detected,
        "regime_delay": changes.delay,
        "regime_false_alarms_per_1000": changes.false_alarms_per_1000,
    }
    if "regime" in answers.oracle:
        best = scores.regime_accuracy(answers.oracle["regime"], truth)
        result["regime_accuracy_loss"] = best - result["regime_accuracy"]
    return result


def _as_labelled(answers: Answers) -> dict[str, Array]:
    """True quantities of each regime, [T, K], in the order of the predictor's labels; NaN for labels that are none."""
    mapping = scores.match_labels(answers.outputs["regime"], answers.truth["regime"])
    result = {}
    for name in ("regime_means", "regime_stds", "regime_weights"):
        if name not in answers.truth or name not in answers.outputs:
            continue
        truth = answers.truth[name]
        labelled = np.full(answers.outputs[name].shape, np.nan)
        for label, target in mapping.items():
            labelled[:, label] = truth[:, target]
        result[name] = labelled
    return result
