"""Progress as plain lines, for pipes and logs."""

import asyncio
import math
from collections.abc import Sequence

from rich.console import Console

from stream_filters_client.replay import Replay, Status
from stream_filters_client.retries import RetryCount
from stream_filters_client.summary import number, percent

_EVERY_SECONDS = 1.0


async def report_lines(replays: Sequence[Replay], console: Console, retries: RetryCount) -> None:
    """A line a second for each stream that moves, until cancelled."""
    told = dict.fromkeys(range(len(replays)), 0)
    while True:
        await asyncio.sleep(_EVERY_SECONDS)
        for index, replay in enumerate(replays):
            if replay.status is Status.RUNNING and replay.recording.count > told[index]:
                told[index] = replay.recording.count
                console.print(line(replay), highlight=False, soft_wrap=True)
        if waiting := retries.news():
            console.print(waiting, highlight=False, soft_wrap=True)


def line(replay: Replay) -> str:
    """Where a stream is, in one line."""
    length = "" if replay.feed.length is None else f"/{replay.feed.length:,}"
    scores = replay.scores(with_oracle=False)
    parts = [
        f"{replay.feed.name}: {replay.recording.count:,}{length} observations",
        f"{replay.observations_per_second:,.0f}/s",
    ]
    if "latency_p50_ms" in scores:
        parts.append(f"answers in {number(scores['latency_p50_ms'])} ms")
    if not math.isnan(scores.get("predictive_coverage", math.nan)):
        parts.append(f"{percent(scores['predictive_coverage'])} in their intervals")
    if not math.isnan(scores.get("log_score_mean", math.nan)):
        parts.append(f"log score {number(scores['log_score_mean'])}")
    return ", ".join(parts)
