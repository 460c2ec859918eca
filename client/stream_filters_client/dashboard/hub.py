"""What all pages share: one look at the predictor for all of them, and only while somebody watches."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stream_filters_client import estimates
from stream_filters_client.aio import AsyncStreamClient
from stream_filters_client.dashboard import watching
from stream_filters_client.dashboard.alarms import Alarm, Finding, Kind
from stream_filters_client.dashboard.tracks import Name, Track
from stream_filters_client.errors import InvalidRequest, StreamFiltersError
from stream_filters_client.protocol.inspection import ModelInfo

# names are asked for more rarely than beliefs, and no more of them than a list can be searched for
_LIST_SECONDS = 3.0
LISTED_STREAMS = 10_000
KEPT_ALARMS = 200
# a page that is loaded again finds its lines where they were
_KEEP_SECONDS = 30.0
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Watch:
    """What to look for. models: their names, None for those well known. every_seconds: from look to look.

    change_threshold: the probability of a change from which on it is an alarm.
    """

    models: tuple[str, ...] | None = None
    every_seconds: float = 0.5
    change_threshold: float = 0.5


class Hub:
    """The streams that the pages show, the names of all others, and the alarms.

    trouble: why the predictor cannot be asked, empty when it can. alarms: the newest last; alarmed: how many ever.
    ready: set once the predictor answered. own: streams that are not listed, for they are shown under other names.
    """

    def __init__(self, client: AsyncStreamClient, label: str, watch: Watch) -> None:
        self.label = label
        self.watch_for = watch
        self.trouble = ""
        self.models: tuple[ModelInfo, ...] = ()
        self.listed: tuple[Name, ...] = ()
        self.ready = asyncio.Event()
        self.own: set[Name] = set()
        self.tracks: dict[Name, Track] = {}
        self.alarms: deque[Alarm] = deque(maxlen=KEPT_ALARMS)
        self.alarmed = 0
        self._client = client
        self._watchers: Counter[Name] = Counter()
        self._pages = 0
        self._states: dict[Name, bytes] = {}
        self._left: dict[Name, float] = {}
        self._list_due = 0.0

    def page_opened(self) -> None:
        """Somebody watches from now on."""
        self._pages += 1

    def page_closed(self, watched: Iterable[Name]) -> None:
        """He does no more."""
        self._pages -= 1
        for name in watched:
            self.unwatch(name)

    def watch(self, name: Name) -> Track:
        """Look at a stream from now on, once for all who watch it."""
        self._watchers[name] += 1
        self._left.pop(name, None)
        return self.tracks.setdefault(name, Track(str(name), self.watch_for.change_threshold))

    def unwatch(self, name: Name) -> None:
        """One fewer watches it; what is known of it is kept for a moment."""
        self._watchers[name] -= 1
        if self._watchers[name] <= 0:
            del self._watchers[name]
            self._left[name] = time.monotonic()

    def tell(self, stream: str, findings: Iterable[Finding]) -> None:
        """Add findings to the alarms."""
        for finding in findings:
            self.alarms.append(Alarm(time.time(), stream, finding))
            self.alarmed += 1

    async def run(self) -> None:
        """Look, again and again, until cancelled; what fails is told in `trouble`, and tried again."""
        while True:
            if self._pages or not self.ready.is_set():
                await self._round()
            await asyncio.sleep(self.watch_for.every_seconds)

    async def _round(self) -> None:
        try:
            if self.trouble or not self.models:
                self.models = await self._client.models(self.watch_for.models)
                self._list_due = 0.0
            self.ready.set()
            self._forget()
            await self._list()
            await self._look()
        except StreamFiltersError as error:
            if not self.trouble:
                self.tell("", [Finding(Kind.SERVER, str(error))])
            self.trouble = str(error)
        else:
            if self.trouble:
                self.tell("", [Finding(Kind.SERVER, f"{self.label} answers again")])
            self.trouble = ""

    def _forget(self) -> None:
        now = time.monotonic()
        for name in [name for name, left in self._left.items() if now - left > _KEEP_SECONDS]:
            for known in (self.tracks, self._states, self._left):
                known.pop(name, None)

    async def _list(self) -> None:
        now = time.monotonic()
        if now < self._list_due:
            return
        pages = [
            (model.name, await self._client.run(watching.names(model.name, LISTED_STREAMS))) for model in self.models
        ]
        self.listed = tuple(
            name for model, names in pages for one in names if (name := Name(model, one)) not in self.own
        )
        self._list_due = now + _LIST_SECONDS

    async def _look(self) -> None:
        room = asyncio.Semaphore(_AT_ONCE)
        for model in self.models:
            watched = [name for name in self._watchers if name.model == model.name]
            if not watched:
                continue
            found = await self._client.run(watching.states(model.name, [name.sequence_id for name in watched]))
            await asyncio.gather(*(self._see(model, name, found, room) for name in watched))

    async def _see(
        self, model: ModelInfo, name: Name, found: Mapping[str, bytes | str], room: asyncio.Semaphore
    ) -> None:
        """Take what was found of a stream; look into it when it has moved."""
        state, track = found.get(name.sequence_id), self.tracks[name]
        track.reading = estimates.read(model.described)
        if not isinstance(state, bytes):
            self._gone(name, track, state)
            return
        if self._states.get(name) != state:
            try:
                async with room:
                    seen = await self._client.run(watching.view(model, state))
            except InvalidRequest as refusal:
                self._gone(name, track, str(refusal))
                return
            if name in self._states and (track.told or seen.offset <= track.count):
                track.restart()
                self.tell(track.title, [Finding(Kind.STREAM, "the stream began again")])
            self._states[name] = state
            self.tell(track.title, track.add(seen.row, seen.fan, seen.level))
            track.seen(seen.offset)
        else:
            track.seen(track.count)
        track.told = ""

    def _gone(self, name: Name, track: Track, sentence: str | None) -> None:
        """The stream is not there, or not to be read; it is told once."""
        told = sentence or "the stream is lost: it ended, expired, or went with the memory of the predictor"
        if track.told != told and (name in self._states or sentence):
            self.tell(track.title, [Finding(Kind.STREAM, told)])
        track.told = told
        if name in self._states:
            # whatever comes next is news, even a stream that begins again and gets as far
            self._states[name] = b""
