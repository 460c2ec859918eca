"""What replayed streams are called on the server, and where those are that go on."""

import re
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from stream_filters_client.aio import AsyncStreamClient
from stream_filters_client.errors import BadInput, NoSuchStream, SequenceLost
from stream_filters_client.input.feeds import Feed
from stream_filters_client.input.stdin import Chunk
from stream_filters_client.protocol import administration, belief


@dataclass(frozen=True, slots=True)
class Names:
    """What a stream is called, None for a name of its own, and what is to be there of it before and after.

    keep: leave it on the server, as one that goes on always is. resume: go on where it is.
    skip_seen: without the rows that it has seen.
    """

    sequence_id: str | None = None
    keep: bool = False
    resume: bool = False
    skip_seen: bool = False

    @property
    def lasting(self) -> bool:
        """Whether the name is of use after the replay, or was before it."""
        return self.keep or self.sequence_id is not None

    def of(self, feed: Feed) -> str:
        """The name of a feed's stream: as asked for, else one that says what it is and that no other has."""
        if self.sequence_id is not None:
            return self.sequence_id
        label = re.sub(r"[^\w.-]+", "-", feed.label or feed.name).strip("-")
        return f"{label}-{uuid.uuid4().hex[:12]}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream is before its first row of a replay: its offset there, and the settings that it has."""

    offset: int
    config: Mapping[str, Any]


async def place(client: AsyncStreamClient, model: str, names: Names) -> Place | None:
    """Where the stream is that is to go on, None for one that begins. Raises NoSuchStream, and BadInput for a name
    that another stream has."""
    if names.sequence_id is None:
        return None
    try:
        result = await client.run(administration.look(model, names.sequence_id, ["state"]))
    except SequenceLost:
        if names.resume:
            raise NoSuchStream(
                f"{model} has no stream {names.sequence_id!r} to go on with; begin it without --resume"
            ) from None
        return None
    held = belief.read(result["state"][0])
    if not names.resume:
        raise BadInput(
            f"{model} has a stream {names.sequence_id!r} already, at offset {held.offset:,}; --resume goes on with it, "
            f"`stream-filters streams delete {model} {names.sequence_id}` ends it"
        )
    return Place(held.offset, held.config)


async def behind(chunks: AsyncIterator[Chunk], seen: int) -> AsyncIterator[Chunk]:
    """The chunks without their first `seen` rows."""
    async for chunk in chunks:
        rows = len(chunk.observations)
        if seen < rows:
            yield chunk if not seen else chunk.part(slice(seen, None))
        seen = max(seen - rows, 0)
