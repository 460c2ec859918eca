"""What is shown of one stream, by the kind of its model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.console import Group as Parts
from rich.panel import Panel
from rich.text import Text

from stream_filters_client.estimates import Meaning, Quantity
from stream_filters_client.protocol.codec import Array
from stream_filters_client.replays.groups import Group
from stream_filters_client.replays.recording import Recording
from stream_filters_client.replays.replay import Replay, Status
from stream_filters_client.scoring.score_lines import Scores, number, percent
from stream_filters_client.scoring.scores import Calibration, calibration
from stream_filters_client.terminal.live_pictures import WINDOW_ROWS, picture
from stream_filters_client.terminal.live_plot import BAND, COLORS, ESTIMATE, bar, gauge, spark
from stream_filters_client.terminal.progress import counted

_GAUGE_COLUMNS = 16
_NARROW_GAUGE_COLUMNS = 8
_NARROW_COLUMNS = 90
_LABEL_COLUMNS = 23
# a change of regime is news for so many observations
_ALARM_ROWS = 25


@dataclass(frozen=True, slots=True)
class PanelScores:
    """What costs too much for every frame. stream: scores of the stream shown. speed: of all streams of its group."""

    stream: Scores
    speed: Scores
    calibration: Calibration | None

    @classmethod
    def of(cls, group: Group) -> "PanelScores":
        """The scores so far."""
        pit = group.shown.recording.output("pit")
        stream = group.shown.scores(with_oracle=False)
        return cls(stream, group.speed(), None if pit is None else calibration(pit))


@dataclass(frozen=True, slots=True)
class StreamPanel:
    """One stream of a group: plot, learned parameters, calibration, speed; as much of it as there is room for."""

    group: Group
    scores: PanelScores

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Fill the space that the layout gives."""
        replay = self.group.shown
        columns, rows = options.max_width - 4, (options.height or console.height) - 2
        tail = [_calibration(replay, self.scores), _speed(self.group, self.scores.speed, columns)]
        most = max(rows - len(tail) - 1, 0)
        learned = list(_learned(replay, columns, most))[:most]
        room = rows - len(tail) - len(learned)
        parts: list[RenderableType] = [picture(replay, columns, room), *learned, *tail]
        for part in parts:
            if isinstance(part, Text):
                part.no_wrap, part.overflow = True, "ellipsis"
        yield Panel(Parts(*parts), title=self._title(), title_align="left", padding=(0, 1), height=options.height)

    def _title(self) -> Text:
        replay = self.group.shown
        title = Text.assemble((replay.feed.name, "bold"), f"  {replay.feed.model}")
        return title.append(f"  {counted(self.group)}") if len(self.group.replays) > 1 else title


def _learned(replay: Replay, columns: int, rows: int) -> Iterator[Text]:
    """The parameters that the filter has learned so far, with their bands and, if known, the truth.

    The first `rows` of them will be seen.
    """
    if replay.recording.last is None:
        return
    reading = replay.recording.reading
    if reading.label is not None:
        yield from _labels(replay.recording, reading.label.name, columns, rows)
    for one in reading.of(Meaning.ESTIMATE, Meaning.BAND):
        bands = replay.recording.bands(one, replay.level, 1)
        if bands is None or one is reading.followed:
            continue
        flat = bands[-1].reshape(-1, 3)
        for index, band in enumerate(flat):
            yield _band(replay, one, band, (index, len(flat)), columns)
    for one in reading.of(Meaning.NUMBER, Meaning.PROBABILITY):
        value = _last(replay.recording, one.name)
        if value is not None and one.name != "change_probability":
            yield Text(f"{one.words:{_LABEL_COLUMNS}}{number(float(value)):>{_gauge_columns(columns) + 10}}")


def _last(recording: Recording, name: str) -> Array | None:
    values = recording.output(name, 1)
    return None if values is None else values[-1]


def _band(replay: Replay, one: Quantity, band: Array, place: tuple[int, int], columns: int) -> Text:
    """Median, ends and gauge of one parameter: `noise std  ··━┃━··  0.101  0.096 .. 0.107  true 0.1`.

    place: the parameter's index, and how many there are of this name.
    """
    index, count = place
    label = one.words + (f" {index + 1}" if count > 1 else "")
    median, lower, upper = map(float, band)
    history = replay.recording.output(one.outputs[0], WINDOW_ROWS)
    scale = _scale(history, index, count, band)
    known = replay.feed.truth.get(one.name)
    truth = ""
    if known is not None and replay.recording.count <= len(known):
        truth = f"  true {number(float(known[replay.recording.count - 1].reshape(-1)[index]))}"
    return Text.assemble(
        f"{label:{_LABEL_COLUMNS}}",
        (gauge(median, lower, upper, scale, _gauge_columns(columns)), ESTIMATE),
        f" {number(median):>9}",
        (f"  {number(lower)} .. {number(upper)}", BAND),
        (truth, "dim"),
    )


def _gauge_columns(columns: int) -> int:
    return _GAUGE_COLUMNS if columns >= _NARROW_COLUMNS else _NARROW_GAUGE_COLUMNS


def _scale(history: Array | None, index: int, count: int, band: Array) -> tuple[float, float]:
    """From the least to the greatest that the parameter was in the window shown."""
    values = np.asarray(band, dtype=np.float64)
    if history is not None and history.size:
        values = np.concatenate([values, history.reshape(len(history), count, -1)[:, index].ravel()])
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def _labels(recording: Recording, name: str, columns: int, rows: int) -> Iterator[Text]:
    probabilities, means, stds, regime = (
        _last(recording, output) for output in (f"{name}_probabilities", f"{name}_means", f"{name}_stds", name)
    )
    if probabilities is None or means is None or stds is None or regime is None:
        return
    yield _alarm(recording, name, columns)
    labels = [int(label) for label in np.flatnonzero(~np.isnan(means))]
    if len(labels) >= rows:
        # where there is no room for all, the one that the stream is in
        labels.sort(key=lambda label: label != regime)
    for label in labels:
        mark, probability = "●" if label == regime else "○", float(probabilities[label])
        yield Text.assemble(
            (f"{mark} {f'{name} {label}':<20}", COLORS[label % len(COLORS)]),
            f" {bar(probability, _gauge_columns(columns))} {percent(probability):>9}",
            f"  mean {number(float(means[label]))}, std {number(float(stds[label]))}",
        )


def _alarm(recording: Recording, name: str, columns: int) -> Text:
    """How likely each observation was a change of regime, and when the announced one changed last."""
    told = Text()
    regime = recording.output(name, WINDOW_ROWS)
    changes = np.empty(0) if regime is None else np.flatnonzero(np.diff(regime)) + 1
    if regime is not None and changes.size:
        ago = len(regime) - int(changes[-1])
        sign, style = ("▲ ", "bold red") if ago <= _ALARM_ROWS else ("", "dim")
        told.append(f"  {sign}changed at {recording.count - ago:,}", style)
    room = min(WINDOW_ROWS, columns - _LABEL_COLUMNS - len(told))
    probability = recording.output("change_probability", max(room, 1))
    bars = spark(np.empty(0) if probability is None else probability, 0.0, 1.0)
    return Text.assemble(f"{'change probability':{_LABEL_COLUMNS}}", (bars, "red"), told)


def _calibration(replay: Replay, scores: PanelScores) -> Text:
    parts: list[str] = []
    if not np.isnan(held := scores.stream.get("predictive_coverage", np.nan)):
        parts.append(f"{100 * replay.level:g} % intervals held {percent(held)}")
    if not np.isnan(each := scores.stream.get("log_score_mean", np.nan)):
        parts.append(f"log score {number(each)}")
    if (found := scores.calibration) is not None:
        verdict = "flat" if found.uniform else "not flat"
        parts.append(f"PIT {spark(np.array(found.histogram), 0.0)} {verdict}")
    return Text(" · ".join(parts))


def _speed(group: Group, speed: Scores, columns: int) -> Text:
    count, length = group.count, group.length
    place = f"{count:,}" if length is None else f"{bar(count / length, max(columns // 6, 5))} {count:,}/{length:,}"
    parts = [place, f"{group.observations_per_second:,.0f}/s"]
    if speed:
        parts.append(f"answers in {number(speed['latency_p50_ms'])} ms, 99 % in {number(speed['latency_p99_ms'])} ms")
    if replayed := group.replayed:
        parts.append(f"{replayed:,} given again")
    if group.status is not Status.RUNNING:
        parts.append(str(group.status))
    return Text(" · ".join(parts), style="bold")


def columns_for(groups: Sequence[Group], columns: int, rows: int) -> int:
    """How many panels stand side by side: as few as leave room for plots."""
    return 1 if columns < 140 or rows // max(len(groups), 1) >= 16 else min(len(groups), columns // 70)
