"""Scores in words: the line of each, for tables on a terminal and in a report."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

Scores = Mapping[str, float]


class Section(IntEnum):
    """Kinds of lines, in the order in which they are shown."""

    STREAM = 0
    ACCURACY = 1
    CALIBRATION = 2
    SPEED = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    section: Section
    label: str
    text: str


def score_line(name: str, value: float, scores: Scores, level: str) -> Line | None:
    """The line of one score; None for scores that stand in another's line."""
    limit = f" ({number(scores['calibration_limit'])})" if "calibration_limit" in scores else ""
    special = {
        "regime_accuracy": (Section.ACCURACY, "regime right", percent(value)),
        "regime_accuracy_loss": (Section.ACCURACY, "regime right less often than oracle by", percent(value)),
        "regime_detected": (Section.ACCURACY, "changes found", percent(value)),
        "regime_delay": (Section.ACCURACY, "observations until found", number(value)),
        "regime_false_alarms_per_1000": (Section.ACCURACY, "false alarms per 1,000", number(value)),
        "predictive_coverage": (Section.CALIBRATION, f"observations in {level} interval", percent(value)),
        "log_score_mean": (Section.CALIBRATION, "log score of an observation", number(value)),
        "log_score_gap": (Section.CALIBRATION, "log score less oracle's", number(value)),
        "log_score_total": (Section.CALIBRATION, "log score in all", f"{value:,.1f}"),
        "calibration_distance": (Section.CALIBRATION, "PIT off uniform (5 % limit)", f"{number(value)}{limit}"),
        "calibration_rejected": (Section.CALIBRATION, "PIT beyond that limit, 5 % by chance", percent(value)),
        "latency_p50_ms": (Section.SPEED, "median answer in ms", number(value)),
        "latency_p99_ms": (Section.SPEED, "99 % of answers within ms", number(value)),
        "observations_per_second": (Section.SPEED, "observations a second", f"{value:,.0f}"),
    }
    if name in special:
        return Line(*special[name])
    if name.endswith("_rmse"):
        return Line(Section.ACCURACY, f"{_words(name.removesuffix('_rmse'))} RMSE", number(value))
    if name.endswith("_rmse_ratio"):
        label = f"{_words(name.removesuffix('_rmse_ratio'))} RMSE over oracle's"
        return Line(Section.ACCURACY, label, f"{value:.3f}")
    if name.endswith("_coverage"):
        label = f"{_words(name.removesuffix('_coverage'))} in {level} band"
        return Line(Section.CALIBRATION, label, percent(value))
    if name.endswith("_final_error"):
        label = f"{_words(name.removesuffix('_final_error'))} error at the end"
        return Line(Section.ACCURACY, label, percent(value))
    return None


def _words(name: str) -> str:
    return name.replace("_", " ")


def number(value: float) -> str:
    """A number with four digits that count, or all before the point."""
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:.4g}"


def percent(value: float) -> str:
    """A share in per cent."""
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"
