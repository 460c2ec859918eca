"""One stream on the page: what is kept of it, how it fares, and what its rules found."""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stream_filters_client.dashboard import charts, columns
from stream_filters_client.dashboard.alarms import Change, Coverage, Finding, Forecast, Rule, Surprise
from stream_filters_client.dashboard.charts import Chart
from stream_filters_client.dashboard.history import History
from stream_filters_client.estimates import Quantity, Reading
from stream_filters_client.protocol.codec import Array, Floats

# the rate is that of so long a time
_RATE_SECONDS = 10.0
_ENDS = ("_lower", "_upper")


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """A stream's name on the predictor; without a model it is one that the dashboard replays."""

    model: str
    sequence_id: str

    def __str__(self) -> str:
        return f"{self.model} / {self.sequence_id}" if self.model else self.sequence_id


class Track:
    """What is known of a stream; fed by `add`, read by any number of pages.

    generation: how often the stream began again, which makes what is shown of it worthless.
    reading: what its model's outputs say. count: its observations. fan: the columns of its newest forecasts.
    told: how it fares, empty when all is well.
    """

    def __init__(self, title: str, change_threshold: float) -> None:
        self.title = title
        self.reading = Reading()
        self.told = ""
        self.generation = 0
        self._threshold = change_threshold
        self.restart()

    def restart(self) -> None:
        """Forget everything: the stream began again."""
        self.generation += 1
        self.history = History()
        self.fan: dict[str, Floats] = {}
        self.count = 0
        self.level = 0.9
        self._counts: deque[tuple[float, int]] = deque()
        self._rules: list[Rule] = [Change(self._threshold), Surprise()]
        self._coverage: Coverage | None = None
        self._forecast = Forecast()

    @property
    def charts(self) -> tuple[Chart, ...]:
        """How to draw it; the main chart is the first."""
        return charts.charts(self.history.names, self.reading, self._threshold)

    @property
    def observations_per_second(self) -> float:
        """How fast its observations came lately."""
        if len(self._counts) < 2:
            return 0.0
        (first_seconds, first), (last_seconds, last) = self._counts[0], self._counts[-1]
        return (last - first) / (last_seconds - first_seconds) if last_seconds > first_seconds else 0.0

    @property
    def inside_share(self) -> float | None:
        """Share of the last observations inside their predictive intervals; None where they are not seen."""
        return self._coverage.share if self._coverage else None

    def seen(self, count: int) -> None:
        """Note how many observations the stream has had by now."""
        self.count = count
        now = time.monotonic()
        self._counts.append((now, count))
        while now - self._counts[0][0] > _RATE_SECONDS:
            self._counts.popleft()

    def add(self, rows: Mapping[str, Floats], fan: Mapping[str, Floats], level: float) -> list[Finding]:
        """Keep new rows and the newest forecasts; gives what the rules found.

        rows: columns [T], `observation` among them. level: the probability inside the bands.
        """
        self.level, self.fan = level, dict(fan)
        if self._coverage is None:
            self._coverage = Coverage(level)
        label = self.reading.label
        levels = columns.by_label(rows, label.name, level) if label and label.name in rows else {}
        self.history.append({**rows, **levels, "step": self._steps(rows["observation"])})
        found = [finding for rule in (*self._rules, self._coverage) for finding in rule.check(rows)]
        if fan and "observed_1" not in rows:
            found += self._forecast.check(fan)
        return found

    def _steps(self, observations: Floats) -> Floats:
        """How many observations each row is for: those since the row before."""
        before = self.history.since(self.history.count - 1).get("observation", observations[:1] - 1)
        return np.diff(observations, prepend=before)


def observed(first: int, observations: Array, truth: Mapping[str, Array]) -> dict[str, Floats]:
    """Columns of observations, [T] or [T, D], and of what is true of them: rows from `first` on of [*, ...]."""
    rows = slice(first, first + len(observations))
    found = {"observation": np.arange(first, first + len(observations), dtype=np.float64)}
    found |= columns.numbered("observed", observations)
    for name in truth:
        if not name.startswith("regime"):
            found |= columns.numbered(f"true_{name}", truth[name][rows])
    if "regime" in truth:
        regime = truth["regime"][max(first - 1, 0) : rows.stop]
        changed = np.diff(regime, prepend=regime[:1])[-len(observations) :] != 0
        found["true_change"] = np.where(changed, 1.0, np.nan)
    return found


def with_errors(rows: Mapping[str, Floats], followed: Quantity | None) -> dict[str, Floats]:
    """The rows, and for each axis the truth less what is followed, with the band around 0."""
    found = dict(rows)
    name, axis = followed.name if followed else "", 1
    while f"true_{name}_{axis}" in rows and f"{name}_{axis}" in rows:
        middle = rows[f"{name}_{axis}"]
        for part, column in (("", f"true_{name}_{axis}"), *((end, f"{name}_{axis}{end}") for end in _ENDS)):
            found[f"{name}_error_{axis}{part}"] = rows[column] - middle
        axis += 1
    return found
