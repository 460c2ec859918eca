"""What `online_ar_learning` makes of what others bring: gross errors, moves of level, near unit roots, horizons.

Noise of standard deviation 1 about a slope, with the default configuration; figures are means over streams, or the
worst of them where the name says so.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from stream_filters.filters.autoregression.config import Config
from stream_filters.filters.autoregression.filter import OnlineArLearning
from stream_filters.filters.base import Array, Batch, Floats

from benchmarks.accuracy.targets import Target

_ROWS = 1000
_KERNEL = OnlineArLearning(Config())
_FAULTS: Mapping[str, dict[int, float]] = {
    "one reading of 32767": {400: 32767.0},
    "one reading of 1e300": {400: 1e300},
    "ten rows of 500": dict.fromkeys(range(400, 410), 500.0),
    "-888 every 40 rows": dict.fromkeys(range(100, _ROWS, 40), -888.0),
    "32767 at row 25": {25: 32767.0},
}


def field_targets(*, quick: bool) -> Iterator[Target]:
    """Every target."""
    streams = 4 if quick else 24
    for title, fault in _FAULTS.items():
        worst = max(_lost(seed, fault) for seed in range(streams // 4))
        yield Target(f"{title}: nats a row lost afterwards, worst", worst, high=0.01)
    for count in (1, 4, 12):
        worst = max(_lost_to_marks(seed, count) for seed in range(streams // 4))
        yield Target(f"{count} marks before the stream: nats a row lost from row 200", worst, high=0.005)
    for move in (20.0, 200.0, 1e9):
        worst = max(_lost_to_a_move(seed, move) for seed in range(streams // 4))
        yield Target(f"level moved by {move:g}: nats a row lost from 330 rows on, worst", worst, high=0.03)
    width = 0.12 if quick else 0.02
    for slope in (0.0, 0.5, 0.9, 0.99, 0.998, 1.0):
        held = float(np.mean([_held(seed, slope) for seed in range(streams)]))
        yield Target(f"slope {slope:g}: coverage of the coefficient", held, 0.85 - width, 0.95 + width)
    for first in (30, 100, 300, 1000):
        yield from _far(first, 30 if quick else 200, quick)


def run(y: Floats) -> dict[str, Array]:
    """Log evidence, coefficients and the last state."""
    names = frozenset({"log_evidence", "coefficients"})
    step = _KERNEL.run(_KERNEL.initial_state(), Batch(y[:, None], np.ones(y.size)), names)
    return {**step.info, "state": step.state}


def _stream(seed: int, slope: float = 0.7, rows: int = _ROWS) -> Floats:
    noise = np.random.default_rng(seed).standard_normal(rows)
    y = np.zeros(rows)
    for t in range(1, rows):
        y[t] = slope * y[t - 1] + noise[t]
    return y


def _lost(seed: int, fault: Mapping[int, float]) -> float:
    clean = _stream(seed)
    y, bad = clean.copy(), np.array(sorted(fault))
    y[bad] = list(fault.values())
    near = np.unique(np.concatenate([bad + k for k in range(3)]))
    rows = np.setdiff1d(np.arange(max(int(bad[0]), 20), _ROWS), near)
    return float(np.mean((run(clean)["log_evidence"] - run(y)["log_evidence"])[rows]))


def _lost_to_marks(seed: int, count: int) -> float:
    y = 20.0 + _stream(seed)
    marked = run(np.concatenate([np.full(count, -8888.0), y]))["log_evidence"][count:]
    return float(np.mean((run(y)["log_evidence"] - marked)[200:]))


def _lost_to_a_move(seed: int, move: float) -> float:
    y = _stream(seed)
    moved = run(y + move * (np.arange(_ROWS) >= 70))["log_evidence"]
    return float(np.mean((run(y)["log_evidence"] - moved)[400:]))


def _held(seed: int, slope: float) -> float:
    band = run(50.0 + _stream(seed, slope))["coefficients"][200:, 0]
    return float(np.mean((band[:, 1] <= slope) & (slope <= band[:, 2])))


def _far(first: int, streams: int, quick: bool) -> Iterator[Target]:
    """RMSE at 1, 10 and 50 steps over that of the true parameters, and coverage."""
    steps = np.array([1, 10, 50])
    errors, best, held = [], [], []
    for seed in range(streams):
        y = _stream(1000 + seed, rows=first + 50)
        forecast = _KERNEL.forecast(run(y[:first])["state"], 50)
        ahead = y[first - 1 + steps]
        errors.append(ahead - forecast["forecast_mean"][steps - 1])
        best.append(ahead - 0.7**steps * y[first - 1])
        low, high = forecast["forecast_interval"][steps - 1].T
        held.append((low <= ahead) & (ahead <= high))
    ratios = np.sqrt(np.mean(np.square(errors), axis=0) / np.mean(np.square(best), axis=0))
    slack, width = (0.15, 0.1) if quick else (0.0, 0.0)
    for step, ratio, share in zip(steps, ratios, np.mean(held, axis=0), strict=True):
        limit = (1.3 if first == 30 else 1.1) + slack
        yield Target(f"{step} steps after {first} rows: RMSE / that of the true parameters", float(ratio), high=limit)
        yield Target(f"{step} steps after {first} rows: coverage", float(share), 0.85 - width, 0.95 + width)
