"""What `streaming_kalman` does with data that give it little to go by, and with very many."""

from collections.abc import Iterator

import numpy as np
from stream_filters.filters.base import Array, Batch, Floats
from stream_filters.filters.kalman.filter import StreamingKalman, StreamingKalmanConfig

from benchmarks.accuracy.targets import Target

_KALMAN = StreamingKalman(StreamingKalmanConfig())
_NAMES = frozenset(output.name for output in _KALMAN.outputs if not output.on_horizon)
_LOCATED = ("predictive_mean", "predictive_interval", "position_mean")
_SCALED = ("predictive_std", "position_std", "velocity_mean", "velocity_std", "observation_noise_std")


def _filter(observations: Floats, names: frozenset[str] = _NAMES, state: Array | None = None) -> dict[str, Array]:
    batch = Batch(observations[:, None], np.ones(len(observations)))
    step = _KALMAN.run(_KALMAN.initial_state() if state is None else state, batch, names)
    return {**step.info, "state": step.state}


def degenerate_targets(*, streams: int, rows: int) -> Iterator[Target]:
    """Target 5: finite on degenerate data, free of units, stable, small, and the same however it is cut."""
    yield Target("degenerate data: outputs that are not finite", float(sum(map(_not_finite, range(streams)))), high=0.0)
    yield Target("one far first value: sd of noise 1 after 100", _after_far_value(streams), 0.8, 1.25)
    yield Target("change of units: largest relative difference", max(map(_unit_error, range(streams))), high=1e-6)
    yield Target("only NaN: sd of the position, 1000 rows after over before", _growth_without_data(), low=10.0)
    yield Target("cut in two: streams with another state", float(sum(map(_cut_differs, range(streams)))), high=0.0)
    yield Target("size of a state, bytes", float(_KALMAN.state_dtype.itemsize), high=8192.0)
    yield Target(f"{rows:g} rows: position RMSE at the end over the start", _drift(rows), 0.9, 1.1)


def _not_finite(seed: int) -> int:
    rng = np.random.default_rng(seed)
    constant = np.full(200, rng.normal())
    quantised = np.concatenate([np.zeros(rng.integers(1, 100)), np.round(rng.normal(0.0, 2.0, 200))])
    far = np.concatenate([[10.0 ** rng.uniform(2, 8)], rng.normal(size=200)])
    names = _NAMES - {"state"}
    return sum(
        int((~np.isfinite(info[name][10:])).sum())
        for info in map(_filter, (constant, quantised, far))
        for name in names
    )


def _after_far_value(streams: int) -> float:
    """Median over streams of the noise's standard deviation, 100 rows after a first value of 1e6."""
    learnt = []
    for seed in range(streams):
        observations = np.random.default_rng(seed).normal(size=101)
        observations[0] = 1e6
        learnt.append(_filter(observations, frozenset({"observation_noise_std"}))["observation_noise_std"][-1, 0, 0])
    return float(np.median(learnt))


def _unit_error(seed: int) -> float:
    """Largest difference after y -> c y + d with |d| up to 1e6 standard deviations, over c and our deviation."""
    rng = np.random.default_rng(seed)
    observations = np.cumsum(rng.normal(size=300)) + rng.normal(size=300)
    factor = 10.0 ** rng.uniform(-6, 6)
    shift = factor * rng.uniform(-1e6, 1e6)
    plain, other = _filter(observations), _filter(factor * observations + shift)
    scale = np.nanmean(plain["predictive_std"])
    errors = [np.nanmax(np.abs((other[name] - shift) / factor - plain[name])) / scale for name in _LOCATED]
    errors += [np.nanmax(np.abs(other[name] / factor - plain[name])) / scale for name in _SCALED]
    return float(max(errors))


def _growth_without_data() -> float:
    observations = np.cumsum(np.random.default_rng(0).normal(size=1200))
    observations[200:] = np.nan
    spread = _filter(observations)["position_std"][:, 0]
    return float(spread[-1] / spread[199]) if (np.diff(spread[200:]) > 0.0).all() else 0.0


def _cut_differs(seed: int) -> bool:
    rng = np.random.default_rng(seed)
    observations = np.cumsum(rng.normal(size=200))
    cut = int(rng.integers(1, 200))
    first = _filter(observations[:cut])
    whole, rest = _filter(observations), _filter(observations[cut:], state=first["state"])
    same = whole["state"].tobytes() == rest["state"].tobytes()
    return not (same and all(whole[name][cut:].tobytes() == rest[name].tobytes() for name in _NAMES))


def _drift(rows: int) -> float:
    """RMSE of a random walk's position over the last tenth of a long stream, over that of the second tenth."""
    rng = np.random.default_rng(0)
    part = rows // 10
    state, level, rmse = _KALMAN.initial_state(), 0.0, []
    for _ in range(10):
        position = level + np.cumsum(rng.normal(0.0, 0.3, part))
        info = _filter(position + rng.normal(size=part), frozenset({"position_mean"}), state)
        state, level = info["state"], float(position[-1])
        rmse.append(np.sqrt(np.mean((info["position_mean"][:, 0] - position) ** 2)))
    return float(rmse[-1] / rmse[1])
