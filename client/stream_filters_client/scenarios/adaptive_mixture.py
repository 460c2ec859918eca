"""Streams that change between recurring regimes, and what a filter would say that knew the regimes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stream_filters_client.scenarios.base import Array, Floats, Scenario, Stream

_MODEL = "adaptive_mixture"
# The predictor's default: another regime is announced once its probability passes this.
_ANNOUNCE = 0.8


@dataclass(frozen=True, slots=True)
class Regimes:
    """y_t = means[z_t] + trends[z_t] t + stds[z_t] e_t, e ~ N(0, 1); all tuples of length K.

    With probability `switch` the regime z is drawn anew, each of the K alike, the current one too; z_{-1} = 0.
    """

    means: tuple[float, ...]
    stds: tuple[float, ...]
    switch: float = 0.02
    trends: tuple[float, ...] | None = None

    @property
    def transition_matrix(self) -> Floats:
        """P(z_t = column | z_{t-1} = row), [K, K]."""
        k = len(self.means)
        matrix: Floats = np.eye(k) * (1.0 - self.switch) + self.switch / k
        return matrix

    def levels(self, length: int) -> Floats:
        """Means of the regimes at each row, [T, K]."""
        trends = np.zeros(len(self.means)) if self.trends is None else np.array(self.trends)
        levels: Floats = np.array(self.means) + np.arange(length)[:, None] * trends
        return levels

    def generate(self, seed: int, length: int) -> Stream:
        """A stream of `length` rows with its truth: `regime` [T], `regime_means` and `regime_stds` [T, K]."""
        rng = np.random.default_rng(seed)
        switched = rng.random(length) < self.switch
        drawn = rng.integers(0, len(self.means), length)
        noise = rng.standard_normal(length)
        regime = np.zeros(length, np.int64)
        current = 0
        for t in range(length):
            current = int(drawn[t]) if switched[t] else current
            regime[t] = current
        levels = self.levels(length)
        rows = np.arange(length)
        observations = levels[rows, regime] + np.array(self.stds)[regime] * noise
        stds = np.tile(np.array(self.stds), (length, 1))
        truth = {"regime": regime, "regime_means": levels, "regime_stds": stds}
        return Stream(observations, truth=truth, oracle=lambda: self.oracle(observations))

    def oracle(self, observations: Floats) -> Mapping[str, Array]:
        """The hidden Markov filter with true parameters (Rabiner 1989, the normalised forward pass).

        observations: [T], NaN = missing. Labels are the true ones.
        """
        length, k = len(observations), len(self.means)
        levels, stds, transition = self.levels(length), np.array(self.stds), self.transition_matrix
        residual = observations[:, None] - levels
        likelihood = np.exp(-0.5 * (residual / stds) ** 2) / (stds * math.sqrt(2.0 * math.pi))
        missing = np.isnan(observations)
        likelihood[missing] = 1.0
        stay = np.diag(transition)
        prior, posterior, stayed = np.zeros((length, k)), np.zeros((length, k)), np.zeros(length)
        log_evidence = np.zeros(length)
        probability = np.eye(k)[0]
        for t in range(length):
            prior[t] = probability @ transition
            joint = prior[t] * likelihood[t]
            evidence = joint.sum()
            if evidence > 0.0:
                stayed[t] = (probability * stay * likelihood[t]).sum() / evidence
                log_evidence[t] = math.log(evidence)
                probability = joint / evidence
            else:
                nearest = int(np.argmin(np.abs(residual[t]) / stds))
                stayed[t] = probability[nearest]
                log_evidence[t] = float(_log_normal(residual[t, nearest], stds[nearest]) + np.log(prior[t, nearest]))
                probability = np.eye(k)[nearest]
            posterior[t] = probability
        mean = (prior * levels).sum(1)
        variance = (prior * (stds**2 + (levels - mean[:, None]) ** 2)).sum(1)
        return {
            "regime": announced(posterior),
            "regime_probabilities": posterior,
            "change_probability": 1.0 - stayed,
            "log_evidence": np.where(missing, np.nan, log_evidence),
            "predictive_mean": mean,
            "predictive_std": np.sqrt(variance),
            "regime_means": levels,
            "regime_stds": np.tile(stds, (length, 1)),
        }


def _log_normal(residual: float, std: float) -> float:
    """Log density of N(0, std²)."""
    return -0.5 * (residual / std) ** 2 - math.log(std * math.sqrt(2.0 * math.pi))


def announced(probabilities: Floats, threshold: float = _ANNOUNCE) -> Array:
    """The label announced at each row, [T]: another one only when its probability passes the threshold.

    probabilities: [T, K].
    """
    labels = np.zeros(len(probabilities), np.int64)
    current = 0
    for t, row in enumerate(probabilities):
        best = int(np.argmax(row))
        if row[best] >= threshold:
            current = best
        labels[t] = current
    return labels


_DEMO = Regimes((0.0, 2.0, -1.0), (1.0, 0.5, 1.5), trends=(0.01, -0.02, 0.0))
_FIVE = Regimes((0.0, 4.0, -4.0, 8.0, -8.0), (1.0,) * 5)

MIXTURE_SCENARIOS: tuple[Scenario, ...] = (
    Scenario("mixture-demo", _MODEL, "three regimes that overlap, two of them drifting", _DEMO.generate),
    Scenario(
        "mixture-overlap",
        _MODEL,
        "three regimes that overlap: means 0, 2, -1",
        Regimes(_DEMO.means, _DEMO.stds).generate,
    ),
    Scenario(
        "mixture-wide",
        _MODEL,
        "three regimes far apart: means 0, 5, -5",
        Regimes((0.0, 5.0, -5.0), (1.0, 1.0, 1.0)).generate,
    ),
    Scenario(
        "mixture-close",
        _MODEL,
        "three regimes near each other: means 0, 3, -3",
        Regimes((0.0, 3.0, -3.0), (1.0, 1.0, 1.0)).generate,
    ),
    Scenario(
        "mixture-variance",
        _MODEL,
        "three regimes with one mean: standard deviations 0.3, 1, 3",
        Regimes((0.0, 0.0, 0.0), (0.3, 1.0, 3.0)).generate,
    ),
    Scenario("mixture-five", _MODEL, "five regimes, means -8 to 8", _FIVE.generate, {"regimes": 5, "drift": "none"}),
    Scenario("mixture-one", _MODEL, "one regime only: nothing ever changes", Regimes((0.0,), (1.0,)).generate),
    Scenario(
        "mixture-fast",
        _MODEL,
        "three regimes, a change every few observations",
        Regimes((0.0, 4.0, -4.0), (1.0, 1.0, 1.0), switch=0.2).generate,
    ),
)
