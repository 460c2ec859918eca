"""Which charts a stream gets, from the columns that it has. They are drawn in figures.py."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from stream_filters_client.dashboard.columns import BANDS

# more lines than these in one chart cannot be told apart
_LINES = 6


class Kind(StrEnum):
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

    kind: Kind
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


def charts(columns: Collection[str], change_threshold: float) -> tuple[Chart, ...]:
    """The main chart first, then what the filter has learnt; none as long as there are no columns."""
    found = [
        _main(columns),
        _error(columns),
        _velocity(columns),
        *_learnt(columns),
        *_regimes(columns, change_threshold),
    ]
    return tuple(chart for chart in found if chart is not None and chart.marks)


def _main(columns: Collection[str]) -> Chart | None:
    """What was observed, what is believed of it, and what is expected next."""
    if "regime" in columns:
        levels = [
            mark
            for color, (name, label) in enumerate(_numbered(columns, "level", "regime {} level", first=0))
            for mark in (
                *_dots(columns, f"observed_in_{color + 1}", color),
                Mark(Kind.BARS, (f"{name}_lower", f"{name}_upper"), label, color),
                Mark(Kind.LINE, (name,), label, color),
            )
        ]
        return Chart("Level by regime", tuple(levels), fan=True)
    name, title = ("position", "Filtered position") if "position_1" in columns else ("predictive", "Prediction")
    marks = [
        mark
        for color, (column, label) in enumerate(_numbered(columns, name, title.lower()))
        for mark in (*_dots(columns, f"observed_{color + 1}", None), *_banded(columns, column, label, color))
    ]
    return Chart(title, tuple(marks), fan=True) if marks else None


def _error(columns: Collection[str]) -> Chart:
    marks = [
        mark
        for color, (name, label) in enumerate(_numbered(columns, "position_error", "90 % band"))
        for mark in (
            Mark(Kind.BAND, (f"{name}_lower", f"{name}_upper"), label, color),
            Mark(Kind.DOTS, (name,), "truth less filtered", None),
        )
    ]
    return Chart("Position error", tuple(marks))


def _velocity(columns: Collection[str]) -> Chart:
    return Chart("Velocity", _estimated(columns, "velocity", "velocity"))


def _learnt(columns: Collection[str]) -> list[Chart]:
    titles = {name: name.replace("_", " ") for name in BANDS}
    return [Chart(title.capitalize(), _estimated(columns, name, title)) for name, title in titles.items()]


def _regimes(columns: Collection[str], change_threshold: float) -> list[Chart]:
    probabilities = _numbered(columns, "regime_probabilities", "regime {}", first=0)
    lines = tuple(Mark(Kind.LINE, (name,), label, color) for color, (name, label) in enumerate(probabilities))
    change = next((name for name in ("change_probability", "recent_change_probability") if name in columns), None)
    found = [Chart("Probability of each regime", lines, limits=(-0.03, 1.03))]
    if change is not None:
        label = "of a change at this observation" if change == "change_probability" else "of a change lately"
        marks = [Mark(Kind.STEPS, (change,), label)]
        if "true_change" in columns:
            marks.append(Mark(Kind.DOTS, ("true_change",), "true change", None, true=True))
        found.append(Chart("Probability of a change", tuple(marks), (-0.03, 1.08), threshold=change_threshold))
    return found


def _estimated(columns: Collection[str], name: str, label: str) -> tuple[Mark, ...]:
    """Bands of an estimate, and the truth where it is known."""
    return tuple(
        mark
        for color, (column, shown) in enumerate(_numbered(columns, name, label))
        for mark in _banded(columns, column, shown, color)
    )


def _banded(columns: Collection[str], name: str, label: str, color: int) -> tuple[Mark, ...]:
    marks = [Mark(Kind.BAND, (f"{name}_lower", f"{name}_upper"), label, color), Mark(Kind.LINE, (name,), label, color)]
    if f"true_{name}" in columns:
        marks.append(Mark(Kind.LINE, (f"true_{name}",), "truth", color, true=True))
    return tuple(marks)


def _dots(columns: Collection[str], name: str, color: int | None) -> tuple[Mark, ...]:
    return (Mark(Kind.DOTS, (name,), "observed", color),) if name in columns else ()


def _numbered(columns: Collection[str], name: str, label: str, first: int = 1) -> list[tuple[str, str]]:
    """The columns NAME_1, NAME_2, ... that are there, with what to call each; `first` is the number of the first."""
    found = [column for index in range(1, _LINES + 1) if (column := f"{name}_{index}") in columns]
    if "{}" in label:
        return [(column, label.format(index)) for index, column in enumerate(found, first)]
    return [(column, label if len(found) == 1 else f"{label} {index}") for index, column in enumerate(found, first)]
