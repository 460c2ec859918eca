"""Where the rows of a stream are drawn, and which of them."""

from dataclasses import dataclass

import numpy as np

from stream_filters_client.protocol.codec import Array
from stream_filters_client.replays.runs import Run, StreamRun
from stream_filters_client.report.panels import Band, Dots, Line, Marks
from stream_filters_client.report.thinning import Thinning

_DAY_MICROSECONDS = 86_400e6


@dataclass(frozen=True, slots=True)
class Timeline:
    """The x axis of a stream.

    x: where each row is, [T]; days since 1970 where they are dates.
    settled: the first row that scales have to hold; before it, bands are as wide as priors.
    unit: one step of time.
    """

    x: Array
    label: str
    thinning: Thinning
    settled: int
    unit: str = "unit of time"
    dates: bool = False

    def line(self, y: Array, hue: str, label: str = "", *, dashed: bool = False) -> Line:
        """Values [T] as a line."""
        rows = self.thinning.extremes(y)
        return Line(self.x[rows], y[rows], hue, label, dashed)

    def dots(self, y: Array, hue: str, label: str = "") -> Dots:
        """Values [T] as dots."""
        rows = self.thinning.extremes(y)
        return Dots(self.x[rows], y[rows], hue, label)

    def band(self, lower: Array, upper: Array, hue: str, label: str = "") -> Band:
        """The area between ends [T]."""
        rows, low, high = self.thinning.envelope(lower, upper)
        return Band(self.x[rows], low, high, hue, label)

    def marks(self, rows: Array, hue: str, label: str, bottom: float, top: float) -> Marks:
        """Marks at rows."""
        return Marks(self.x[self.thinning.marks(rows)], hue, label, bottom, top)

    def tail(self, rows: int) -> "Timeline":
        """That of the last rows alone, every one drawn."""
        return Timeline(self.x[-rows:], self.label, Thinning(min(rows, len(self.x)), rows), 0, self.unit, self.dates)


def timeline(stream: StreamRun, run: Run, points: int) -> Timeline:
    """The x axis of a stream, for pictures of about so many points."""
    rows = len(stream.observations)
    thinning = Thinning(rows, points)
    burn_in = int(run.summary["settings"]["burn_in"])
    settled = min(max(burn_in - stream.first, 0), rows // 5)
    step = (run.time_unit or "unit of time").removesuffix("s")
    if stream.stamps is not None and len(stream.stamps) == rows:
        dates = stream.stamps.dtype.kind == "M"
        x = stream.stamps.astype("datetime64[us]").astype(np.int64) / _DAY_MICROSECONDS if dates else stream.stamps
        return Timeline(x, "" if dates else "time", thinning, settled, step, dates)
    if stream.time_deltas is None:
        return Timeline(stream.first + np.arange(rows), "observation", thinning, settled)
    unit = f" in {run.time_unit}" if run.time_unit else ""
    # time begins with the first row that is here
    x = np.concatenate([[0.0], np.cumsum(stream.time_deltas[1:])])
    return Timeline(
        x,
        f"time since observation {stream.first:,}{unit}",
        thinning,
        settled,
        step,
    )


def columns(values: Array) -> Array:
    """[T, D] of [T] or [T, ...]."""
    return values.reshape(len(values), -1)
