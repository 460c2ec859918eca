"""What a load took, as people of load tools expect it: a summary for them, a document for programs."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console

from stream_filters_client.bench.load import UNANSWERED, Load, Run
from stream_filters_client.bench.measurements import Notes, histogram, percentiles_ms
from stream_filters_client.bench.objective import Objective
from stream_filters_client.bench.rate_search import Trial
from stream_filters_client.protocol.inspection import ServerInfo

_BAR_COLUMNS = 40


def print_summary(load: Load, notes: Notes, console: Console) -> None:
    """Print counts, rates, latencies and codes."""
    for line in (*_counts(load, notes), *_latencies(notes), *_codes(notes)):
        console.print(line, highlight=False, soft_wrap=True)


def _counts(load: Load, notes: Notes) -> list[str]:
    latencies_ms = notes.latencies_ms
    schedule = (
        "closed loop: each stream sends when it has its answer"
        if load.rate is None
        else f"open loop: {load.rate:,.4g} requests a second are due, latency counts from there"
    )
    streams = "1 stream" if load.streams == 1 else f"{load.streams:,} streams"
    rows = "1 observation a request" if load.batch == 1 else f"{load.batch:,} observations a request"
    lines = [f"{load.model}, {streams}, {rows}, {load.transport}, seed {load.seed}", schedule, "", "Summary:"]
    figures = {
        "Count": f"{len(latencies_ms):,}",
        "Total": f"{notes.seconds:.2f} s",
        "Requests/s": f"{notes.requests_per_second:,.1f}",
        "Observations/s": f"{notes.observations_per_second:,.1f}",
    }
    if latencies_ms.size:
        figures |= {
            "Fastest": f"{latencies_ms.min():.2f} ms",
            "Slowest": f"{latencies_ms.max():.2f} ms",
            "Average": f"{latencies_ms.mean():.2f} ms",
        }
    return lines + [f"  {name + ':':<16} {value:>12}" for name, value in figures.items()]


def _latencies(notes: Notes) -> list[str]:
    latencies_ms = notes.latencies_ms
    if not latencies_ms.size:
        return []
    bars = histogram(latencies_ms)
    most = max(bar.count for bar in bars)
    lines = ["", "Latency histogram:"]
    lines += [
        f"  up to {bar.up_to_ms:>9.2f} ms [{bar.count:>7,}] {'∎' * round(_BAR_COLUMNS * bar.count / most)}".rstrip()
        for bar in bars
    ]
    lines += ["", "Latency distribution:"]
    return lines + [f"  {percent:>5g} % in {value:.2f} ms" for percent, value in percentiles_ms(latencies_ms).items()]


def _codes(notes: Notes) -> list[str]:
    if not notes.codes:
        return []
    lines = ["", "Status codes:"]
    lines += [f"  [{code}] {count:,} requests" for code, count in notes.codes.most_common()]
    if UNANSWERED in notes.codes:
        lines.append(f"  {UNANSWERED}: due, and without an answer when the time was over; they took at least so long")
    return lines


def trial_line(objective: Objective, trial: Trial) -> str:
    """One trial of a search, in one line."""
    reached = trial.notes.percentile_ms(objective.percent)
    failed = f", {trial.notes.failed:,} failed" if trial.notes.failed else ""
    return (
        f"{trial.rate:>10,.1f} requests/s due, {trial.notes.requests_per_second:>10,.1f} answered, "
        f"p{objective.percent:g} {reached:,.2f} ms{failed}: {'kept' if trial.met else 'missed'}"
    )


def progress_line(run: Run) -> str:
    """Where a load is, in one line."""
    notes = run.notes
    if not notes.latencies:
        return f"{run.load.model}: warming up"
    failed = f", {notes.failed:,} failed" if notes.failed else ""
    return (
        f"{run.load.model}: {len(notes.latencies):,} requests in {notes.seconds:.0f} s, "
        f"{notes.requests_per_second:,.1f}/s, p99 {notes.percentile_ms(99):.2f} ms{failed}"
    )


def verdict(objective: Objective, trials: Sequence[Trial]) -> str:
    """What a search found, in one sentence."""
    if (best := best_of(trials)) is not None:
        return f"{best.rate:,.1f} requests/s is the highest rate found that keeps {objective.text}"
    lowest = min((trial.rate for trial in trials), default=None)
    tried = "no rate was tried" if lowest is None else f"{lowest:,.1f} requests/s was the lowest tried"
    return f"no rate kept {objective.text}: {tried}; allow more time, or send fewer observations a request"


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The trial with the highest rate that kept the objective."""
    return max((trial for trial in trials if trial.met), key=lambda trial: trial.rate, default=None)


def document(target: str, server: ServerInfo, load: Load, notes: Notes) -> dict[str, Any]:
    """All of a load, for JSON: times in seconds or milliseconds, as their names say; what is unknown is null."""
    return {
        "target": target,
        "server": {"name": server.name, "version": server.version},
        "load": asdict(load),
        **_figures(notes),
    }


def with_trials(found: dict[str, Any], objective: Objective, trials: Sequence[Trial]) -> dict[str, Any]:
    """The document of a search: that of its best load, and every trial."""
    best = best_of(trials)
    tried = [
        {
            "rate": trial.rate,
            "requests_per_second": trial.notes.requests_per_second,
            "latency_ms": _known(trial.notes.percentile_ms(objective.percent)),
            "failed": trial.notes.failed,
            "met": trial.met,
        }
        for trial in trials
    ]
    highest = None if best is None else best.rate
    return {**found, "objective": objective.text, "highest_rate": highest, "trials": tried}


def _figures(notes: Notes) -> dict[str, Any]:
    latencies_ms = notes.latencies_ms
    told = percentiles_ms(latencies_ms)
    return {
        "count": len(latencies_ms),
        "seconds": notes.seconds,
        "requests_per_second": notes.requests_per_second,
        "observations_per_second": notes.observations_per_second,
        "fastest_ms": float(latencies_ms.min()) if latencies_ms.size else None,
        "slowest_ms": float(latencies_ms.max()) if latencies_ms.size else None,
        "mean_ms": float(latencies_ms.mean()) if latencies_ms.size else None,
        "latency_ms": {f"p{percent:g}": value for percent, value in told.items()},
        "histogram": [asdict(bar) for bar in histogram(latencies_ms)],
        "status_codes": dict(notes.codes),
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
