"""The dashboard as a whole: looks at the predictor, replays, serves the page, and ends in order."""

import asyncio
import threading
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from stream_filters_client.aio import AsyncStreamClient
from stream_filters_client.dashboard import replaying
from stream_filters_client.dashboard.hub import Hub, Watch
from stream_filters_client.dashboard.server import served
from stream_filters_client.dashboard.watching import FORECAST_STEPS
from stream_filters_client.input.feeds import Feed
from stream_filters_client.protocol.calls import Patience
from stream_filters_client.replays.interruption import stop_if_failed, stop_on_signals
from stream_filters_client.replays.pace import Pace

# a look that is not answered by then is tried again by the next one
_LOOK = Patience(timeout_seconds=5.0, retry_seconds=0.0)
# so many requests a second for each stream that is replayed, as far as its rate needs them
_REQUESTS_PER_SECOND = 10.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What the dashboard is to do.

    label: what to call the predictor. arguments: of its clients. watch: what to look for. replayed: what to replay,
    at `rate` observations a second. host, port: where the page is served. open: whether a browser is told.
    """

    label: str
    arguments: Mapping[str, Any]
    watch: Watch
    replayed: Sequence[Feed]
    rate: float
    host: str
    port: int
    open: bool


async def run(settings: Settings, tell: Callable[[str], None]) -> None:
    """Serve until interrupted. tell: is told where the page is. Raises BadInput."""
    stop = asyncio.Event()
    names = replaying.names(settings.replayed)
    async with (
        AsyncStreamClient(**settings.arguments, patience=_LOOK) as looking,
        AsyncStreamClient(**settings.arguments) as sending,
    ):
        stop_on_signals(stop, sending)
        hub = Hub(looking, settings.label, settings.watch)
        for name in names:
            hub.watch(name)
        with served(hub, settings.host, settings.port, names) as address:
            tell(f"the dashboard of {settings.label} is at {address}; Ctrl-C ends it")
            if settings.open:
                # a browser may keep its caller waiting until it is closed
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
            watching = asyncio.create_task(hub.run())
            replay = asyncio.create_task(_replay(settings, hub, sending, stop))
            for task in (watching, replay):
                task.add_done_callback(lambda done: stop_if_failed(done, stop))
            await stop.wait()
            await replay
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching


async def _replay(settings: Settings, hub: Hub, client: AsyncStreamClient, stop: asyncio.Event) -> None:
    if settings.replayed:
        batch = max(1, round(settings.rate / _REQUESTS_PER_SECOND))
        await replaying.replay(settings.replayed, client, Pace(batch, settings.rate, FORECAST_STEPS), hub, stop)
