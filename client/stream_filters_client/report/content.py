"""What a report says: everything but how it looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stream_filters_client.replays.runs import Run, StreamRun
from stream_filters_client.report.comparison import Row, score_rows
from stream_filters_client.report.figures import Figure, common_figures, points_for, stream_figures
from stream_filters_client.report.selection import CHOICE, Pair, chosen, pairs
from stream_filters_client.report.spread import SpreadRow, spread_rows
from stream_filters_client.report.thinning import Thinning
from stream_filters_client.scoring import scores


@dataclass(frozen=True, slots=True)
class RunContent:
    """Where a run came from. letter: what it is called on the page. facts: name and value."""

    letter: str
    name: str
    facts: Sequence[tuple[str, str]]
    expectations: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class StreamContent:
    """One stream in every run."""

    name: str
    model: str
    states: Sequence[str]
    configs: Sequence[Mapping[str, Any]]
    rows: Sequence[Row]
    figures: Sequence[Figure]
    note: str


@dataclass(frozen=True, slots=True)
class Content:
    """Everything on the page.

    count: streams in all. reason: why those are drawn. spread and figures: of all together, when not all are drawn.
    """

    title: str
    runs: Sequence[RunContent]
    streams: Sequence[StreamContent]
    count: int
    reason: str
    spread: Sequence[SpreadRow]
    figures: Sequence[Figure]


def content(runs: Sequence[Run], title: str | None, wanted: Sequence[str]) -> Content:
    """The report of one or two runs; wanted: names of the streams to draw. Raises BadInput."""
    every = pairs(runs)
    drawn = chosen(every, wanted)
    bounded = len(drawn) < len(every)
    points = points_for(len(drawn) * len(runs))
    return Content(
        title=title or _title(runs, every),
        runs=[_run(letter, run, len(runs)) for letter, run in zip("AB", runs, strict=False)],
        streams=[_stream(pair, runs, points) for pair in drawn],
        count=len(every),
        reason="those asked for" if wanted else CHOICE,
        spread=spread_rows(runs) if bounded else (),
        figures=common_figures(runs) if bounded else (),
    )


def _title(runs: Sequence[Run], every: Sequence[Pair]) -> str:
    names = ", ".join(pair.name for pair in every) if len(every) <= 3 else f"{len(every):,} streams"
    return f"Replay of {names}" if len(runs) == 1 else f"Two replays of {names}"


def _run(letter: str, run: Run, count: int) -> RunContent:
    server, settings = run.summary["server"], run.summary["settings"]
    rate = "as fast as answers came" if settings["rate"] is None else f"{settings['rate']:g} observations a second"
    facts = [
        ("started", run.started.replace("T", " ").replace("+00:00", " UTC")),
        ("server", f"{server['name']} {server['version']} at {server['target']}"),
        ("client", f"stream-filters-client {run.client_version}"),
        ("seed", str(settings["seed"])),
        ("sent", f"{settings['batch']:,} observations a request, {rate}, {settings['transport']} transport"),
        ("scored", f"from observation {settings['burn_in']:,}"),
    ]
    facts += [(f"fit to {name}", ranking["told"]) for name, ranking in run.summary.get("rankings", {}).items()]
    return RunContent(letter if count > 1 else "", run.path.name, facts, run.summary["expectations"])


def _stream(pair: Pair, runs: Sequence[Run], points: int) -> StreamContent:
    known = [stream for stream in pair.streams if stream is not None]
    each = [{} if stream is None else all_scores(stream, run) for stream, run in zip(pair.streams, runs, strict=True)]
    comparable = _same_data(known, [run.summary["settings"]["burn_in"] for run in runs])
    thinned = Thinning(max(len(stream.observations) for stream in known), points).told
    apart = "" if comparable else "The runs saw different data: their scores stand side by side, and none is better."
    return StreamContent(
        name=pair.name,
        model=", ".join(dict.fromkeys(stream.model for stream in known)),
        states=[_state(stream) for stream in pair.streams],
        configs=[{} if stream is None else stream.config for stream in pair.streams],
        rows=score_rows(each, known[0].level, comparable=comparable),
        figures=stream_figures(pair, runs, points),
        note=" ".join(filter(None, [apart, thinned])),
    )


def _same_data(streams: Sequence[StreamRun], burn_ins: Sequence[int]) -> bool:
    """Whether scores of the streams are of the same rows."""
    first, *others = streams
    same = all(np.array_equal(first.observations, other.observations, equal_nan=True) for other in others)
    return same and len(set(burn_ins)) == 1


def _state(stream: StreamRun | None) -> str:
    if stream is None:
        return "not in this run"
    parts = [f"{stream.count:,} observations in {stream.requests:,} requests"]
    if stream.first:
        parts.append(f"rows from {stream.first:,} on were kept")
    if stream.replayed:
        parts.append(f"{stream.replayed:,} answers given again")
    if stream.status != "done":
        parts.append(stream.status + (f": {stream.error}" if stream.error else ""))
    return ", ".join(parts)


def all_scores(stream: StreamRun, run: Run) -> dict[str, float]:
    """The scores of a stream, those of time too."""
    measured = scores.latency(stream.latencies_seconds.tolist())
    timed = (
        {}
        if measured is None
        else {
            "latency_p50_ms": 1e3 * measured.p50_seconds,
            "latency_p99_ms": 1e3 * measured.p99_seconds,
        }
    )
    told = run.summary["streams"].get(stream.name, {}).get("scores", {}).get("observations_per_second")
    return {**stream.scores, **timed, **({} if told is None else {"observations_per_second": told})}
