"""Plots and gauges made of characters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.text import Text
from uniplot import plot_to_string
from uniplot.axis_labels.label_set import LabelSet

from stream_filters_client.protocol.codec import Array

# Regimes by their labels; the terminal's own palette, so that light and dark themes both work.
COLORS = ("cyan", "magenta", "yellow", "green", "#5fafff", "red")
ESTIMATE = "cyan"
# plain blue is hardly seen on dark terminals
BAND = "#5fafff"
OBSERVED = "magenta"
# title, frame above and below, and the labels of the x axis
_FRAME_ROWS = 4
# frame and labels of the y axis
_LABEL_COLUMNS = 11
MIN_ROWS = _FRAME_ROWS + 3
MIN_COLUMNS = _LABEL_COLUMNS + 15
_LEVELS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Series:
    """Values by row, NaN where there are none; drawn as dots or as a line."""

    values: Array
    color: str
    line: bool = False


def plot(title: str, series: Sequence[Series], first_row: int, columns: int, rows: int) -> Text:
    """The series over the observations from `first_row` on, later ones above; columns x rows characters."""
    drawn = [one for one in series if np.isfinite(one.values).any()]
    if not drawn:
        return Text("waiting for answers", style="dim")
    text = plot_to_string(
        ys=[one.values for one in drawn],
        xs=[first_row + np.arange(len(one.values)) for one in drawn],
        lines=[one.line for one in drawn],
        color=[one.color for one in drawn],
        title=title[: columns - _LABEL_COLUMNS],
        width=columns - _LABEL_COLUMNS,
        height=rows - _FRAME_ROWS,
        line_length_hard_cap=columns,
        character_set="braille",
        x_gridlines=[],
        y_gridlines=[],
        rounded_corners=True,
    )
    return Text.from_ansi(text, no_wrap=True, overflow="crop")


def _exact_labels(labels: LabelSet) -> list[str]:
    """The shortest labels that are the values at their ticks; uniplot's own are only different from each other."""
    known = [float(label) for label in labels.labels if label is not None]
    span = max(known, default=0.0) - min(known, default=0.0) or 1.0
    for digits in range(12):
        if all(abs(round(value, digits) - value) < 1e-6 * span for value in known):
            return ["" if label is None else f"{float(label):,.{digits}f}" for label in labels.labels]
    return ["" if label is None else f"{float(label):g}" for label in labels.labels]


LabelSet._find_shortest_string_representation = _exact_labels


def spark(values: Array, low: float | None = None, high: float | None = None, rows: int = 1) -> str:
    """Values as bars between `low` and `high`, by default the least and the greatest; blank where NaN."""
    values = np.asarray(values, dtype=np.float64)
    known = np.isfinite(values)
    if not known.any():
        return ""
    low = float(np.min(values[known])) if low is None else low
    high = float(np.max(values[known])) if high is None else high
    scale = (len(_LEVELS) * rows - 1) / (high - low) if high > low else 0.0
    heights = (
        np.clip(np.round((np.where(known, values, low) - low) * scale), 0, len(_LEVELS) * rows - 1).astype(int) + 1
    )
    lines = []
    for row in reversed(range(rows)):
        steps = np.where(known, np.clip(heights - row * len(_LEVELS), 0, len(_LEVELS)), 0)
        lines.append("".join(" " if step == 0 else _LEVELS[step - 1] for step in steps))
    return "\n".join(lines)


def bar(share: float, columns: int) -> str:
    """A bar that is full at share 1."""
    full = round(min(max(share, 0.0), 1.0) * columns)
    return "█" * full + "░" * (columns - full)


def gauge(median: float, lower: float, upper: float, scale: tuple[float, float], columns: int) -> str:
    """A band and its median on a scale from scale[0] to scale[1]."""
    low, high = scale
    if not (np.isfinite([median, lower, upper]).all() and high > low):
        return "·" * columns
    first, middle, last = (
        int(np.clip((value - low) / (high - low), 0, 1) * (columns - 1)) for value in (lower, median, upper)
    )
    cells = ["·"] * columns
    cells[first : last + 1] = ["━"] * (last - first + 1)
    cells[middle] = "┃"
    return "".join(cells)
