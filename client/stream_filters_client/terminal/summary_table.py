"""The summary of a replay as a table for people."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from stream_filters_client.replays.groups import Group
from stream_filters_client.replays.replay import Status
from stream_filters_client.replays.summary import Scores, Summary, number, percent

_LABEL_COLUMNS = 40
_SCORE_COLUMNS = 20


def print_table(summary: Summary, console: Console) -> None:
    """Print the summary: one column for each stream, two for several streams together."""
    settings = summary.settings
    rate = "as fast as answers come" if settings.rate is None else f"{settings.rate:g} observations/s"
    console.print(
        f"server {summary.target} ({summary.server.name} {summary.server.version}), seed {settings.seed}, "
        f"{settings.batch} observations a request, {rate}, scored from observation {settings.burn_in}",
        highlight=False,
    )
    columns = [column for group in summary.groups for column in _columns(group, summary.scores[group.name])]
    abreast = max(1, (console.width - _LABEL_COLUMNS) // _SCORE_COLUMNS)
    for start in range(0, len(columns), abreast):
        console.print(_table(columns[start : start + abreast]))
    for verdict in summary.verdicts:
        word, style = ("met", "green") if verdict.met else ("MISSED", "bold red")
        console.print(
            Text.assemble(
                "expected ", verdict.expectation.text, f" of {verdict.stream}: {number(verdict.value)} ", (word, style)
            )
        )
    for group in summary.groups:
        for sentence, count in group.errors.items():
            name = group.name if len(group.replays) == 1 else f"{group.name}, {count:,} of its streams"
            console.print(Text.assemble((f"{name}: ", "bold"), sentence))


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


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    lines: Mapping[str, Line]


def _columns(group: Group, scores: Scores) -> Iterator[_Column]:
    streams = len(group.replays)
    title = group.name if streams == 1 else f"{group.name} × {streams:,}"
    yield _Column(title, {line.label: line for line in (*_stream_lines(group), *_score_lines(scores, group))})
    if streams > 1:
        worst = {name: scores[f"{name}_worst"] for name in scores if f"{name}_worst" in scores}
        yield _Column("worst stream", {line.label: line for line in _score_lines(worst, group)})


def _table(columns: list[_Column]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", no_wrap=True, min_width=_LABEL_COLUMNS - 2)
    for column in columns:
        table.add_column(column.title, justify="right", no_wrap=True, min_width=_SCORE_COLUMNS - 2)
    # streams differ in what can be told of them: what is of one kind stands together
    sections = {line.label: line.section for column in columns for line in column.lines.values()}
    for label in sorted(sections, key=sections.__getitem__):
        cells: list[RenderableType] = [column.lines[label].text if label in column.lines else "" for column in columns]
        table.add_row(label, *cells)
    return table


def _stream_lines(group: Group) -> Iterator[Line]:
    state = "" if group.status is Status.DONE else f" {group.status}"
    yield Line(Section.STREAM, "model", group.shown.feed.model)
    yield Line(Section.STREAM, "observations", f"{group.count:,}{state}")
    if len(group.replays) > 1 and group.status is not Status.DONE:
        statuses = ", ".join(f"{count:,} {status}" for status, count in group.statuses.items())
        yield Line(Section.STREAM, "streams", statuses)
    if group.replayed:
        yield Line(Section.SPEED, "answers given again", f"{group.replayed:,} of {group.requests:,}")


def _score_lines(scores: Scores, group: Group) -> Iterator[Line]:
    """What there is to tell of a stream, score by score."""
    level = f"{100 * group.shown.level:g} %"
    for name, value in scores.items():
        line = score_line(name, value, scores, level)
        if line is not None and not math.isnan(value):
            yield line


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
