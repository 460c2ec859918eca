"""`adaptive_mixture` outside its own scenarios: kinds of streams that others bring, each beside a filter that knows."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from stream_filters.filters.base import Array, Batch, Floats
from stream_filters.filters.regimes.filter import AdaptiveMixture, AdaptiveMixtureConfig
from stream_filters_client.scenarios.adaptive_mixture import Regimes

from benchmarks.accuracy.targets import Target

_LENGTH = 1500
_SETTLED = slice(300, None)
_GAPS: dict[str, tuple[Regimes, dict[str, Any]]] = {
    "levels 0, 500, 503": (Regimes((0.0, 500.0, 503.0), (1.0,) * 3, switch=0.015), {}),
    "levels 0, 60, 63": (Regimes((0.0, 60.0, 63.0), (1.0,) * 3, switch=0.015), {}),
    "six regimes": (Regimes(tuple(5.0 * k for k in range(6)), (1.0,) * 6, switch=0.012), {"regimes": 6}),
    "eight regimes": (Regimes(tuple(7.0 * k for k in range(8)), (1.0,) * 8, switch=0.0115), {"regimes": 8}),
    "two regimes without memory": (Regimes((0.0, 6.0), (1.0, 1.0), switch=1.0), {}),
}


def field_targets(*, quick: bool) -> Iterator[Target]:
    """Every kind; with few streams the limits are as much wider as chance is."""
    streams = 3 if quick else 12
    wider = 2.0 if quick else 1.0
    for name, (regimes, config) in _GAPS.items():
        gaps = [_gap(regimes, config, seed) for seed in range(streams)]
        yield Target(f"{name}: log evidence minus the true chain's", float(np.mean(gaps)), wider * -0.03)
    for memory in (0.3, 0.6):
        found = [_alarms(_remembering(memory, seed)) for seed in range(streams)]
        yield Target(f"noise with memory {memory}: false alarms per 1000", float(np.mean(found)), high=wider * 5.0)
    found = [_alarms(_with_outliers(seed)) for seed in range(streams)]
    yield Target("5 % outliers of 8 std: false alarms per 1000", float(np.mean(found)), high=wider * 3.0)
    yield from _followed(streams, wider)
    yield from _faults(streams)


def _run(observations: Floats, *names: str, **config: object) -> dict[str, Array]:
    mixture = AdaptiveMixture(AdaptiveMixtureConfig.model_validate(config))
    batch = Batch(observations[:, None], np.ones(len(observations)))
    return dict(mixture.run(mixture.initial_state(), batch, frozenset(names)).info)


def _evidence(observations: Floats, **config: object) -> Floats:
    return np.asarray(_run(observations, "log_evidence", **config)["log_evidence"])


def _gap(regimes: Regimes, config: dict[str, Any], seed: int) -> float:
    stream = regimes.generate(seed, _LENGTH)
    if stream.oracle is None:
        raise ValueError("the scenario has no oracle")
    gap = _evidence(stream.observations, **config) - stream.oracle()["log_evidence"]
    return float(gap[_SETTLED].mean())


def _alarms(observations: Floats) -> float:
    announced = _run(observations, "regime")["regime"][100:]
    return 1000.0 * float(np.mean(np.diff(announced) != 0))


def _remembering(memory: float, seed: int) -> Floats:
    noise: Floats = np.random.default_rng(seed).standard_normal(_LENGTH)
    for t in range(1, _LENGTH):
        noise[t] += memory * noise[t - 1]
    return noise


def _with_outliers(seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    noise: Floats = rng.standard_normal(_LENGTH)
    noise[rng.random(_LENGTH) < 0.05] *= 8.0
    return noise


def _followed(streams: int, wider: float) -> Iterator[Target]:
    """What wanders or grows, beside the settings that are right for it and wrong for others."""
    rows = np.arange(_LENGTH)
    kinds: dict[str, tuple[Callable[[np.random.Generator, Floats], Floats], dict[str, object]]] = {
        "a drift that regimes share": (lambda _, y: y + 0.02 * rows, {"drift": "trend"}),
        "levels that walk together": (lambda rng, y: y + np.cumsum(rng.normal(0, 0.1, _LENGTH)), {"memory": 50.0}),
        "noise that grows": (lambda _, y: y * np.exp(rows / 1000.0), {"memory": 50.0}),
    }
    for name, (change, right) in kinds.items():
        differences = []
        for seed in range(streams):
            wide = Regimes((0.0, 5.0, -5.0), (1.0,) * 3, switch=0.015).generate(seed, _LENGTH).observations
            observations = change(np.random.default_rng(1000 + seed), wide)
            gain = _evidence(observations) - _evidence(observations, **right)
            differences.append(float(gain[_SETTLED].mean()))
        settings = ", ".join(f"{key} {value}" for key, value in right.items())
        yield Target(f"{name}: log evidence minus that of {settings}", float(np.mean(differences)), wider * -0.02)


def _faults(streams: int) -> Iterator[Target]:
    """Gross errors and marks: what is lost a row, against the stream without them."""
    places = {
        "one gross error": np.array([400]),
        "a burst of ten": np.arange(400, 410),
        "a mark every 40 rows": np.arange(100, 1000, 40),
    }
    for name, bad in places.items():
        for size in (-888.0, 1e12):
            lost = []
            for seed in range(streams):
                clean = Regimes((0.0, 5.0, -5.0), (1.0,) * 3, switch=0.015).generate(seed, 1000).observations
                observations = clean.copy()
                observations[bad] = size
                good = np.setdiff1d(np.arange(bad[0] + 13, 1000), np.concatenate([bad, bad + 1, bad + 2]))
                lost.append(float((_evidence(clean) - _evidence(observations))[good].mean()))
            yield Target(f"{name}, {size:g}: nats lost a row afterwards", float(np.mean(lost)), high=0.1)
    for count in (1, 4, 12):
        lost = []
        for seed in range(streams):
            clean = Regimes((0.0, 5.0, -5.0), (1.0,) * 3, switch=0.015).generate(seed, 1000).observations
            marked = _evidence(np.concatenate([np.full(count, -8888.0), clean]))[count:]
            lost.append(float((_evidence(clean) - marked)[200:].mean()))
        yield Target(f"{count} marks before the stream: nats lost a row after 200", float(np.mean(lost)), high=0.02)
