"""What came of a replay, for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from stream_filters_client.json_values import plain
from stream_filters_client.protocol.inspection import ServerInfo
from stream_filters_client.replays.groups import Group
from stream_filters_client.scoring.expectations import Verdict
from stream_filters_client.scoring.ranking import Ranking
from stream_filters_client.scoring.score_lines import Scores


@dataclass(frozen=True, slots=True)
class Settings:
    """How a replay was asked for."""

    seed: int
    streams: int
    length: int | None
    batch: int
    rate: float | None
    transport: str
    horizon: int | None
    burn_in: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything there is to tell at the end; scores: group -> score -> value; rankings: by data."""

    target: str
    server: ServerInfo
    settings: Settings
    groups: Sequence[Group]
    scores: Mapping[str, Scores]
    verdicts: Sequence[Verdict] = ()
    rankings: Mapping[str, Ranking] = field(default_factory=dict)


def document(summary: Summary) -> dict[str, Any]:
    """The summary as plain values for JSON; what is undefined is null."""
    return {
        "server": {"target": summary.target, "name": summary.server.name, "version": summary.server.version},
        "settings": asdict(summary.settings),
        "streams": {group.name: _told(group, summary.scores[group.name]) for group in summary.groups},
        "rankings": {name: {**asdict(ranking), "told": ranking.told} for name, ranking in summary.rankings.items()},
        "expectations": [
            {
                "text": verdict.expectation.text,
                "stream": verdict.stream,
                "value": plain(verdict.value),
                "met": verdict.met,
            }
            for verdict in summary.verdicts
        ],
    }


def _told(group: Group, scores: Scores) -> dict[str, Any]:
    return {
        "model": group.shown.feed.model,
        "config": dict(group.shown.feed.config),
        "streams": len(group.replays),
        "status": str(group.status),
        "statuses": {str(status): count for status, count in group.statuses.items()},
        "error": next(iter(group.errors), None),
        # a fresh name says nothing, and would be another every time
        "sequence_id": group.shown.sequence_id if group.shown.names.lasting else None,
        "time": None if (steps := group.shown.feed.source.steps) is None else asdict(steps),
        "notes": group.notes,
        "observations": group.count,
        "requests": group.requests,
        "replayed": group.replayed,
        "scores": {name: plain(value) for name, value in scores.items()},
    }
