"""All pictures of a stream, or of all streams together, for each run on the same scales."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stream_filters_client.replays.runs import Run, StreamRun
from stream_filters_client.report.panels import Panel, together
from stream_filters_client.report.regime_panels import regime_panels
from stream_filters_client.report.selection import Pair
from stream_filters_client.report.statistic_panels import calibration_panels, latency_panel
from stream_filters_client.report.stream_panels import stream_panels
from stream_filters_client.report.timeline import timeline

# of a whole page, so that it stays small
_POINTS = 6_000
_MOST_POINTS = 1_000
_LEAST_POINTS = 400


@dataclass(frozen=True, slots=True)
class Figure:
    """One kind of picture, of each run; None where a run has none."""

    panels: Sequence[Panel | None]

    @property
    def title(self) -> str:
        """What all of them are called."""
        return next(panel.title for panel in self.panels if panel is not None)


def points_for(streams: int) -> int:
    """Points of one picture, when so many streams are drawn, those of each run counted."""
    return int(np.clip(_POINTS // max(streams, 1), _LEAST_POINTS, _MOST_POINTS))


def stream_figures(pair: Pair, runs: Sequence[Run], points: int) -> list[Figure]:
    """The pictures of one stream."""
    return _figures(
        [] if stream is None else list(_panels(stream, run, points))
        for stream, run in zip(pair.streams, runs, strict=True)
    )


def common_figures(runs: Sequence[Run]) -> list[Figure]:
    """The pictures of all streams together: how far their forecasts can be trusted, how long answers took."""
    return _figures(_statistics(run.streams) for run in runs)


def _panels(stream: StreamRun, run: Run, points: int) -> Iterator[Panel]:
    if len(stream.observations):
        time = timeline(stream, run, points)
        for panel in (*stream_panels(stream, time), *regime_panels(stream, time)):
            # what is drawn over dates shares no scale with what is drawn over numbers
            yield replace(panel, dates=True, key=f"{panel.key} by date") if time.dates else panel
    yield from _statistics([stream])


def _statistics(streams: Sequence[StreamRun]) -> list[Panel]:
    pit = [stream.outputs["pit"].ravel() for stream in streams if "pit" in stream.outputs]
    panels = (
        list(calibration_panels(np.concatenate(pit), "this stream" if len(streams) == 1 else "all streams"))
        if pit
        else []
    )
    latency = latency_panel(np.concatenate([stream.latencies_seconds for stream in streams]))
    return panels if latency is None else [*panels, latency]


def _figures(each: Iterable[list[Panel]]) -> list[Figure]:
    by_key = [{panel.key: panel for panel in panels} for panels in each]
    keys = dict.fromkeys(key for panels in by_key for key in panels)
    figures = []
    for key in keys:
        scaled = iter(together([panels[key] for panels in by_key if key in panels]))
        figures.append(Figure([next(scaled) if key in panels else None for panels in by_key]))
    return figures
