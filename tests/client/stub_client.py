"""A client without a server, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Self, cast

import numpy as np
import pytest
from stream_filters_client.aio import AsyncStreamClient
from stream_filters_client.input.feeds import Feed
from stream_filters_client.input.stdin import Chunk
from stream_filters_client.replays import groups, replay
from stream_filters_client.replays.pace import Pace
from stream_filters_client.replays.replay import Replay
from stream_filters_client.result import Result

from tests.client.virtual_time import VirtualTimeLoop


class StubClient:
    """Answers each request of a stream after so many seconds, as `answer_seconds` says for its number."""

    def __init__(self, answer_seconds: Callable[[int], float]) -> None:
        self.answer_seconds = answer_seconds
        # by stream
        self.sent_seconds: list[list[float]] = []
        self.transports: set[str] = set()
        self.answered = 0
        self.at_once = self.most_at_once = 0
        self.ended = 0

    def stream(
        self, model: str, *, config: Mapping[str, Any], transport: str, offset: int | None, **_: Any
    ) -> "StubStream":
        assert model == "stub"
        assert (config, offset) == ({}, None)
        self.transports.add(transport)
        self.sent_seconds.append([])
        return StubStream(self, self.sent_seconds[-1])

    def replayed(
        self, monkeypatch: pytest.MonkeyPatch, streams: Sequence[Replay], pace: Pace, stop_seconds: float | None = None
    ) -> None:
        """Replay the streams in virtual time; told to stop after so many seconds."""

        async def run() -> None:
            loop = asyncio.get_running_loop()
            clock = SimpleNamespace(perf_counter=loop.time)
            for module in (replay, groups):
                monkeypatch.setattr(module, "time", clock)
            stop = asyncio.Event()
            if stop_seconds is not None:
                loop.call_later(stop_seconds, stop.set)
            await replay.run_all(streams, cast(AsyncStreamClient, self), pace, stop)

        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(run())


class StubStream:
    def __init__(self, client: StubClient, sent_seconds: list[float]) -> None:
        self._client = client
        self._sent_seconds = sent_seconds

    async def send(self, observations: Any, **_: Any) -> Result:
        client = self._client
        self._sent_seconds.append(asyncio.get_running_loop().time())
        client.at_once += 1
        client.most_at_once = max(client.most_at_once, client.at_once)
        try:
            await asyncio.sleep(client.answer_seconds(len(self._sent_seconds) - 1))
        finally:
            client.at_once -= 1
        client.answered += 1
        return Result({"predictive_mean": np.zeros(len(observations))})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._client.ended += 1


def streams(count: int, length: int, ready_seconds: Sequence[float] = ()) -> list[Replay]:
    """Streams of so many observations; ready_seconds: when the requests' rows arrive, for a source that is slow."""

    async def chunks(rows: int) -> AsyncIterator[Chunk]:
        loop = asyncio.get_running_loop()
        begin_seconds = loop.time()
        for number, start in enumerate(range(0, length, rows)):
            values = np.zeros(min(rows, length - start))
            if not ready_seconds:
                yield Chunk(values, None)
                continue
            moment_seconds = begin_seconds + ready_seconds[number]
            await asyncio.sleep(moment_seconds - loop.time())
            yield Chunk(values, None, moment_seconds)

    feeds = [Feed(str(number), "stub", "stub", chunks, None if ready_seconds else length) for number in range(count)]
    return [Replay(feed, ()) for feed in feeds]
