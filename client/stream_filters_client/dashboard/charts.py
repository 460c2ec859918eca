"""Which charts a stream gets, from the columns that it has. They are drawn in figures.py."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from stream_filters_client.dashboard.columns import LEVEL, PREDICTIVE
from stream_filters_client.estimates import Meaning, Quantity, Reading

# how likely a change is, at this observation or lately; the first that there is is drawn
CHANGES = ("change_probability", "recent_change_probability")
# more lines than these in one chart cannot be told apart
_LINES = 6


class MarkKind(StrEnum):
    """How columns are drawn."""

    BAND = "band"
    BARS = "bars"
    LINE = "line"
    DOTS = "dots"
    STEPS = "steps"


@dataclass(frozen=True, slots=True)
class Mark:
    """Columns drawn over the observations' numbers: a band has two, its ends, and so have bars; everything else one.

    A band goes on over rows without a value, bars have gaps there.

    color: index in the palette, one for each axis, coefficient or regime; None for what was observed.
    """

    kind: MarkKind
    columns: tuple[str, ...]
    label: str
    color: int | None = 0
    true: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart.

    limits: of its y axis, None to follow the data. fan: forecasts behind the last observation. threshold: drawn at y.
    """

    title: str
    marks: tuple[Mark, ...]
    limits: tuple[float, float] | None = None
    fan: bool = False
    threshold: float | None = None


def charts(columns: Collection[str], reading: Reading, change_threshold: float) -> tuple[Chart, ...]:
    """The main chart first, then what the filter has learnt; none as long as there are no columns."""
    learnt = [one for one in reading.of(Meaning.ESTIMATE, Meaning.BAND) if one is not reading.followed]
    found = [
        _main(columns, reading),
        *([_error(columns, reading.followed)] if reading.followed else []),
        *(Chart(_title(one), _estimated(columns, one.name, one.words)) for one in learnt),
        *([_shares(columns, reading.label)] if reading.label else []),
        *_changes(columns, change_threshold),
        *(_numbers(columns, one) for one in reading.of(Meaning.NUMBER, Meaning.PROBABILITY)),
    ]
    return tuple(chart for chart in found if chart is not None and chart.marks)


def _title(one: Quantity) -> str:
    return one.words.capitalize()


def _main(columns: Collection[str], reading: Reading) -> Chart | None:
    """What was observed, what is believed of it, and what is expected next."""
    if reading.label is not None and f"{LEVEL}_1" in columns:
        levels = [
            mark
            for color, (name, label) in enumerate(_numbered(columns, LEVEL, reading.label.words + " {} level", first=0))
            for mark in (
                *_dots(columns, f"observed_in_{color + 1}", color),
                Mark(MarkKind.BARS, (f"{name}_lower", f"{name}_upper"), label, color),
                Mark(MarkKind.LINE, (name,), label, color),
            )
        ]
        return Chart(f"Level by {reading.label.words}", tuple(levels), fan=True)
    name, title = PREDICTIVE, "Prediction"
    if reading.followed is not None:
        name, title = reading.followed.name, f"Filtered {reading.followed.words}"
    marks = [
        mark
        for color, (column, label) in enumerate(_numbered(columns, name, title.lower()))
        for mark in (*_dots(columns, f"observed_{color + 1}", None), *_banded(columns, column, label, color))
    ]
    return Chart(title, tuple(marks), fan=True) if marks else None


def _error(columns: Collection[str], followed: Quantity) -> Chart:
    marks = [
        mark
        for color, (name, label) in enumerate(_numbered(columns, f"{followed.name}_error", "90 % band"))
        for mark in (
            Mark(MarkKind.BAND, (f"{name}_lower", f"{name}_upper"), label, color),
            Mark(MarkKind.DOTS, (name,), "truth less filtered", None),
        )
    ]
    return Chart(f"{_title(followed)} error", tuple(marks))


def _shares(columns: Collection[str], label: Quantity) -> Chart:
    probabilities = _numbered(columns, f"{label.name}_probabilities", label.words + " {}", first=0)
    lines = tuple(Mark(MarkKind.LINE, (name,), shown, color) for color, (name, shown) in enumerate(probabilities))
    return Chart(f"Probability of each {label.words}", lines, limits=(-0.03, 1.03))


def _changes(columns: Collection[str], change_threshold: float) -> list[Chart]:
    change = next((name for name in CHANGES if name in columns), None)
    if change is None:
        return []
    label = "of a change at this observation" if change == CHANGES[0] else "of a change lately"
    marks = [Mark(MarkKind.STEPS, (change,), label)]
    if "true_change" in columns:
        marks.append(Mark(MarkKind.DOTS, ("true_change",), "true change", None, true=True))
    return [Chart("Probability of a change", tuple(marks), (-0.03, 1.08), threshold=change_threshold)]


def _numbers(columns: Collection[str], one: Quantity) -> Chart | None:
    if one.name not in columns or one.name in CHANGES:
        return None
    limits = (-0.03, 1.03) if one.meaning is Meaning.PROBABILITY else None
    return Chart(_title(one), (Mark(MarkKind.LINE, (one.name,), one.words),), limits)


def _estimated(columns: Collection[str], name: str, label: str) -> tuple[Mark, ...]:
    """Bands of an estimate, and the truth where it is known."""
    return tuple(
        mark
        for color, (column, shown) in enumerate(_numbered(columns, name, label))
        for mark in _banded(columns, column, shown, color)
    )


def _banded(columns: Collection[str], name: str, label: str, color: int) -> tuple[Mark, ...]:
    marks = [
        Mark(MarkKind.BAND, (f"{name}_lower", f"{name}_upper"), label, color),
        Mark(MarkKind.LINE, (name,), label, color),
    ]
    if f"true_{name}" in columns:
        marks.append(Mark(MarkKind.LINE, (f"true_{name}",), "truth", color, true=True))
    return tuple(marks)


def _dots(columns: Collection[str], name: str, color: int | None) -> tuple[Mark, ...]:
    return (Mark(MarkKind.DOTS, (name,), "observed", color),) if name in columns else ()


def _numbered(columns: Collection[str], name: str, label: str, first: int = 1) -> list[tuple[str, str]]:
    """The columns NAME_1, NAME_2, ... that are there, with what to call each; `first` is the number of the first."""
    found = [column for index in range(1, _LINES + 1) if (column := f"{name}_{index}") in columns]
    if "{}" in label:
        return [(column, label.format(index)) for index, column in enumerate(found, first)]
    return [(column, label if len(found) == 1 else f"{label} {index}") for index, column in enumerate(found, first)]
