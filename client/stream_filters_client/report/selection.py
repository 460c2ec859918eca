"""Which streams a report draws, and which of two runs belong together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stream_filters_client.errors import BadInput
from stream_filters_client.replays.runs import Run, StreamRun

# drawn one by one; of more, a page becomes heavy and nobody looks at them all
MOST_STREAMS = 6
CHOICE = "those that did not end well, and then those furthest from calibrated"


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A stream in each run, [R]; None where a run has no stream of this name."""

    name: str
    streams: Sequence[StreamRun | None]


def pairs(runs: Sequence[Run]) -> list[Pair]:
    """The streams of all runs by their names, in the order in which they first come."""
    by_name = [{stream.name: stream for stream in run.streams} for run in runs]
    names = dict.fromkeys(name for streams in by_name for name in streams)
    return [Pair(name, [streams.get(name) for streams in by_name]) for name in names]


def chosen(found: Sequence[Pair], wanted: Sequence[str]) -> list[Pair]:
    """The pairs to draw: those asked for by name; or all of a few; or, of many, those to worry about most.

    Those are streams that did not end well, and then the ones furthest from calibrated. Raises BadInput for a name
    that is not there.
    """
    if wanted:
        names = [pair.name for pair in found]
        for name in wanted:
            if name not in names:
                told = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
                raise BadInput(f"no run has a stream {name!r}; there are {told}")
        return [pair for pair in found if pair.name in wanted]
    if len(found) <= MOST_STREAMS:
        return list(found)
    worst = sorted(found, key=_worry, reverse=True)[:MOST_STREAMS]
    return [pair for pair in found if pair in worst]


def _worry(pair: Pair) -> tuple[bool, float]:
    streams = [stream for stream in pair.streams if stream is not None]
    return any(stream.status != "done" for stream in streams), max(_miscalibration(stream) for stream in streams)


def _miscalibration(stream: StreamRun) -> float:
    """Distance of the PIT to uniform, in units of its 5 % limit."""
    distance = stream.scores.get("calibration_distance", math.nan) / stream.scores.get("calibration_limit", math.nan)
    return 0.0 if math.isnan(distance) else distance
