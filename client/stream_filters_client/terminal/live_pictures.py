"""The plots of one stream: what was observed, and how well it was understood."""

from dataclasses import dataclass

import numpy as np
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from stream_filters_client.estimates import Meaning, Quantity
from stream_filters_client.protocol.codec import Array
from stream_filters_client.replays.recording import Recording
from stream_filters_client.replays.replay import Replay
from stream_filters_client.scoring.score_lines import number
from stream_filters_client.terminal.live_plot import (
    BAND,
    COLORS,
    ESTIMATE,
    MIN_COLUMNS,
    MIN_ROWS,
    OBSERVED,
    Series,
    plot,
    spark,
)

WINDOW_ROWS = 160
# a band thinner than this part of the picture cannot be seen in it
_VISIBLE = 0.05
_SIDE_BY_SIDE_COLUMNS = 96


@dataclass(frozen=True, slots=True)
class Picture:
    """A plot before it has a size."""

    title: str
    series: list[Series]


def picture(replay: Replay, columns: int, rows: int) -> RenderableType:
    """As many plots as there is room for: two, one, or a row of bars."""
    recording = replay.recording
    if not recording.count:
        return Text("waiting for answers", style="dim")
    observations = _first_axis(recording.observations(WINDOW_ROWS))
    if rows < MIN_ROWS or columns < MIN_COLUMNS:
        return _bars(replay, observations, columns, max(rows, 1))
    first_row = recording.count - len(observations)
    one, two = _stream(replay, observations), _understanding(replay, observations, first_row)
    if two is None:
        return plot(one.title, one.series, first_row, columns, rows)
    if columns >= _SIDE_BY_SIDE_COLUMNS:
        grid = Table.grid(padding=(0, 1, 0, 0))
        half = columns // 2 - 1
        grid.add_row(*(plot(each.title, each.series, first_row, half, rows) for each in (one, two)))
        return grid
    if rows >= 2 * (MIN_ROWS + 1):
        upper = plot(one.title, one.series, first_row, columns, rows - rows // 2)
        lower = plot(two.title, two.series, first_row, columns, rows // 2)
        return Text("\n").join([upper, lower])
    shown = one if _band_is_visible(one) else two
    return plot(shown.title, shown.series, first_row, columns, rows)


def _bars(replay: Replay, observations: Array, columns: int, rows: int) -> Text:
    """A bar for each observation, in the colours of their regimes, and the estimate in words: for want of room."""
    estimate = _in_words(replay)
    beside = rows == 1 and len(estimate) < columns // 2
    shown = observations[-(columns - len(estimate) - 2 if beside else columns) :]
    bars = Text(no_wrap=True)
    label = replay.recording.reading.label
    regime = None if label is None else replay.recording.output(label.name, len(shown))
    for line in spark(shown, rows=rows if beside or rows == 1 else rows - 1).split("\n"):
        for column, character in enumerate(line):
            bars.append(character, OBSERVED if regime is None else _color(int(regime[column])))
        bars.append("\n")
    bars.rstrip()
    if beside or rows > 1:
        bars.append("  " if beside else "\n").append(estimate)
    return bars


def _in_words(replay: Replay) -> Text:
    """The newest estimate and its band: `position 3.1 (2.9 .. 3.3)`."""
    for label, band in (
        (_followed_words(replay.recording), _followed(replay.recording, replay.level, 1)),
        ("forecast", _predicted(replay.recording, 1)),
    ):
        if band is not None and np.isfinite([values[-1] for values in band]).all():
            middle, lower, upper = (number(float(values[-1])) for values in band)
            return Text.assemble((f"{label} {middle}", ESTIMATE), (f" ({lower} .. {upper})", BAND))
    return Text()


def _band_is_visible(shown: Picture) -> bool:
    lines = [one.values for one in shown.series if one.line]
    if len(lines) < 2:
        return True
    values = np.concatenate(lines)
    return bool(np.nanmedian(lines[1] - lines[0]) > _VISIBLE * (np.nanmax(values) - np.nanmin(values)))


def _stream(replay: Replay, observations: Array) -> Picture:
    """Observations with the filter's estimate and its band, or in the colours of their regimes."""
    recording = replay.recording
    label = recording.reading.label
    found = None if label is None else recording.output(label.name, WINDOW_ROWS)
    if label is not None and found is not None:
        each = [int(one) for one in np.unique(found[found >= 0])]
        dots = [Series(np.where(found == one, observations, np.nan), _color(one)) for one in each]
        return Picture(f"observations by {label.words}", dots)
    if (band := _followed(recording, replay.level)) is not None:
        return Picture(f"observations and filtered {_followed_words(recording)}", _with_band(band, observations))
    if (band := _predicted(recording)) is not None:
        return Picture("observations and their forecasts", _with_band(band, observations))
    return Picture("observations", [Series(observations, OBSERVED)])


def _understanding(replay: Replay, observations: Array, first_row: int) -> Picture | None:
    """What the filter has learned, beside the truth where it is known."""
    recording = replay.recording
    reading = recording.reading
    label = reading.label
    probabilities = None if label is None else recording.output(f"{label.name}_probabilities", WINDOW_ROWS)
    if label is not None and probabilities is not None:
        lines = [Series(column, _color(index), line=True) for index, column in enumerate(probabilities.T)]
        return Picture(f"probability of each {label.words}", lines)
    if reading.followed is not None and (band := _followed(recording, replay.level)) is not None:
        truth = _truth(replay, reading.followed.name, first_row, len(band[0]))
        if truth is not None:
            return Picture(f"true {reading.followed.words} less the filtered one", _with_band(band, truth, band[0]))
    elif (learnt := _learnt(recording)) is not None and (
        bands := recording.bands(learnt, 0.0, WINDOW_ROWS)
    ) is not None:
        middle, lower, upper = bands.reshape(len(bands), -1, 3)[:, 0].T
        truth = _truth(replay, learnt.name, first_row, len(middle))
        title = learnt.words if truth is None else f"{learnt.words} and the true value"
        return Picture(title, _with_band((middle, lower, upper), truth))
    if (band := _predicted(recording)) is not None:
        return Picture("observation less its forecast", _with_band(band, observations, band[0]))
    return None


def _with_band(band: tuple[Array, Array, Array], dots: Array | None, base: Array | None = None) -> list[Series]:
    """Lower end, upper end, dots, and the middle on top; all less `base` if there is one."""
    shift = np.zeros(len(band[0])) if base is None else base
    middle, lower, upper = (values - shift for values in band)
    ends = [Series(lower, BAND, line=True), Series(upper, BAND, line=True)]
    observed = [] if dots is None else [Series(dots - shift, OBSERVED)]
    return [*ends, *observed, Series(middle, ESTIMATE, line=True)]


def _followed(recording: Recording, level: float, rows: int = WINDOW_ROWS) -> tuple[Array, Array, Array] | None:
    one = recording.reading.followed
    bands = None if one is None else recording.bands(one, level, rows)
    if bands is None:
        return None
    middle, lower, upper = bands.reshape(len(bands), -1, 3)[:, 0].T
    return middle, lower, upper


def _followed_words(recording: Recording) -> str:
    one = recording.reading.followed
    return one.words if one is not None else ""


def _learnt(recording: Recording) -> Quantity | None:
    """The band to draw: the one with the most values, which has most to tell."""
    return max(recording.reading.of(Meaning.BAND), key=lambda one: len(one.shape), default=None)


def _predicted(recording: Recording, rows: int = WINDOW_ROWS) -> tuple[Array, Array, Array] | None:
    mean, interval = recording.output("predictive_mean", rows), recording.output("predictive_interval", rows)
    if mean is None or interval is None:
        return None
    ends = interval.reshape(len(interval), -1)
    return _first_axis(mean), ends[:, 0], ends[:, 1]


def _truth(replay: Replay, name: str, first_row: int, rows: int) -> Array | None:
    values = replay.feed.truth.get(name)
    return None if values is None else _first_axis(values[first_row : first_row + rows])


def _first_axis(values: Array) -> Array:
    """[T] of [T, ...]: with several axes, the first one is drawn."""
    return values.reshape(len(values), -1)[:, 0] if values.size else np.empty(0)


def _color(label: int) -> str:
    return COLORS[label % len(COLORS)]
