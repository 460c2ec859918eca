"""Long work in portions, or on a thread, so that the event loop comes to others meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")

# streams that are read, ordered and written without a pause
_PORTION = 128
# portions at a time: one is read, ordered or written while the other computes
_LANES = 2
# so many values, or bytes, are read or written on the event loop; more would hold it up for milliseconds
INLINE_VALUES = 16_384


async def beside(values: int, work: Callable[[], _R]) -> _R:
    """What `work` makes of so many values; of many on a thread that no filter runs on."""
    return work() if values <= INLINE_VALUES else await asyncio.to_thread(work)


async def in_portions(items: Sequence[_T], work: Callable[[Sequence[_T]], Awaitable[list[_R]]]) -> list[_R]:
    """What `work` makes of the items, in their order; the first failure ends it all, and is raised."""
    if len(items) <= _PORTION:
        return await work(items)
    results: dict[int, list[_R]] = {}
    starts = iter(range(0, len(items), _PORTION))

    async def lane() -> None:
        for start in starts:
            results[start] = await work(items[start : start + _PORTION])
            await asyncio.sleep(0)

    try:
        async with asyncio.TaskGroup() as lanes:
            for _ in range(_LANES):
                lanes.create_task(lane())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed
    return [result for start in sorted(results) for result in results[start]]
