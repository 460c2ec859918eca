"""The summary of a replay as a table for people."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from stream_filters_client.replays.groups import Group
from stream_filters_client.replays.replay import Status
from stream_filters_client.replays.summary import Summary
from stream_filters_client.scoring.score_lines import Line, Scores, Section, number, score_line

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
        for note in group.notes:
            console.print(Text.assemble((f"{group.name}: ", "bold"), note), soft_wrap=True)
    for name, ranking in summary.rankings.items():
        console.print(Text.assemble((f"{name}: ", "bold"), ranking.told), soft_wrap=True)
    for group in summary.groups:
        for sentence, count in group.errors.items():
            name = group.name if len(group.replays) == 1 else f"{group.name}, {count:,} of its streams"
            console.print(Text.assemble((f"{name}: ", "bold"), sentence))


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
