"""Progress as plain lines, for pipes and logs."""

import asyncio
import math
from collections.abc import Sequence

from rich.console import Console

from stream_filters_client.replays.groups import Group
from stream_filters_client.replays.replay import Status
from stream_filters_client.replays.retries import RetryCount
from stream_filters_client.scoring.score_lines import number, percent

_EVERY_SECONDS = 1.0


async def report_lines(groups: Sequence[Group], console: Console, retries: RetryCount) -> None:
    """A line a second for each group of streams that moves, until cancelled."""
    told = dict.fromkeys(range(len(groups)), 0)
    while True:
        await asyncio.sleep(_EVERY_SECONDS)
        for index, group in enumerate(groups):
            if Status.RUNNING in group.statuses and (count := group.count) > told[index]:
                told[index] = count
                # scoring takes long where there is much to score: not in the way of answers
                text = await asyncio.to_thread(line, group.snapshot())
                console.print(text, highlight=False, soft_wrap=True)
        if waiting := retries.news():
            console.print(waiting, highlight=False, soft_wrap=True)


def line(group: Group) -> str:
    """Where the streams of a group are, in one line."""
    length = "" if group.length is None else f"/{group.length:,}"
    parts = [f"{group.name}: {group.count:,}{length} observations"]
    if len(group.replays) > 1:
        parts.append(counted(group))
    parts.append(f"{group.observations_per_second:,.0f}/s")
    if speed := group.speed():
        parts.append(f"answers in {number(speed['latency_p50_ms'])} ms")
    scores = group.shown.scores(with_oracle=False)
    shown = f" of {group.shown.feed.name}" if len(group.replays) > 1 else ""
    if not math.isnan(scores.get("predictive_coverage", math.nan)):
        parts.append(f"{percent(scores['predictive_coverage'])}{shown} in their intervals")
    if not math.isnan(scores.get("log_score_mean", math.nan)):
        parts.append(f"log score {number(scores['log_score_mean'])}")
    return ", ".join(parts)


def counted(group: Group) -> str:
    """How many streams of a group are where: `500 streams, 498 done, 2 failed`."""
    statuses = {status: count for status, count in group.statuses.items() if status is not Status.RUNNING}
    return ", ".join(
        [f"{len(group.replays):,} streams", *(f"{count:,} {status}" for status, count in statuses.items())]
    )
