"""The scores of many streams: the middle, the ends, and the worst one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stream_filters_client.replays.runs import Run, StreamRun
from stream_filters_client.report.comparison import loss
from stream_filters_client.scoring.score_lines import Section, score_line


@dataclass(frozen=True, slots=True)
class SpreadRow:
    """One score of all streams of a model in a run. median, low, high: quantiles at 50, 5 and 95 %, as text."""

    run: str
    model: str
    section: Section
    label: str
    count: int
    median: str
    low: str
    high: str
    worst: str
    worst_stream: str


def spread_rows(runs: Sequence[Run]) -> list[SpreadRow]:
    """Every score, by model and run."""
    rows = []
    for letter, run in zip("AB", runs, strict=False):
        for model in dict.fromkeys(stream.model for stream in run.streams):
            streams = [stream for stream in run.streams if stream.model == model]
            names = dict.fromkeys(name for stream in streams for name in stream.scores)
            found = [_row(letter if len(runs) > 1 else "", model, name, streams) for name in names]
            rows += sorted((row for row in found if row is not None), key=lambda row: row.section)
    return rows


def _row(run: str, model: str, name: str, streams: Sequence[StreamRun]) -> SpreadRow | None:
    known = [stream for stream in streams if not math.isnan(stream.scores.get(name, math.nan))]
    if not known:
        return None
    worst = max(known, key=lambda stream: loss(name, stream.scores[name], stream.level))
    level = f"{100 * worst.level:g} %"
    quantiles = np.percentile([stream.scores[name] for stream in known], [50, 5, 95]).tolist()
    # a limit belongs to one stream
    lines = [score_line(name, value, {}, level) for value in quantiles]
    lines.append(score_line(name, worst.scores[name], worst.scores, level))
    median, low, high, least = ("" if line is None else line.text for line in lines)
    if lines[0] is None:
        return None
    return SpreadRow(run, model, lines[0].section, lines[0].label, len(known), median, low, high, least, worst.name)
