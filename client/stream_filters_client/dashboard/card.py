"""The charts of one stream on one page, kept up with its track."""

from pathlib import Path
from typing import Any

from bokeh.models import Column, ColumnDataSource, InlineStyleSheet, Pane, Row
from bokeh.models.dom import HTML

from stream_filters_client.dashboard import figures, limits, texts
from stream_filters_client.dashboard.history import KEPT_ROWS
from stream_filters_client.dashboard.tracks import Track

_HERE = Path(__file__).parent


def style(name: str) -> InlineStyleSheet:
    """One of the style sheets beside this file."""
    return InlineStyleSheet(css=(_HERE / f"{name}.css").read_text(encoding="utf-8"))


class Words:
    """A place for texts in HTML; `layout` is what the page shows.

    New texts leave all charts beside it as they are, where a Div would have them all laid out anew.
    """

    def __init__(self) -> None:
        self._html = HTML(html="")
        self.layout = Pane(elements=[self._html], stylesheets=[style("parts")])

    def say(self, text: str) -> None:
        """Show this text, in which everything that came from elsewhere is escaped."""
        if text != self._html.html:
            self._html.html = text


class Card:
    """A stream's heading and charts: `layout` is what the page shows, `update` brings what is new."""

    def __init__(self, track: Track) -> None:
        self._track = track
        self._heading = Words()
        self.layout = Column(
            children=[self._heading.layout], sizing_mode="stretch_width", stylesheets=[style("card")], name="card"
        )
        self._generation = 0
        self._seen = 0
        self._charts = track.charts
        self._rows = ColumnDataSource()
        self._fan = ColumnDataSource()
        self._figures: list[Any] = []

    def update(self) -> None:
        """Show what came since the last time."""
        track = self._track
        self._heading.say(texts.heading(track))
        if self._generation != track.generation or self._charts != track.charts:
            self._begin()
        elif track.history.count > self._seen:
            new = track.history.since(self._seen)
            self._rows.stream({name: new[name] for name in self._rows.data}, rollover=KEPT_ROWS)
            self._fan.data = dict(track.fan)
        self._seen = track.history.count
        self._scale()

    def _begin(self) -> None:
        """Draw everything anew: the stream began, or there is more to show of it."""
        track = self._track
        self._generation, self._charts = track.generation, track.charts
        self._rows = ColumnDataSource(dict(track.history.since(0)), name=track.title)
        self._fan = ColumnDataSource(dict(track.fan))
        drawn = [
            figures.draw(chart, self._rows, self._fan, main=index == 0) for index, chart in enumerate(self._charts)
        ]
        self._figures = drawn
        rest = Row(children=drawn[1:], sizing_mode="stretch_width", stylesheets=[style("grid")])
        self.layout.children = [self._heading.layout, *drawn[:1], *([rest] if drawn[1:] else [])]

    def _scale(self) -> None:
        rows = self._track.history.since(0)
        for chart, figure in zip(self._charts, self._figures, strict=True):
            found = limits.limits(chart, rows)
            if found and limits.moved((figure.y_range.start, figure.y_range.end), found):
                figure.y_range.update(start=found[0], end=found[1])
