"""Panels as SVG for a page, and as one PNG. The same panels give the same bytes."""

import html
import io
import itertools
import re
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stream_filters_client.palette import HUES
from stream_filters_client.report.content import Content
from stream_filters_client.report.panels import Band, Bars, Dots, Layer, Line, Marks, Panel, Stack, Strip

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# inches at 72 points; small enough that its letters can be read on a phone
_SIZE = (5.6, 2.9)
_PNG_DPI = 130
# so few can be larger
_FEW_DOTS = 200
# the keys are literal types of matplotlib's own
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "stream-filters",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.edgecolor": HUES["muted"].light,
    "axes.labelcolor": HUES["muted"].light,
    "axes.titlecolor": HUES["ink"].light,
    "axes.titlesize": 10.0,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": HUES["grid"].light,
    "grid.linewidth": 0.6,
    "xtick.color": HUES["muted"].light,
    "ytick.color": HUES["muted"].light,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.labelcolor": HUES["ink"].light,
    "text.color": HUES["ink"].light,
    "text.parse_math": False,
    # rows were chosen before
    "path.simplify": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
_DECIMALS = re.compile(r"(\.\d\d)\d+")
_NOTHING = {"Date": None, "Creator": None, "Format": None, "Type": None}


def svg(panel: Panel, name: str) -> str:
    """The panel as an `svg` element whose colours are the page's: CSS variables by the names of the hues.

    name: begins every id in it, and is no other picture's of the page.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=_SIZE, layout="constrained")
        _draw(figure.add_subplot(), panel)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata=_NOTHING)
    return _as_element(file.getvalue(), panel, name)


def _as_element(text: str, panel: Panel, name: str) -> str:
    text = text[text.index("<svg") :].strip()
    # a style element would be one of the whole page
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r'\b(id="|url\(#|href="#)', rf"\g<1>{name}-", text)
    for hue, colour in HUES.items():
        text = text.replace(colour.light, f"var(--{hue})")
    # hundredths of a point cannot be seen
    text = re.sub(r'\b(d|x|y)="[^"]*"', lambda found: _DECIMALS.sub(r"\1", found[0]), text)
    # the page chooses the letters
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", text)
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)
    told = html.escape(panel.told)
    return re.sub(
        r'<svg [^>]*viewBox="([^"]+)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{told}">', text, count=1
    )


def png(content: Content) -> bytes:
    """All figures of the report in one picture: a column for each run, or two where there is one run."""
    headings = [f"{run.letter}: {run.name}" for run in content.runs] if len(content.runs) > 1 else []
    cells = _cells(content)
    width, height = _SIZE
    style = {**_STYLE, "figure.facecolor": HUES["paper"].light, "savefig.facecolor": HUES["paper"].light}
    with mpl.rc_context(style):
        figure = Figure(figsize=(2 * width, (height + 0.3) * len(cells) + 0.9), layout="constrained", dpi=_PNG_DPI)
        figure.suptitle("   ".join([content.title, *headings]), x=0.01, ha="left", fontsize=13, fontweight="bold")
        grid = figure.subplots(len(cells), 2, squeeze=False)
        for axes, cell in zip(grid.flat, itertools.chain.from_iterable(cells), strict=True):
            if cell is None:
                axes.set_axis_off()
                continue
            name, panel = cell
            _draw(axes, panel)
            axes.set_title(f"{name}: {panel.title[:1].lower()}{panel.title[1:]}", loc="left", pad=20)
        file = io.BytesIO()
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


Cell = tuple[str, Panel] | None


def _cells(content: Content) -> list[list[Cell]]:
    """Two panels with their streams' names for each row of the picture."""
    rows: list[list[Cell]] = []
    for name, figures in (("all streams", content.figures), *((each.name, each.figures) for each in content.streams)):
        cells: list[Cell] = []
        for figure in figures:
            for run, panel in zip(content.runs, figure.panels, strict=True):
                cells.append(None if panel is None else (f"{run.letter} {name}".strip(), panel))
        cells += [None] * (len(cells) % 2)
        rows += [cells[index : index + 2] for index in range(0, len(cells), 2)]
    return rows


def _draw(axes: "Axes", panel: Panel) -> None:
    if panel.log_x:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(FuncFormatter(_between_decades))
    elif panel.dates:
        locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    else:
        axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(_number))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(_number))
    for layer in panel.layers:
        _add(axes, layer)
    if panel.x_limits is not None and panel.x_limits[0] < panel.x_limits[1]:
        axes.set_xlim(*panel.x_limits)
    elif not panel.log_x:
        axes.margins(x=0.01)
    if panel.focus is not None and panel.focus[0] < panel.focus[1]:
        axes.set_ylim(*panel.focus)
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=6, borderpad=0.1, handlelength=1.4, columnspacing=1.2
        )


def _number(value: float, _: int) -> str:
    return f"{value:,.10g}".replace("-", "\N{MINUS SIGN}")


def _between_decades(value: float, _: int) -> str:
    """Labels at 2 and 5 between the powers of ten."""
    return f"{value:g}" if round(value / 10 ** np.floor(np.log10(value))) in {2, 5} else ""


def _add(axes: "Axes", layer: Layer) -> None:
    colour = HUES[layer.hue].light if hasattr(layer, "hue") else ""
    match layer:
        case Line():
            style = (0, (4, 2)) if layer.dashed else "-"
            axes.plot(layer.x, layer.y, color=colour, linewidth=1.2, linestyle=style, label=layer.label)
        case Dots():
            known = np.isfinite(layer.y)
            # short lines under round caps: a fifth of the bytes of as many markers
            x, y = (np.repeat(each[known], 3).astype(np.float64) for each in (layer.x, layer.y))
            x[1::3] += 1e-5 * (x[-1] - x[0]) if x.size else 0.0
            x[2::3] = np.nan
            width = 2.2 if known.sum() > _FEW_DOTS else 3.6
            axes.plot(x, y, color=colour, linewidth=width, solid_capstyle="round", snap=False)
            axes.plot([], [], "o", color=colour, markersize=3, label=layer.label)
        case Band():
            axes.fill_between(
                layer.x, layer.lower, layer.upper, color=colour, alpha=0.22, linewidth=0, label=layer.label
            )
        case Bars():
            axes.stairs(layer.heights, layer.edges, fill=True, color=colour, alpha=0.55, label=layer.label)
        case Stack():
            hues = [HUES[hue].light for hue in layer.hues]
            axes.stackplot(layer.x, layer.shares, colors=hues, labels=layer.labels, linewidth=0, alpha=0.85)
        case Marks():
            upright = axes.get_xaxis_transform()
            axes.vlines(
                layer.x, layer.bottom, layer.top, color=colour, linewidth=1.2, transform=upright, label=layer.label
            )
        case Strip():
            upright = axes.get_xaxis_transform()
            hues = [HUES[hue].light for hue in layer.hues]
            stretches = list(zip(layer.begins.tolist(), (layer.ends - layer.begins).tolist(), strict=True))
            axes.broken_barh(
                stretches, (layer.bottom, layer.top - layer.bottom), color=hues, transform=upright, linewidth=0
            )
