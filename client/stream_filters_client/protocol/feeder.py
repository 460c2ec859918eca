"""Sends rows as they come, while another task reads the answers."""

import asyncio
from collections.abc import AsyncIterator, Callable

from stream_filters_client.protocol.pipeline import Pipeline
from stream_filters_client.protocol.sequence import Rows
from stream_filters_client.protocol.streaming_aio import AsyncStreamingCall


class Feeder:
    """A task that takes rows from `rows` and sends them, as long as there is room in the pipeline.

    open_line: a streaming call, or None where there is to be none: then requests wait in the pipeline to be recovered.
    writing: held while the pipeline or its line are not to change.
    """

    def __init__(
        self, pipeline: Pipeline, rows: AsyncIterator[Rows], open_line: Callable[[], AsyncStreamingCall | None]
    ) -> None:
        self._pipeline = pipeline
        self._rows = rows
        self._open_line = open_line
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self.line: AsyncStreamingCall | None = None
        self.writing = asyncio.Lock()
        self._task = asyncio.create_task(self._run())

    async def wait(self) -> bool:
        """Wait until a request is under way; False when there will be none any more."""
        self._room.set()
        while not self._pipeline.under_way and not self._task.done():
            self._changed.clear()
            await self._changed.wait()
        return self._pipeline.under_way > 0

    async def stop(self) -> None:
        """Take no more rows."""
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            async for rows in self._rows:
                while not self._has_room():
                    self._room.clear()
                    await self._room.wait()
                await self._send(rows)
        except Exception as failure:
            self._pipeline.failure = failure
        finally:
            asyncio.get_running_loop().call_soon(self._changed.set)

    def _has_room(self) -> bool:
        # without a line, requests are answered one by one
        return not (self._pipeline.under_way if self.line is None else self._pipeline.is_full)

    async def _send(self, rows: Rows) -> None:
        async with self.writing:
            if self.line is None and not self._pipeline.under_way:
                self.line = self._open_line()
            messages = self._pipeline.add(rows)
            self._changed.set()
            if self.line is not None:
                for message in messages:
                    await self.line.write(message)
