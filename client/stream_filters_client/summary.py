"""What came of a replay: a table for people, a document for programs, a line for each observation."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from stream_filters_client.expectations import Verdict
from stream_filters_client.inspection import ServerInfo
from stream_filters_client.replay import Replay, Status

Scores = Mapping[str, float]
# of a summary: labels, and one stream
_LABEL_COLUMNS = 40
_STREAM_COLUMNS = 20


@dataclass(frozen=True, slots=True)
class Settings:
    """How a replay was asked for."""

    seed: int
    length: int | None
    batch: int
    rate: float | None
    horizon: int | None
    burn_in: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything there is to tell at the end; scores: stream -> score -> value."""

    target: str
    server: ServerInfo
    settings: Settings
    replays: Sequence[Replay]
    scores: Mapping[str, Scores]
    verdicts: Sequence[Verdict] = ()


def print_table(summary: Summary, console: Console) -> None:
    """Print the summary: one column for each stream."""
    settings = summary.settings
    rate = "as fast as answers come" if settings.rate is None else f"{settings.rate:g} observations/s"
    console.print(
        f"server {summary.target} ({summary.server.name} {summary.server.version}), seed {settings.seed}, "
        f"{settings.batch} observations a request, {rate}, scored from observation {settings.burn_in}",
        highlight=False,
    )
    abreast = max(1, (console.width - _LABEL_COLUMNS) // _STREAM_COLUMNS)
    for start in range(0, len(summary.replays), abreast):
        console.print(_table(summary, summary.replays[start : start + abreast]))
    for verdict in summary.verdicts:
        word, style = ("met", "green") if verdict.met else ("MISSED", "bold red")
        console.print(
            Text.assemble(
                "expected ", verdict.expectation.text, f" of {verdict.stream}: {number(verdict.value)} ", (word, style)
            )
        )
    for replay in summary.replays:
        if replay.error is not None:
            console.print(Text.assemble((f"{replay.feed.name}: ", "bold"), str(replay.error)))


def _table(summary: Summary, replays: Sequence[Replay]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", no_wrap=True, min_width=_LABEL_COLUMNS - 2)
    for replay in replays:
        table.add_column(replay.feed.name, justify="right", no_wrap=True, min_width=_STREAM_COLUMNS - 2)
    columns = [{line.label: line for line in _lines(replay, summary.scores[replay.feed.name])} for replay in replays]
    # streams differ in what can be told of them: what is of one kind stands together
    sections = {line.label: line.section for column in columns for line in column.values()}
    for label in sorted(sections, key=sections.__getitem__):
        cells: list[RenderableType] = [column[label].text if label in column else "" for column in columns]
        table.add_row(label, *cells)
    return table


class Section(IntEnum):
    """Kinds of lines, in the order in which they are shown."""

    STREAM = 0
    ACCURACY = 1
    CALIBRATION = 2
    SPEED = 3


@dataclass(frozen=True, slots=True)
class _Line:
    section: Section
    label: str
    text: str


def _lines(replay: Replay, scores: Scores) -> Iterator[_Line]:
    """What there is to tell of a stream, score by score."""
    state = "" if replay.status is Status.DONE else f" {replay.status}"
    yield _Line(Section.STREAM, "model", replay.feed.model)
    yield _Line(Section.STREAM, "observations", f"{replay.recording.count:,}{state}")
    level = f"{100 * float(replay.feed.config.get('interval', 0.9)):g} %"
    for name, value in scores.items():
        line = _line(name, value, scores, level)
        if line is not None and not math.isnan(value):
            yield line
    if replay.replayed:
        yield _Line(Section.SPEED, "answers given again", f"{replay.replayed:,} of {replay.requests:,}")


def _line(name: str, value: float, scores: Scores, level: str) -> _Line | None:
    """The line of one score; None for scores that stand in another's line."""
    limit = number(scores.get("calibration_limit", math.nan))
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
        "calibration_distance": (Section.CALIBRATION, "PIT off uniform (5 % limit)", f"{number(value)} ({limit})"),
        "latency_p50_ms": (Section.SPEED, "median answer in ms", number(value)),
        "latency_p99_ms": (Section.SPEED, "99 % of answers within ms", number(value)),
        "observations_per_second": (Section.SPEED, "observations a second", f"{value:,.0f}"),
    }
    if name in special:
        return _Line(*special[name])
    if name.endswith("_rmse"):
        return _Line(Section.ACCURACY, f"{_words(name.removesuffix('_rmse'))} RMSE", number(value))
    if name.endswith("_rmse_ratio"):
        label = f"{_words(name.removesuffix('_rmse_ratio'))} RMSE over oracle's"
        return _Line(Section.ACCURACY, label, f"{value:.3f}")
    if name.endswith("_coverage"):
        label = f"{_words(name.removesuffix('_coverage'))} in {level} band"
        return _Line(Section.CALIBRATION, label, percent(value))
    if name.endswith("_final_error"):
        label = f"{_words(name.removesuffix('_final_error'))} error at the end"
        return _Line(Section.ACCURACY, label, percent(value))
    return None


def _words(name: str) -> str:
    return name.replace("_", " ")


def number(value: float) -> str:
    """A number with four digits that count."""
    return "-" if math.isnan(value) else f"{value:.4g}"


def percent(value: float) -> str:
    """A share in per cent."""
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def document(summary: Summary) -> dict[str, Any]:
    """The summary as plain values for JSON; what is undefined is null."""
    return {
        "server": {"target": summary.target, "name": summary.server.name, "version": summary.server.version},
        "settings": asdict(summary.settings),
        "streams": {
            replay.feed.name: {
                "model": replay.feed.model,
                "config": dict(replay.feed.config),
                "status": str(replay.status),
                "error": None if replay.error is None else str(replay.error),
                "observations": replay.recording.count,
                "requests": replay.requests,
                "replayed": replay.replayed,
                "scores": {name: _plain(value) for name, value in summary.scores[replay.feed.name].items()},
            }
            for replay in summary.replays
        },
        "expectations": [
            {
                "text": verdict.expectation.text,
                "stream": verdict.stream,
                "value": _plain(verdict.value),
                "met": verdict.met,
            }
            for verdict in summary.verdicts
        ],
    }


def write_lines(replays: Sequence[Replay], file: TextIO) -> None:
    """A line of JSON for each observation and its outputs; the same answers give the same bytes."""
    for replay in replays:
        recording = replay.recording
        columns = {name: recording.output(name) for name in recording.names()}
        for row, observation in enumerate(recording.observations()):
            line = {"stream": replay.feed.name, "offset": recording.first + row, "observation": _plain(observation)}
            line |= {name: _plain(values[row]) for name, values in columns.items() if values is not None}
            file.write(json.dumps(line) + "\n")


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
