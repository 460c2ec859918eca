"""Charts as Bokeh figures. Colours are of middle brightness, so that light and dark pages both show them."""

from collections.abc import Sequence
from typing import Any

from bokeh.models import ColumnDataSource, CrosshairTool, HoverTool, Legend, LegendItem, Range1d, Span
from bokeh.plotting import figure

from stream_filters_client.dashboard.charts import Chart, Mark, MarkKind

PALETTE = ("#3b82f6", "#ef7d31", "#17a673", "#b565d8", "#cf9d16", "#e24a7f")
OBSERVED = "#8793a6"
TRUTH = "#e24a7f"
_TEXT = "#7d8899"
_FONT = "system-ui, sans-serif"
_MAIN_HEIGHT, _HEIGHT = 250, 170


def draw(chart: Chart, rows: ColumnDataSource, fan: ColumnDataSource, *, main: bool) -> Any:
    """The figure of a chart, over the sources of the stream's rows and of its forecasts."""
    shown = figure(
        title=chart.title,
        height=_MAIN_HEIGHT if main else _HEIGHT,
        min_width=200,
        sizing_mode="stretch_width",
        tools="xpan,xwheel_zoom,reset",
        active_drag=None,
        active_scroll=None,
        toolbar_location="right",
        toolbar_inner=True,
        y_range=Range1d(*(chart.limits or (0.0, 1.0))),
        output_backend="canvas",
    )
    shown.xaxis.ticker.desired_num_ticks = 6 if main else 4
    if main:
        shown.xaxis.axis_label = "observation"
    _quieten(shown)
    # so that the x axis has its ends where all values are unknown yet
    shown.scatter("observation", {"value": 0.0}, source=rows, size=1, alpha=0.0)
    drawn = [(mark, _mark(shown, mark, rows)) for mark in chart.marks]
    if chart.fan:
        _fan(shown, fan)
    if chart.threshold is not None:
        dashes = {"line_color": TRUTH, "line_dash": "dashed", "line_width": 1, "line_alpha": 0.8}
        shown.add_layout(Span(location=chart.threshold, dimension="width", **dashes))
    _legend(shown, drawn)
    _hover(shown, drawn)
    return shown


def _mark(shown: Any, mark: Mark, rows: ColumnDataSource) -> Any:
    color = OBSERVED if mark.color is None else PALETTE[mark.color % len(PALETTE)]
    filled = {"source": rows, "fill_color": color, "fill_alpha": 0.22, "level": "underlay"}
    if mark.kind is MarkKind.BAND:
        return shown.varea("observation", *mark.columns, **filled)
    if mark.kind is MarkKind.BARS:
        return shown.vbar("observation", "step", bottom=mark.columns[0], top=mark.columns[1], line_alpha=0.0, **filled)
    (column,) = mark.columns
    if mark.kind is MarkKind.DOTS:
        size, alpha = (9, 1.0) if mark.true else (4, 0.6)
        marker = "inverted_triangle" if mark.true else "circle"
        fill = TRUTH if mark.true else color
        return shown.scatter(
            "observation", column, source=rows, marker=marker, size=size, color=fill, alpha=alpha, line_alpha=0.0
        )
    if mark.kind is MarkKind.STEPS:
        return shown.step("observation", column, source=rows, color=color, line_width=1.6, mode="after")
    dash, color, width = ("dashed", TRUTH, 1.4) if mark.true else ("solid", color, 1.8)
    return shown.line("observation", column, source=rows, color=color, line_width=width, line_dash=dash)


def _fan(shown: Any, fan: ColumnDataSource) -> None:
    """The forecasts behind the last observation, of as many axes as there are."""
    axis = 1
    while f"forecast_{axis}" in fan.data:
        color = PALETTE[(axis - 1) % len(PALETTE)]
        ends = (f"forecast_{axis}_lower", f"forecast_{axis}_upper")
        shown.varea("observation", *ends, source=fan, fill_color=color, fill_alpha=0.12, level="underlay")
        dotted = {"line_dash": "dotted", "line_width": 1.5, "line_alpha": 0.8}
        shown.line("observation", f"forecast_{axis}", source=fan, color=color, **dotted)
        axis += 1


def _legend(shown: Any, drawn: Sequence[tuple[Mark, Any]]) -> None:
    """One entry for each label, above the plot; a chart of one line needs none."""
    entries: dict[str, list[Any]] = {}
    for mark, renderer in drawn:
        entries.setdefault(mark.label, []).append(renderer)
    if len(entries) < 2:
        return
    legend = Legend(items=[LegendItem(label=label, renderers=found) for label, found in entries.items()])
    legend.update(orientation="horizontal", background_fill_alpha=0.0, border_line_alpha=0.0, padding=0, margin=2)
    legend.update(label_text_color=_TEXT, label_text_font=_FONT, label_text_font_size="11px", spacing=12)
    legend.update(glyph_width=14, glyph_height=12, label_height=12, label_standoff=4, click_policy="hide")
    shown.add_layout(legend, "above")


def _hover(shown: Any, drawn: Sequence[tuple[Mark, Any]]) -> None:
    """The numbers of the row under the pointer."""
    lines = [(mark, renderer) for mark, renderer in drawn if mark.kind not in {MarkKind.BAND, MarkKind.BARS}]
    if not lines:
        return
    tips = [("observation", "@observation{0,0}")]
    tips += [(mark.label, f"@{{{column}}}{{0.0000}}") for mark, _ in lines for column in mark.columns]
    shown.add_tools(
        HoverTool(renderers=[lines[0][1]], tooltips=tips, mode="vline", point_policy="snap_to_data"),
        CrosshairTool(dimensions="height", line_color=_TEXT, line_alpha=0.5),
    )


def _quieten(shown: Any) -> None:
    """A transparent figure with thin grey lines, for pages of any colour."""
    shown.update(background_fill_alpha=0.0, border_fill_alpha=0.0, outline_line_alpha=0.0)
    shown.toolbar.update(logo=None, autohide=True)
    shown.title.update(text_color=_TEXT, text_font=_FONT, text_font_size="13px", text_font_style="bold")
    shown.x_range.update(range_padding=0.01)
    for axis in shown.axis:
        axis.update(axis_line_color=_TEXT, axis_line_alpha=0.4, major_tick_line_alpha=0.0, minor_tick_line_alpha=0.0)
        axis.update(major_label_text_color=_TEXT, major_label_text_font=_FONT, major_label_text_font_size="11px")
        axis.update(axis_label_text_color=_TEXT, axis_label_text_font=_FONT, axis_label_text_font_size="11px")
        axis.update(axis_label_text_font_style="normal", axis_label_standoff=2)
    shown.xaxis.formatter.update(use_scientific=False)
    for grid in shown.grid:
        grid.update(grid_line_color=_TEXT, grid_line_alpha=0.18)
