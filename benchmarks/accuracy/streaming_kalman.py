"""Accuracy of `streaming_kalman` with its default average, beside a Kalman filter that is told every covariance."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from stream_filters.filters.base import Array, Batch, Floats
from stream_filters.filters.kalman.filter import StreamingKalman, StreamingKalmanConfig
from stream_filters_client.scenarios.base import Stream
from stream_filters_client.scenarios.streaming_kalman import KALMAN_SCENARIOS, known_noise_filter, move

from benchmarks.accuracy.streaming_kalman_degenerate import degenerate_targets
from benchmarks.accuracy.streaming_kalman_exact import exactness_targets
from benchmarks.accuracy.streaming_kalman_field import field_targets
from benchmarks.accuracy.targets import Target

_LENGTH = 2000
_SCENARIOS = {scenario.name: scenario for scenario in KALMAN_SCENARIOS}
_WINDOWS = ((200, 500), (500, 1000), (1000, 2000))
_PARAMETERS = {"observation_noise_std": 2.0, "position_noise": 1.0, "velocity_noise": 1.0}
_ONE_GRID: Mapping[str, Any] = {
    "process": "diag",
    "position_noise": "always",
    "robust": "never",
    "memories": (),
    "standing": "never",
    "switching": 0.0,
}
_BELIEF = frozenset(
    {"log_evidence", "predictive_interval", "position_mean", "position_std", "velocity_mean", "velocity_std"}
)


@dataclass(frozen=True)
class Runs:
    """The same outputs of many streams, [S, T, ...] each, ours and the oracle's."""

    ours: Mapping[str, Array]
    oracle: Mapping[str, Array]
    truth: Mapping[str, Array]
    observations: Floats

    def error(self, name: str, low: int, high: int) -> float:
        """RMSE of a state's mean over that of the oracle, rows low..high."""
        rows = np.s_[:, low:high]
        truth = self.truth[name][rows]
        mine, best = (np.mean((runs[f"{name}_mean"][rows] - truth) ** 2) for runs in (self.ours, self.oracle))
        return float(np.sqrt(mine / best))

    def gap(self, low: int, high: int) -> float:
        """Mean log evidence minus the oracle's, nats per observation."""
        rows = np.s_[:, low:high]
        return float(np.nanmean(self.ours["log_evidence"][rows] - self.oracle["log_evidence"][rows]))

    def coverage(self, low: int) -> float:
        """Share of observations inside their predictive interval."""
        ends, y = self.ours["predictive_interval"][:, low:], self.observations[:, low:]
        inside = (ends[..., 0] <= y) & (y <= ends[..., 1])
        return float(inside[~np.isnan(y)].mean())

    def state_coverage(self, name: str, low: int) -> float:
        """Share of a state's true values within the central 90 % of a normal with our mean and deviation."""
        error = self.ours[f"{name}_mean"][:, low:] - self.truth[name][:, low:]
        return float(np.mean(np.abs(error) <= 1.6449 * self.ours[f"{name}_std"][:, low:]))


def run_all(streams: list[Stream], config: Mapping[str, Any], names: frozenset[str] = _BELIEF) -> Runs:
    """Filter every stream with ours and with its oracle."""
    kalman = StreamingKalman(StreamingKalmanConfig(**config))
    ours, oracles = [], []
    for stream in streams:
        steps = np.ones(len(stream.observations)) if stream.time_deltas is None else stream.time_deltas
        rows = stream.observations.reshape(len(steps), -1)
        ours.append(kalman.run(kalman.initial_state(), Batch(rows, steps), names).info)
        oracles.append(stream.oracle() if stream.oracle is not None else {})
    return Runs(
        ours={name: np.stack([run[name] for run in ours]) for name in names},
        oracle={name: np.stack([run[name] for run in oracles]) for name in oracles[0]},
        truth={name: np.stack([stream.truth[name] for stream in streams]) for name in streams[0].truth},
        observations=np.stack([stream.observations for stream in streams]),
    )


def run_scenario(name: str, streams: int, length: int = _LENGTH, names: frozenset[str] = _BELIEF) -> Runs:
    """`streams` seeds of a scenario, with the scenario's own settings."""
    scenario = _SCENARIOS[name]
    return run_all([scenario.generate(seed, length) for seed in range(streams)], scenario.config, names)


def targets(*, quick: bool) -> Iterator[Target]:
    """Every target; `quick` measures few streams, whose limits are wider by what chance does to them."""
    streams, slack = (16, 1.0) if quick else (200, 0.0)
    yield from exactness_targets()
    demo = run_scenario("kalman-demo", streams, names=_BELIEF | set(_PARAMETERS))
    yield from _tracking("demo", demo, 1.0 + 2.0 * slack)
    yield from _calibration(demo, slack)
    yield from _parameters(demo, slack)
    for name in ("kalman-irregular", "kalman-missing"):
        yield from _tracking(name[7:], run_scenario(name, streams), 1.5 + 2.0 * slack)
    yield from _outliers(streams, demo, slack)
    yield from _jump(streams, slack)
    yield from _huang(streams, slack)
    yield from _sine(streams, slack)
    yield from field_targets(8 if quick else 60)
    yield from degenerate_targets(streams=streams, rows=20_000 if quick else 1_000_000)
    if not quick:
        yield from _against_refits(60)


def _tracking(name: str, runs: Runs, widen: float) -> Iterator[Target]:
    limits = {"position": (0.015, 0.007, 0.004), "velocity": (0.025, 0.012, 0.006)}
    for (low, high), position, velocity, gap in zip(_WINDOWS, *limits.values(), (0.0065, 0.0033, 0.0017), strict=True):
        rows = f"{low}-{high}"
        for state, limit in (("position", position), ("velocity", velocity)):
            measured = runs.error(state, low, high)
            yield Target(f"{name}: {state} RMSE over the oracle's, {rows}", measured, high=1.0 + widen * limit)
        yield Target(f"{name}: log evidence minus the oracle's, {rows}", runs.gap(low, high), low=-widen * gap)


def _calibration(runs: Runs, slack: float) -> Iterator[Target]:
    wide = 0.01 * slack
    yield Target("demo: coverage of observations from 200", runs.coverage(200), 0.89 - wide, 0.91 + wide)
    for state in ("position", "velocity"):
        covered = runs.state_coverage(state, 200)
        yield Target(f"demo: coverage of the {state} from 200", covered, 0.87 - 2 * wide, 0.92 + 2 * wide)


def _parameters(runs: Runs, slack: float) -> Iterator[Target]:
    for (name, power), limit in zip(_PARAMETERS.items(), (0.10, 0.17, 0.16), strict=True):
        band, truth = runs.ours[name][:, -1, 0], runs.truth[name][:, -1, 0]
        error = power * np.log(band[:, 0] / truth)
        inside = np.mean((band[:, 1] <= truth) & (truth <= band[:, 2]))
        rmse = float(np.sqrt(np.mean(error**2)))
        yield Target(f"demo: error of log {name} (variance) at the end", rmse, high=limit * (1.0 + 0.5 * slack))
        yield Target(f"demo: coverage of {name}", float(inside), 0.84 - 0.15 * slack, min(0.97 + slack, 1.0))


def _outliers(streams: int, clean: Runs, slack: float) -> Iterator[Target]:
    runs = run_scenario("kalman-outliers", streams)
    ratio = runs.error("position", 200, _LENGTH)
    yield Target("outliers: position RMSE over a filter told the clean noise", ratio, high=0.60 + 0.05 * slack)
    alone = run_all(
        [_SCENARIOS["kalman-demo"].generate(seed, 500) for seed in range(streams)],
        _ONE_GRID,
    )
    cost = alone.gap(200, 500) - clean.gap(200, 500)
    yield Target("cost of the average on clean data, 200-500", cost, high=0.002 * (1.0 + slack))


def _jump(streams: int, slack: float) -> Iterator[Target]:
    runs = run_scenario("kalman-jump", streams, 1500)
    first, next_ = runs.gap(1000, 1100), runs.gap(1100, 1500)
    yield Target("R x16: log evidence minus the oracle's, first 100", first, low=-0.3 - 0.1 * slack)
    yield Target("R x16: log evidence minus the oracle's, next 400", next_, low=-0.03 - 0.01 * slack)


def huang_stream(seed: int, length: int = 1000) -> Stream:
    """The slowly varying, correlated noise of Huang et al. (2018), IEEE Trans. Automatic Control 63(2), 594-601."""
    rng = np.random.default_rng(seed)
    swing = np.cos(np.pi * np.arange(1, length + 1) / length)
    process = (6.5 + 0.5 * swing)[:, None, None] * np.kron(np.array([[1 / 3, 1 / 2], [1 / 2, 1]]), np.eye(2))
    noise = ((0.1 + 0.05 * swing) * 100.0)[:, None, None] * np.array([[1.0, 0.5], [0.5, 1.0]])
    path = move(np.array([100.0, 100.0, 10.0, 10.0]), process, np.ones(length), rng)
    errors = np.einsum("tij,tj->ti", np.linalg.cholesky(noise), rng.standard_normal((length, 2)))
    observations = path[:, :2] + errors
    truth = {"position": path[:, :2], "velocity": path[:, 2:]}
    return Stream(
        observations, truth=truth, oracle=lambda: known_noise_filter(observations, np.ones(length), process, noise)
    )


def _huang(streams: int, slack: float) -> Iterator[Target]:
    runs = run_all([huang_stream(seed) for seed in range(streams)], {"dimension": 2, "noise": "shared"})
    for state, limit in (("position", 0.03), ("velocity", 0.04)):
        measured = runs.error(state, 100, 1000)
        yield Target(f"Huang 2018: {state} RMSE over the true-noise filter's", measured, high=1 + limit * (1 + slack))


def _sine(streams: int, slack: float) -> Iterator[Target]:
    """The infinite data stream of RxInfer's examples: 10 sin(t / 10) under noise of variance 10."""
    times = np.arange(1, 301)
    position = 10.0 * np.sin(0.1 * times)[:, None]
    drawn = [np.random.default_rng(seed).normal(0.0, np.sqrt(10.0), 300) for seed in range(streams)]
    made = [Stream(position[:, 0] + noise, truth={"position": position}) for noise in drawn]
    runs = run_all(made, {}, _BELIEF | {"observation_noise_std"})
    error = runs.ours["position_mean"][:, 100:] - position[100:]
    yield Target("sine: position RMSE, 100-300", float(np.sqrt(np.mean(error**2))), high=1.85 + 0.1 * slack)
    covered = runs.state_coverage("position", 100)
    yield Target("sine: coverage of the position, 100-300", covered, 0.88 - 0.02 * slack, 0.93 + 0.02 * slack)
    variance = float(np.mean(runs.ours["observation_noise_std"][:, -1, 0, 0] ** 2))
    yield Target("sine: observation noise variance, 10 is true", variance, 8.5 - 0.5 * slack, 11.5 + 0.5 * slack)


def _against_refits(streams: int) -> Iterator[Target]:
    """Ours beside statsmodels' local linear trend, fitted to the first n rows and then run on to 2n.

    The two are nearly equal from n = 200 on: ours counts as worse where that is no chance, by two standard errors.
    """
    scenario = _SCENARIOS["kalman-demo"]
    made = [scenario.generate(seed, _LENGTH) for seed in range(streams)]
    runs = run_all(made, scenario.config)
    for n in (50, 200, 1000):
        rows = np.s_[:, n : 2 * n]
        refits = [_refit(stream, n) for stream in made]
        theirs = np.stack([refit["position_mean"] for refit in refits])
        truth = runs.truth["position"]
        ours, others = (
            ((found - truth)[rows] ** 2).mean(axis=(1, 2)) for found in (runs.ours["position_mean"], theirs)
        )
        log_ratios = 0.5 * np.log(ours / others)
        ratio = float(np.exp(log_ratios.mean() - 2.0 * log_ratios.std() / np.sqrt(streams)))
        yield Target(f"position RMSE over statsmodels', {n}-{2 * n}, less chance", ratio, high=1.0)
        scores = np.stack([refit["log_evidence"] for refit in refits])
        gain = float(np.mean(runs.ours["log_evidence"][rows] - scores[rows]))
        yield Target(f"log evidence minus statsmodels', {n}-{2 * n}", gain, low=0.0)


def _refit(stream: Stream, n: int) -> Mapping[str, Array]:
    """A filter told the covariances that statsmodels finds likeliest on the first n rows."""
    from statsmodels.tsa.statespace.structural import UnobservedComponents  # noqa: PLC0415  # slow to import

    model = UnobservedComponents(stream.observations[:n], "local linear trend")
    noise, position, velocity = model.fit(disp=False, maxiter=200).params
    length = len(stream.observations)
    process = np.tile(np.diag([position, velocity]), (length, 1, 1))
    noise_cov = np.full((length, 1, 1), max(noise, 1e-9))
    return known_noise_filter(stream.observations[:, None], np.ones(length), process, noise_cov)
