"""One page in one browser tab: which streams it shows, and what of them. All pages share the hub."""

from collections.abc import Sequence
from pathlib import Path

from bokeh.core.templates import get_env
from bokeh.document import Document
from bokeh.models import CheckboxGroup, Column, TextInput

from stream_filters_client.dashboard import texts
from stream_filters_client.dashboard.card import Card, Words, style
from stream_filters_client.dashboard.hub import LISTED_STREAMS, Hub
from stream_filters_client.dashboard.tracks import Name

_EVERY_MILLISECONDS = 500
# more streams than these at once nobody can follow, nor find in a list without a search
SHOWN_STREAMS = 12
_CHOICES = 40
# so few streams are shown without being chosen
_OBVIOUS_STREAMS = 3


class Page:
    """Builds a document and keeps it up with the hub. first: streams that are shown from the start."""

    def __init__(self, hub: Hub, document: Document, first: Sequence[Name]) -> None:
        self._hub = hub
        self._document = document
        self._first = tuple(first)
        self._cards: dict[Name, Card] = {}
        self._choices: list[Name] = []
        self._greeted = False
        self._alarmed = -1
        self._status, self._note, self._alarms, self._empty = Words(), Words(), Words(), Words()
        self._search = TextInput(
            placeholder="search by name",
            sizing_mode="stretch_width",
            margin=(0, 0, 8, 0),
            stylesheets=[style("search")],
        )
        self._list = CheckboxGroup(sizing_mode="stretch_width", margin=0, stylesheets=[style("list")])
        self._main = Column(sizing_mode="stretch_width")
        self._search.on_change("value_input", self._searched)
        self._list.on_change("active", self._ticked)
        side = Column(self._search, self._list, self._note.layout, sizing_mode="stretch_width")
        for name, root in (
            ("status", self._status.layout),
            ("streams", side),
            ("cards", self._main),
            ("alarms", self._alarms.layout),
        ):
            root.name = name
            document.add_root(root)
        document.title = f"stream-filters {hub.label}"
        document.template = get_env().from_string((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))
        hub.page_opened()
        document.on_session_destroyed(lambda _: hub.page_closed(self._cards))
        for stream in self._first:
            self._show(stream)
        self.update()
        document.add_periodic_callback(self._tick, _EVERY_MILLISECONDS)

    def _tick(self) -> None:
        """Update in one message to the browser, which draws once then."""
        self._document.hold("combine")
        self.update()
        self._document.unhold()

    def update(self) -> None:
        """Show what is new."""
        self._greet()
        self._offer()
        self._status.say(texts.status(self._hub))
        if self._alarmed != self._hub.alarmed:
            self._alarmed = self._hub.alarmed
            self._alarms.say(texts.alarms(self._hub.alarms))
        for card in self._cards.values():
            card.update()
        if not self._cards:
            self._empty.say(texts.nothing_shown(self._hub))
        layouts = [card.layout for card in self._cards.values()] or [self._empty.layout]
        if self._main.children != layouts:
            self._main.children = layouts

    def _greet(self) -> None:
        """Where there are so few streams that there is nothing to choose, show them."""
        if self._greeted or not self._hub.listed:
            return
        self._greeted = True
        if not self._cards and len(self._hub.listed) <= _OBVIOUS_STREAMS:
            for name in self._hub.listed:
                self._show(name)

    def _offer(self) -> None:
        """List the streams shown, then others that fit the search, as many as can be looked over."""
        wanted = self._search.value_input.strip().lower()
        shown = list(self._cards)
        fitting = [
            name
            for name in (*self._first, *self._hub.listed)
            if name not in self._cards and wanted in str(name).lower()
        ]
        choices = [*shown, *fitting[: max(_CHOICES - len(shown), 0)]]
        active = list(range(len(shown)))
        if choices != self._choices:
            self._choices = choices
            self._list.update(labels=[str(name) for name in choices], active=active)
        full = len(self._hub.listed) >= LISTED_STREAMS
        self._note.say(texts.note(len(fitting), len(choices) - len(shown), full=full))

    def _searched(self, attr: str, old: str, new: str) -> None:
        """As Bokeh calls it."""
        del attr, old, new
        self._offer()

    def _ticked(self, attr: str, old: Sequence[int], new: Sequence[int]) -> None:
        """Show what is ticked, and nothing else."""
        del attr, old, new
        ticked = {self._choices[index] for index in self._list.active if index < len(self._choices)}
        for name in [name for name in self._cards if name not in ticked]:
            del self._cards[name]
            self._hub.unwatch(name)
        for name in [name for name in self._choices if name in ticked and name not in self._cards]:
            if len(self._cards) < SHOWN_STREAMS:
                self._show(name)
        self._offer()

    def _show(self, name: Name) -> None:
        self._cards[name] = Card(self._hub.watch(name))
