"""A replay in one file: its summary and every row of its streams, for reports and whatever else comes after it."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from stream_filters_client.errors import BadInput
from stream_filters_client.json_values import plain
from stream_filters_client.protocol.codec import Array
from stream_filters_client.replays.replay import Replay
from stream_filters_client.replays.stamps import stamp_text

FORMAT = "stream-filters run"
VERSION = 1
_TIMED = ("latency_", "observations_per_second")


@dataclass(frozen=True, slots=True, eq=False)
class StreamRun:
    """One stream of a run, as far as its rows were kept; what is undefined is NaN.

    first: offset of the first row kept. observations: [T] or [T, D]. time_deltas: [T] or None.
    stamps: [T], datetime64 or numbers, or None.
    outputs and truth: [T, ...] each. latencies_seconds: of each request. count: observations in all.
    """

    name: str
    model: str
    config: Mapping[str, Any]
    status: str
    error: str | None
    count: int
    requests: int
    replayed: int
    first: int
    observations: Array
    time_deltas: Array | None
    stamps: Array | None
    outputs: Mapping[str, Array]
    truth: Mapping[str, Array]
    scores: Mapping[str, float]
    latencies_seconds: Array

    @property
    def level(self) -> float:
        """The probability inside the stream's intervals and bands."""
        return float(self.config.get("interval", 0.9))


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A whole replay. started: as ISO 8601. summary: the document that `replay --json` prints."""

    path: Path
    client_version: str
    started: str
    time_unit: str | None
    summary: Mapping[str, Any]
    streams: Sequence[StreamRun] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a replay does not know of itself. time_unit: of its `time_deltas`, None if nobody said."""

    started: datetime
    time_unit: str | None = None


def write(path: Path, summary: Mapping[str, Any], replays: Sequence[Replay], circumstances: Circumstances) -> None:
    """Write the run: `summary` as `replay --json` prints it, and every row kept of each stream.

    The same answers give the same bytes but for `measured`, and the scores of time in `streams`. Raises BadInput when
    it cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8") as file:
            _write(file, summary, replays, circumstances)
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror}); name another file") from error


def _write(file: TextIO, summary: Mapping[str, Any], replays: Sequence[Replay], circumstances: Circumstances) -> None:
    head = {
        "format": FORMAT,
        "version": VERSION,
        "client": {"version": metadata.version("stream-filters-client")},
        "time_unit": circumstances.time_unit,
        **summary,
    }
    measured = {
        "started": circumstances.started.isoformat(timespec="seconds"),
        "latencies_seconds": {replay.feed.name: list(replay.latencies) for replay in replays},
    }
    # a line for each stream, so that not all of them are text at the same time
    file.write(json.dumps(head)[:-1] + ', "series": {')
    for index, replay in enumerate(replays):
        file.write("," * bool(index) + f"\n{json.dumps(replay.feed.name)}: {json.dumps(_series(replay, summary))}")
    file.write(f'}},\n"measured": {json.dumps(measured)}}}\n')


def _series(replay: Replay, summary: Mapping[str, Any]) -> dict[str, Any]:
    recording, feed = replay.recording, replay.feed
    part = slice(recording.first, recording.count)
    outputs = {name: recording.output(name) for name in recording.names()}
    deltas, stamps = recording.time_deltas(), recording.stamps()
    told = summary["streams"].get(feed.name)
    # running an oracle takes longer than the stream itself: only what was told of one stream has scores beside it
    scores = told["scores"] if told else replay.scores(summary["settings"]["burn_in"], with_oracle=False)
    return {
        "model": feed.model,
        "config": dict(feed.config),
        "status": str(replay.status),
        "error": None if replay.error is None else str(replay.error),
        "count": recording.count,
        "requests": replay.requests,
        "replayed": replay.replayed,
        "scores": {name: plain(value) for name, value in scores.items() if not name.startswith(_TIMED)},
        "first": recording.first,
        "observations": plain(recording.observations()),
        "time_deltas": None if deltas is None else plain(deltas),
        "stamps": None if stamps is None else _stamp_texts(stamps),
        "outputs": {name: plain(values) for name, values in outputs.items() if values is not None},
        "truth": {name: plain(values[part]) for name, values in feed.truth.items()},
    }


def read(path: Path) -> Run:
    """The run in a file. Raises BadInput, whose sentence says what the file is instead."""
    found = _parsed(path)
    if "format" not in found and "streams" in found and "settings" in found:
        raise BadInput(
            f"{path} is a summary without the rows of its streams; replay with --save FILE instead of --json"
        )
    if found.get("format") != FORMAT:
        raise BadInput(f"{path} holds no run; name a file that `stream-filters replay --save FILE` wrote")
    if found.get("version") != VERSION:
        raise BadInput(
            f"{path} has version {found.get('version')!r}, this release reads version {VERSION}; "
            "upgrade stream-filters-client, or replay again"
        )
    if not found.get("series"):
        raise BadInput(f"{path} has no streams; replay again with --save FILE")
    try:
        return _run(path, found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"{path} is no whole run ({_told(error)}); replay again with --save FILE") from error


def _parsed(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); name another file") from error
    except ValueError as error:
        raise BadInput(
            f"{path} is not JSON, or was cut off; name a file that `stream-filters replay --save FILE` wrote"
        ) from error
    return found if isinstance(found, dict) else {}


def _told(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _run(path: Path, found: dict[str, Any]) -> Run:
    series, measured = found.pop("series"), found.pop("measured")
    latencies = measured["latencies_seconds"]
    return Run(
        path=path,
        client_version=found["client"]["version"],
        started=measured["started"],
        time_unit=found["time_unit"],
        summary={name: found[name] for name in ("server", "settings", "streams", "expectations")}
        | {"rankings": found.get("rankings", {})},
        streams=tuple(_stream(name, fields, latencies[name]) for name, fields in series.items()),
    )


def _stream(name: str, fields: dict[str, Any], latencies_seconds: list[float]) -> StreamRun:
    observations = _array(fields["observations"])
    rows = len(observations)
    return StreamRun(
        name=name,
        model=str(fields["model"]),
        config=dict(fields["config"]),
        status=str(fields["status"]),
        error=fields["error"],
        count=int(fields["count"]),
        requests=int(fields["requests"]),
        replayed=int(fields["replayed"]),
        first=int(fields["first"]),
        observations=observations,
        time_deltas=None if fields["time_deltas"] is None else _rows("time_deltas", fields["time_deltas"], rows),
        stamps=_stamps(fields.get("stamps"), rows),
        outputs={output: _rows(output, values, rows) for output, values in fields["outputs"].items()},
        truth={quantity: _rows(quantity, values, rows) for quantity, values in fields["truth"].items()},
        scores={score: math.nan if value is None else float(value) for score, value in fields["scores"].items()},
        latencies_seconds=_array(latencies_seconds),
    )


def _stamp_texts(stamps: Array) -> list[Any]:
    return [stamp_text(stamp) for stamp in stamps] if stamps.dtype.kind == "M" else plain(stamps)


def _stamps(values: list[Any] | None, rows: int) -> Array | None:
    if values is None or not values or not isinstance(values[0], str):
        return None if values is None else _rows("stamps", values, rows)
    if len(values) != rows:
        raise ValueError(f"stamps has {len(values)} rows, the observations have {rows}")
    return np.array(values, dtype="datetime64[us]")


def _rows(name: str, values: list[Any], rows: int) -> Array:
    array = _array(values)
    if len(array) != rows:
        raise ValueError(f"{name} has {len(array)} rows, the observations have {rows}")
    return array


def _array(values: list[Any]) -> Array:
    # null becomes NaN
    return np.array(values, dtype=np.float64)
