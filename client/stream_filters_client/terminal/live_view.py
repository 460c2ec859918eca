"""The live view: streams and what filters make of them, while it happens."""

import asyncio
import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console, ConsoleOptions, RenderResult
from rich.layout import Layout
from rich.live import Live
from rich.text import Text

from stream_filters_client.errors import BadInput
from stream_filters_client.replays.groups import Group
from stream_filters_client.replays.retries import RetryCount
from stream_filters_client.terminal.live_panels import PanelScores, StreamPanel, columns_for

_FRAME_SECONDS = 0.125
_SCORES_SECONDS = 1.0
_SCREENSHOT_SIZE = (110, 36)


class LiveView:
    """All groups of streams of a replay on one screen; `look` at them, then draw what was seen, in any thread."""

    def __init__(self, groups: Sequence[Group], title: str, retries: RetryCount) -> None:
        self._groups = groups
        self._title = title
        self._retries = retries
        self._seen: list[Group] = []
        self._scores: list[PanelScores] = []
        self._scored_seconds = 0.0
        self._trouble = ""
        self.over = False
        self.look()

    def look(self) -> None:
        """See how the streams are now."""
        self._seen = [group.snapshot() for group in self._groups]
        self._trouble = self._retries.news() or self._trouble

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Fill the screen, whatever its size is now."""
        height = options.height or console.height
        layout = Layout()
        layout.split_column(Layout(self._header(), size=1), Layout(name="streams"))
        abreast = columns_for(self._seen, options.max_width, height)
        panels = [StreamPanel(*pair) for pair in zip(self._seen, self._current_scores(), strict=True)]
        rows = [Layout() for _ in range(0, len(panels), abreast)]
        for index, row in enumerate(rows):
            row.split_row(*(Layout(panel) for panel in panels[index * abreast : (index + 1) * abreast]))
        layout["streams"].split_column(*rows)
        yield from console.render(layout, options.update(height=height))

    def _header(self) -> Text:
        hint = "" if self.over else "  Ctrl-C ends the streams"
        header = Text.assemble((self._title, "bold"), hint, no_wrap=True, overflow="ellipsis")
        return header.append(f"  {self._trouble}", style="red") if self._trouble else header

    def _current_scores(self) -> list[PanelScores]:
        """Scores so far; they cost more than a frame, and change less."""
        now = time.perf_counter()
        if not self._scores or now - self._scored_seconds > _SCORES_SECONDS:
            self._scores = [PanelScores.of(group) for group in self._seen]
            self._scored_seconds = now
        return self._scores


async def watch(view: LiveView, console: Console) -> None:
    """Draw until cancelled, on a screen of its own that gives the terminal back as it was."""
    with Live(view, console=console, screen=True, auto_refresh=False) as live:
        try:
            while True:
                begun = time.perf_counter()
                view.look()
                await _in_thread(live.refresh)
                # half of the time is left to the streams; the first frame takes long, as it has to load what draws
                await asyncio.sleep(min(max(_FRAME_SECONDS, time.perf_counter() - begun), 4 * _FRAME_SECONDS))
        finally:
            # some terminals that were resized keep what is on this screen
            console.clear()


def leave(view: LiveView, console: Console) -> None:
    """Draw what was last seen where it stays, above what follows."""
    view.over = True
    console.print(view, height=min(console.height, _SCREENSHOT_SIZE[1]))


async def _in_thread(draw: Callable[[], None]) -> None:
    """Draw beside the event loop, so that no answer waits for it; what was begun is drawn to its end."""
    drawing = asyncio.ensure_future(asyncio.to_thread(draw))
    try:
        await asyncio.shield(drawing)
    except asyncio.CancelledError:
        await drawing
        raise


def save_screenshot(view: LiveView, path: Path) -> None:
    """Write the view as it is now as an SVG file. Raises BadInput."""
    columns, rows = _SCREENSHOT_SIZE
    console = Console(
        record=True, width=columns, height=rows, force_terminal=True, color_system="truecolor", file=io.StringIO()
    )
    console.print(view, height=rows)
    try:
        console.save_svg(str(path), title="stream-filters replay")
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror}); name another file") from error
