"""`streaming_kalman` on what others bring: units, gross errors, jumps, still targets, far forecasts, known scales."""

from collections.abc import Iterator

import numpy as np
from stream_filters.filters.base import Array, Batch, Floats
from stream_filters.filters.kalman.filter import StreamingKalman, StreamingKalmanConfig

from benchmarks.accuracy.targets import Target

_KALMAN = StreamingKalman(StreamingKalmanConfig())
_USUAL = frozenset({"log_evidence", "predictive_interval", "position_mean", "position_std"})
_UNITS = (1e-9, 1e-3, 600.0, 86_400.0, 1e9)
_ROWS = 600
_BAD = 250
_JUMP = 250


def track(seed: int, rows: int, agility: float, noise: float) -> tuple[Floats, Floats]:
    """Positions of a target whose velocity is a random walk, and observations of them."""
    rng = np.random.default_rng(seed)
    position = np.cumsum(np.cumsum(rng.normal(0.0, agility, rows)))
    return position, position + rng.normal(0.0, noise, rows)


def follow(observations: Floats, time_delta: float = 1.0, scales: Floats | None = None) -> dict[str, Array]:
    """The usual outputs, and the state after them."""
    rows = len(observations)
    deltas = np.full(rows, time_delta)
    batch = Batch(observations[:, None], deltas, np.ones(rows) if scales is None else scales)
    step = _KALMAN.run(_KALMAN.initial_state(), batch, _USUAL)
    return {**step.info, "state": step.state}


def field_targets(streams: int) -> Iterator[Target]:
    """Every kind, on so many streams."""
    yield from _time_units(streams)
    yield from _gross_errors()
    yield from _marks()
    yield from _jumps(streams)
    # short streams, and errors of a mean, which differ much from stream to stream
    yield from _far_forecasts(300)
    yield from _no_velocity(max(24, streams))
    yield from _known_scales(streams)


def _time_units(streams: int) -> Iterator[Target]:
    worst, covered = 0.0, []
    for seed in range(min(streams, 8)):
        position, seen = track(seed, 1000, 0.01, 1.0)
        plain = follow(seen)
        for unit in _UNITS:
            found = follow(seen, unit)
            change = np.abs(found["position_mean"] - plain["position_mean"]) / plain["position_std"]
            worst = max(worst, float(np.nanmax(change)))
            error = np.abs(found["position_mean"][200:, 0] - position[200:])
            covered.append(np.mean(error < 1.645 * found["position_std"][200:, 0]))
    yield Target("any unit of time: largest change, standard deviations", worst, high=1e-6)
    yield Target("any unit of time: coverage of the position", float(np.mean(covered)), 0.86, 0.94)


def _gross_errors() -> Iterator[Target]:
    """One seed of each fault: wide intervals of 600, and nats a row lost beside the clean stream."""
    clean = track(5, _ROWS, 0.05, 0.5)[1]
    whole = follow(clean)
    usual = np.nanmedian(np.ptp(whole["predictive_interval"][100:], axis=1))
    faults = {
        "32767 once": {_BAD: 32_767.0},
        "1e12 once": {_BAD: 1e12},
        "ten rows of 500": {_BAD + i: 500.0 for i in range(10)},
        "-888 every 40 rows": dict.fromkeys(range(100, _ROWS, 40), -888.0),
        "32767 at row 25": {25: 32_767.0},
    }
    for title, fault in faults.items():
        bad = np.array(list(fault))
        observations = clean.copy()
        observations[bad] = list(fault.values())
        found = follow(observations)
        after = np.setdiff1d(np.arange(bad[0] + 3, _ROWS), np.concatenate([bad, bad + 1, bad + 2]))
        wide = np.ptp(found["predictive_interval"][after], axis=1) > 3.0 * usual
        yield Target(f"{title}: intervals three times as wide, of 600", 600.0 * float(wide.mean()), high=20.0)
        later = after[after >= bad[0] + 10]
        lost = float(np.nanmean((whole["log_evidence"] - found["log_evidence"])[later]))
        yield Target(f"{title}: nats a row lost from the tenth row on", lost, high=0.1)


def _marks() -> Iterator[Target]:
    observations = 20.0 + track(6, _ROWS, 0.02, 0.5)[1]
    alone = follow(observations)["log_evidence"]
    for count in (1, 4, 12):
        found = follow(np.concatenate([np.full(count, -8888.0), observations]))["log_evidence"][count:]
        lost = float(np.nanmean((alone - found)[200:]))
        yield Target(f"{count} marks before the stream: nats a row lost from 200 on", lost, high=0.01)


def _jumps(streams: int) -> Iterator[Target]:
    """A level that moves, a velocity that changes: what is lost from the twentieth row after it on."""
    for title, kick, level in (
        ("velocity + 2 std a row", 1.0, 0.0),
        ("velocity + 10", 5.0, 0.0),
        ("level + 100", 0.0, 50.0),
    ):
        lost = []
        for seed in range(min(streams, 10)):
            rng = np.random.default_rng(seed)
            velocity = np.cumsum(rng.normal(0.0, 0.02, _ROWS))
            noise = rng.normal(0.0, 0.5, _ROWS)
            after = np.arange(_ROWS) >= _JUMP
            moved = follow(np.cumsum(velocity + kick * after) + level * after + noise)["log_evidence"]
            lost.append((follow(np.cumsum(velocity) + noise)["log_evidence"] - moved)[_JUMP + 20 :])
        yield Target(f"{title}: nats a row lost from the 20th row on", float(np.mean(lost)), high=0.05)


def _far_forecasts(streams: int) -> Iterator[Target]:
    for agility, noise in ((0.01, 1.0), (0.05, 0.5), (0.5, 0.5), (2.0, 0.5)):
        # after 20 rows a still target may yet move, and one that is agile by chance has not: wider, and narrower
        for rows, low, high in ((20, 0.78, 1.0), (100, 0.85, 0.95)):
            covered = []
            for seed in range(streams):
                observations = track(1000 + seed, rows + 50, agility, noise)[1]
                ends = _KALMAN.forecast(follow(observations[:rows])["state"], 50)["forecast_interval"][-1]
                covered.append(ends[0] <= observations[-1] <= ends[1])
            title = f"agility {agility:g}, noise {noise:g}: coverage 50 steps after {rows} rows"
            slack = 1.6 * np.sqrt(0.09 / streams)
            yield Target(title, float(np.mean(covered)), low - slack, high + slack)


def level_filter(observations: Floats, drift: float, scales: Floats) -> tuple[Floats, Floats]:
    """Levels and log densities of a local level model that is told its noise, 1 times the scales."""
    mean, variance = observations[0], 1.0
    levels, scores = np.empty(len(observations)), np.empty(len(observations))
    for t, (value, scale) in enumerate(zip(observations, scales, strict=True)):
        variance += drift**2
        spread = variance + scale**2
        scores[t] = -0.5 * (np.log(2 * np.pi * spread) + (value - mean) ** 2 / spread)
        mean += variance / spread * (value - mean)
        variance *= scale**2 / spread
        levels[t] = mean
    return levels, scores


def _no_velocity(streams: int) -> Iterator[Target]:
    for title, drift in (("stands", 0.0), ("wanders slowly", 0.1), ("wanders", 1.0)):
        ours, best = [], []
        for seed in range(streams):
            rng = np.random.default_rng(seed)
            level = np.cumsum(rng.normal(0.0, drift, 800))
            observations = level + rng.normal(size=800)
            ours.append((follow(observations)["position_mean"][200:, 0] - level[200:]) ** 2)
            best.append((level_filter(observations, drift, np.ones(800))[0] - level)[200:] ** 2)
        ratio = float(np.sqrt(np.mean(ours) / np.mean(best)))
        yield Target(f"a target that {title}: RMSE over that of its own filter", ratio, high=1.1)


def _known_scales(streams: int) -> Iterator[Target]:
    """Readings of very different accuracy, which is told: the gap to a filter that knows all else too."""
    gaps = []
    for seed in range(streams):
        rng = np.random.default_rng(seed)
        scales = np.exp(rng.normal(0.0, 1.0, 800))
        level = np.cumsum(rng.normal(0.0, 0.3, 800))
        observations = level + scales * rng.normal(size=800)
        oracle = level_filter(observations, 0.3, scales)[1]
        gaps.append((follow(observations, scales=scales)["log_evidence"] - oracle)[200:])
    yield Target("known scales: log evidence minus the oracle's", float(np.mean(gaps)), low=-0.015)
