"""What deserves attention in the rows of a stream. Each rule tells once, and again only after things were in order."""

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from stream_filters_client.protocol.codec import Array, Floats

# chances that a rule speaks of a stream that its model fits, at one observation
_TAIL = 1e-4
_OFF_TAIL = 1e-5
_COVERED_ROWS = 200
# a change of regime that is announced so soon after it was suspected is the same
_SAME_CHANGE = 25
# of the forecast's own standard deviations; far more than a stream that fits ever goes in one look
_FORECAST_STDS = 5.0


class Kind(StrEnum):
    """What an alarm is about."""

    CHANGE = "change"
    SURPRISE = "surprise"
    CALIBRATION = "calibration"
    STREAM = "stream"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found. observation: its number in the stream, from 0; None for what is of no one observation."""

    kind: Kind
    sentence: str
    observation: int | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """A finding, where and when. time_seconds: since the epoch. stream: what to call it, empty for the predictor."""

    time_seconds: float
    stream: str
    finding: Finding


class Rule(Protocol):
    """Reads the rows of a stream as they come, columns [T] of numbers, `observation` among them."""

    def check(self, rows: Mapping[str, Floats]) -> Iterator[Finding]:
        """What is to be told of these rows."""


class Change:
    """The regime changed, or may have: its probability reached `threshold`, or another regime was announced."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._armed = True
        self._told: float = -math.inf
        self._regime = -1.0

    def check(self, rows: Mapping[str, Floats]) -> Iterator[Finding]:
        """As the rule says."""
        probabilities = rows.get("change_probability", rows.get("recent_change_probability"))
        if probabilities is None:
            return
        regimes = rows.get("regime", np.full(len(probabilities), -1.0))
        for observation, probability, regime in zip(rows["observation"], probabilities, regimes, strict=True):
            switched = self._regime >= 0 and regime >= 0 and regime != self._regime
            if probability >= self._threshold and self._armed:
                self._armed, self._told = False, observation
                to = f" to regime {regime:.0f}" if switched else ""
                yield Finding(
                    Kind.CHANGE, f"the regime changed{to}, with probability {probability:.2f}", int(observation)
                )
            elif switched and observation - self._told > _SAME_CHANGE:
                self._told = observation
                sentence = f"the regime changed from {self._regime:.0f} to {regime:.0f}"
                yield Finding(Kind.CHANGE, sentence, int(observation))
            self._armed = self._armed or probability < self._threshold / 2
            self._regime = regime if regime >= 0 else self._regime


class Surprise:
    """An observation was far out in the tail of its predictive distribution."""

    def __init__(self) -> None:
        self._armed = True

    def check(self, rows: Mapping[str, Floats]) -> Iterator[Finding]:
        """As the rule says; needs `pit_1`, `observed_1` and the ends of `predictive_1`, and so for every axis."""
        axes = [axis for axis in _axes(rows, "pit") if f"observed_{axis}" in rows]
        for row in range(len(rows["observation"]) if axes else 0):
            tails = {axis: 2 * min(pit, 1 - pit) for axis in axes if not np.isnan(pit := rows[f"pit_{axis}"][row])}
            if not tails:
                continue
            axis = min(tails, key=lambda one: tails[one])
            if tails[axis] < _TAIL and self._armed:
                yield Finding(Kind.SURPRISE, self._sentence(rows, axis, row), int(rows["observation"][row]))
            self._armed = tails[axis] >= _TAIL

    @staticmethod
    def _sentence(rows: Mapping[str, Floats], axis: int, row: int) -> str:
        lower, upper = (rows[f"predictive_{axis}_{end}"][row] for end in ("lower", "upper"))
        return (
            f"{rows[f'observed_{axis}'][row]:.4g} was observed where {lower:.4g} to {upper:.4g} was expected, "
            f"less than once in {1 / _TAIL:,.0f} observations"
        )


class Coverage:
    """Of the last observations, too many or too few were inside their predictive intervals of probability `level`."""

    def __init__(self, level: float) -> None:
        self._level = level
        self._inside: deque[bool] = deque(maxlen=_COVERED_ROWS)
        self._armed = True
        self.least, self.most = usual_count(_COVERED_ROWS, level)

    def check(self, rows: Mapping[str, Floats]) -> Iterator[Finding]:
        """As the rule says; needs `observed_1` and the ends of `predictive_1`; further axes are not looked at."""
        names = ("observation", "observed_1", "predictive_1_lower", "predictive_1_upper")
        if any(name not in rows for name in names):
            return
        for observation, observed, lower, upper in zip(*(rows[name] for name in names), strict=True):
            if np.isnan([observed, lower, upper]).any():
                continue
            self._inside.append(bool(lower <= observed <= upper))
            if len(self._inside) < _COVERED_ROWS:
                continue
            off = not self.least <= sum(self._inside) <= self.most
            if off and self._armed:
                yield Finding(Kind.CALIBRATION, self._sentence(), int(observation))
            self._armed = not off

    @property
    def share(self) -> float | None:
        """The share inside, of up to so many observations; None before there are any."""
        return sum(self._inside) / len(self._inside) if self._inside else None

    def _sentence(self) -> str:
        return (
            f"{self.share:.1%} of the last {_COVERED_ROWS} observations were inside their {self._level:.0%} intervals: "
            "the model does not fit now"
        )


class Forecast:
    """What is expected of an observation moved far away from what was expected of it at an earlier look.

    For streams whose observations are not seen: a forecast that holds moves by less than its own standard deviation.
    """

    def __init__(self) -> None:
        self._fan: Mapping[str, Floats] = {}
        self._armed = True

    def check(self, fan: Mapping[str, Floats]) -> Iterator[Finding]:
        """As the rule says, of forecasts: `observation`, `forecast_1` and `forecast_1_std`, and so for every axis."""
        before, self._fan = self._fan, fan
        if not before or not len(fan["observation"]):
            return
        coming = fan["observation"][0]
        found = np.flatnonzero(before["observation"] == coming)
        if not len(found) or before["observation"][0] == coming:
            return
        moved = {axis: self._moved(before, fan, axis, int(found[0])) for axis in _axes(fan, "forecast")}
        axis = max(moved, key=lambda one: moved[one], default=0)
        off = axis > 0 and moved[axis] > _FORECAST_STDS
        if off and self._armed:
            was, now = before[f"forecast_{axis}"][found[0]], fan[f"forecast_{axis}"][0]
            sentence = (
                f"{now:.4g} is expected next, {was:.4g} was: {moved[axis]:.1f} standard deviations of that forecast"
            )
            yield Finding(Kind.SURPRISE, sentence, int(coming))
        self._armed = not off

    @staticmethod
    def _moved(before: Mapping[str, Floats], fan: Mapping[str, Floats], axis: int, row: int) -> float:
        """How far the forecast moved, in its own standard deviations; 0 when it had none yet."""
        distance = abs(fan[f"forecast_{axis}"][0] - before[f"forecast_{axis}"][row])
        stds = distance / before[f"forecast_{axis}_std"][row]
        return float(stds) if np.isfinite(stds) else 0.0


def usual_count(trials: int, chance: float) -> tuple[int, int]:
    """The least and the most successes of so many trials that are not too rare to be chance, at either end."""
    weights = [math.comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(trials + 1)]
    below = np.cumsum(weights)
    above: Array = np.cumsum(weights[::-1])[::-1]
    usual = np.flatnonzero((below >= _OFF_TAIL) & (above >= _OFF_TAIL))
    return int(usual[0]), int(usual[-1])


def _axes(rows: Mapping[str, Floats], name: str) -> list[int]:
    axes: list[int] = []
    while f"{name}_{len(axes) + 1}" in rows:
        axes.append(len(axes) + 1)
    return axes
