"""A real browser for the tests of pages: headless Chromium, what its pages complained of, and what they asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from playwright.async_api import Browser as Chromium
from playwright.async_api import ConsoleMessage, Page, Request, WebSocket, async_playwright

from tests.missing import missing
from tools import programs

# the browser itself has nothing to ask of anyone, nor can it: every name but the loopback's is unknown to it
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]


def chromium_path() -> str:
    """The installed Chromium."""
    return programs.chromium() or missing("a browser", "apt-get install chromium")


@dataclass
class Visit:
    """A page, and what was heard of it since before it was opened.

    complaints: its warnings, errors and uncaught exceptions. requests: the address of everything that it asked for,
    itself included, web sockets too.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._asked)
        self.page.on("websocket", self._dialled)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"warning", "error"}:
            self.complaints.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)

    def _dialled(self, socket: WebSocket) -> None:
        self.requests.append(socket.url)


@dataclass(frozen=True)
class Browser:
    """Opens pages, each in a profile of its own."""

    chromium: Chromium

    async def open(
        self, url: str, *, width: int = 1280, height: int = 800, scheme: Literal["light", "dark"] = "light"
    ) -> Visit:
        """The page at `url` once it has loaded, in a window of that many CSS pixels. Raises playwright's errors."""
        context = await self.chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
        )
        visit = Visit(await context.new_page())
        await visit.page.goto(url)
        return visit


@asynccontextmanager
async def started() -> AsyncIterator[Browser]:
    """A browser of one's own, closed with all its pages at the end."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=chromium_path(), args=_ARGUMENTS)
        try:
            yield Browser(chromium)
        finally:
            await chromium.close()
