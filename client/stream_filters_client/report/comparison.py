"""Scores as a table: of one stream, or of the same stream in two runs with who did better."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from stream_filters_client.scoring.score_lines import Section, score_line
from stream_filters_client.scoring.scorecard import BETTER_WHEN_HIGHER


class Verdict(StrEnum):
    """How a score came out beside that of the other run."""

    BETTER = "better"
    WORSE = "worse"
    NEITHER = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A score as text, and whether it is the better one."""

    text: str
    verdict: Verdict = Verdict.NEITHER


@dataclass(frozen=True, slots=True)
class Row:
    """One score of every run."""

    section: Section
    label: str
    cells: Sequence[Cell]


def score_rows(each: Sequence[Mapping[str, float]], level: float, *, comparable: bool = True) -> list[Row]:
    """The scores of one run, or of two, in the order in which they are shown; level: of the intervals.

    comparable: they are of the same data, so that one can be better.
    """
    names = dict.fromkeys(name for scores in each for name in scores)
    rows = []
    for name in names:
        values = [scores.get(name, math.nan) for scores in each]
        lines = [
            score_line(name, value, scores, f"{100 * level:g} %") for value, scores in zip(values, each, strict=True)
        ]
        first = lines[0]
        if first is None or all(math.isnan(value) for value in values):
            continue
        texts = [
            "" if line is None or math.isnan(value) else line.text for line, value in zip(lines, values, strict=True)
        ]
        cells = _judged(name, values, texts, level) if comparable else [Cell(text) for text in texts]
        rows.append(Row(first.section, first.label, cells))
    return sorted(rows, key=lambda row: row.section)


def _judged(name: str, values: Sequence[float], texts: Sequence[str], level: float) -> list[Cell]:
    """A difference that the texts do not show is none."""
    losses = [loss(name, value, level) for value in values]
    if len(values) != 2 or texts[0] == texts[1] or any(map(math.isnan, losses)) or losses[0] == losses[1]:
        return [Cell(text) for text in texts]
    best = min(losses)
    return [
        Cell(text, Verdict.BETTER if each == best else Verdict.WORSE) for text, each in zip(texts, losses, strict=True)
    ]


def loss(name: str, value: float, level: float) -> float:
    """What is the smaller the better: a coverage should be near its level, the rest high or low."""
    if name.endswith("_coverage"):
        return abs(value - level)
    return -value if name in BETTER_WHEN_HIGHER else value
