"""Whether intervals can be trusted, and how long answers took: pictures without time, of one stream or of many."""

from collections.abc import Iterator

import numpy as np

from stream_filters_client.palette import ALARM, ESTIMATE
from stream_filters_client.protocol.codec import Array
from stream_filters_client.report.panels import Band, Bars, Dots, Layer, Line, Marks, Panel, span, wider
from stream_filters_client.report.statistics import binomial_region, coverage_by_level
from stream_filters_client.scoring.scores import latency

_BINS = 20
_FEW = 200
# of one bar, so that two runs have the same bars
_LATENCY_DECADES = 0.04


def calibration_panels(pit: Array, whose: str) -> Iterator[Panel]:
    """PIT histogram and coverage by level, from predictive CDFs of any shape; nothing if there are none.

    whose: what the legends say of them.
    """
    known = pit[np.isfinite(pit)]
    covered = coverage_by_level(known)
    if covered is None:
        return
    yield _histogram(known, whose)
    worst = int(np.argmax(np.abs(covered.shares - covered.levels)))
    told = (
        f"Share of observations inside central intervals of each level; furthest off at "
        f"{100 * covered.levels[worst]:g} %, where it is {100 * covered.shares[worst]:.1f} %"
    )
    percent = 100.0 * covered.levels
    off, lower, upper = (100.0 * each - percent for each in (covered.shares, covered.lower, covered.upper))
    layers: list[Layer] = [
        Band(percent, lower, upper, "muted", "95 % of calibrated streams"),
        Line(percent, np.zeros(percent.size), "muted", dashed=True),
        Line(percent, off, ESTIMATE),
        Dots(percent, off, ESTIMATE, whose),
    ]
    least, greatest = span(off, lower, upper) or (0.0, 0.0)
    focus = wider((min(least, -5.0), max(greatest, 5.0)))
    title = "Coverage by level"
    yield Panel("coverage", title, told, "level in %", "inside less level, % points", layers, focus, (5.0, 100.0))


def _histogram(known: Array, whose: str) -> Panel:
    bins = _BINS if known.size > _FEW else _BINS // 2
    counts, edges = np.histogram(known, bins=bins, range=(0.0, 1.0))
    density = bins * counts / known.size
    lower, upper = (bins * share for share in binomial_region(known.size, 1.0 / bins))
    layers: list[Layer] = [
        Bars(edges, density, ESTIMATE, whose),
        Band(np.array([0.0, 1.0]), np.full(2, lower), np.full(2, upper), "muted", "95 % of calibrated streams"),
        Line(np.array([0.0, 1.0]), np.ones(2), "muted", dashed=True),
    ]
    outside = int(np.sum((density < lower) | (density > upper)))
    told = f"Histogram of the probability integral transform of {known.size:,} observations: {outside} of {bins} bars "
    told += "leave the band that holds each bar of a calibrated stream in 95 of 100 cases"
    top = max(2.0, float(density.max()) * 1.05)
    title = "Probability integral transform"
    return Panel("pit", title, told, "predictive CDF at the observation", "density", layers, (0.0, top), (0.0, 1.0))


def _milliseconds(value: float) -> str:
    return f"{value:.3g} ms" if value < 1e3 else f"{value:,.0f} ms"


def latency_panel(seconds: Array) -> Panel | None:
    """Histogram of the times of answers, [N]; None if there were none."""
    measured = latency(seconds.tolist())
    if measured is None:
        return None
    milliseconds = 1e3 * seconds
    steps = np.log10(np.maximum(milliseconds, 1e-3)) / _LATENCY_DECADES
    edges = 10.0 ** (_LATENCY_DECADES * np.arange(np.floor(steps.min()), np.floor(steps.max()) + 2))
    counts, _ = np.histogram(milliseconds, bins=edges)
    parts = {"p50": measured.p50_seconds, "p90": measured.p90_seconds, "p99": measured.p99_seconds}
    marks = [
        Marks(
            np.array([1e3 * value]), ALARM if name == "p99" else "ink", f"{name} {_milliseconds(1e3 * value)}", top=top
        )
        for (name, value), top in zip(parts.items(), (0.6, 0.8, 1.0), strict=True)
    ]
    told = f"Histogram of the time of {seconds.size:,} answers: " + ", ".join(mark.label for mark in marks)
    shares = 100.0 * counts / seconds.size
    layers: list[Layer] = [Bars(edges, shares, ESTIMATE), *marks]
    focus = (0.0, 1.06 * float(shares.max()))
    title = "Time of answers"
    return Panel("latency", title, told, "ms", "answers in %", layers, focus, log_x=True)
