"""Streams that the dashboard replays itself: their observations and their truth are known, and shown."""

import asyncio
from collections.abc import Sequence

from stream_filters_client import estimates
from stream_filters_client.aio import AsyncStreamClient
from stream_filters_client.dashboard import columns, watching
from stream_filters_client.dashboard.alarms import Finding, Kind
from stream_filters_client.dashboard.hub import Hub
from stream_filters_client.dashboard.tracks import Name, Track, observed, with_errors
from stream_filters_client.input.feeds import Feed
from stream_filters_client.input.stdin import Chunk
from stream_filters_client.protocol.inspection import ModelInfo
from stream_filters_client.replays.pace import Pace
from stream_filters_client.replays.recording import Recording, wanted_outputs
from stream_filters_client.replays.replay import Replay, Status, run_all
from stream_filters_client.result import Result

_EVERY_SECONDS = 0.5
_TOLD = {Status.DONE: "the replay is over", Status.INTERRUPTED: "the replay was interrupted"}


class Follower:
    """Brings what a replay is answered to its track, and what the rules find in it to the hub."""

    def __init__(self, feed: Feed, model: ModelInfo, horizon: int | None, track: Track, hub: Hub) -> None:
        track.reading = estimates.read(model.described)
        outputs = wanted_outputs(model, horizon)
        # the track keeps what is shown; nothing is scored
        self.replay = Replay(feed, outputs, Recording(kept_rows=1), keepers=[self._answered])
        self._track = track
        self._hub = hub
        hub.own.add(Name(feed.model, self.replay.sequence_id))

    def _answered(self, chunk: Chunk, result: Result) -> None:
        track, level = self._track, self.replay.level
        first = track.count
        rows = observed(first, chunk.observations, self.replay.feed.truth) | columns.of_outputs(result, level)
        track.seen(first + len(chunk.observations))
        self._hub.tell(
            track.title,
            track.add(with_errors(rows, track.reading.followed), watching.fan_of(result, track.count), level),
        )

    def tell(self) -> None:
        """Show how the replay fares."""
        track, error = self._track, self.replay.error
        told = str(error) if error else _TOLD.get(self.replay.status, "")
        if error and track.told != told:
            self._hub.tell(track.title, [Finding(Kind.STREAM, told)])
        track.told = told
        track.seen(track.count)


def names(feeds: Sequence[Feed]) -> list[Name]:
    """What the replayed streams are called on the page."""
    return [Name("", feed.name) for feed in feeds]


async def replay(feeds: Sequence[Feed], client: AsyncStreamClient, pace: Pace, hub: Hub, stop: asyncio.Event) -> None:
    """Replay all feeds at once, once the predictor answers, and end their streams; ends early once `stop` is set."""
    await _either(hub.ready, stop)
    if stop.is_set():
        return
    models = {model.name: model for model in await client.models(dict.fromkeys(feed.model for feed in feeds))}
    followers = [
        Follower(feed, models[feed.model], pace.horizon, hub.tracks[name], hub)
        for feed, name in zip(feeds, names(feeds), strict=True)
    ]
    running = asyncio.ensure_future(run_all([follower.replay for follower in followers], client, pace, stop))
    while not running.done():
        await asyncio.wait({running}, timeout=_EVERY_SECONDS)
        for follower in followers:
            follower.tell()
    running.result()


async def _either(ready: asyncio.Event, stop: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in (ready, stop)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for one in waiting:
        one.cancel()
