"""`adaptive_mixture` against Adams & MacKay's recursion over all run lengths, where its answer is exact."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp
from scipy.stats import t as student_t
from stream_filters.filters.base import Array, Batch, Floats
from stream_filters.filters.regimes.filter import AdaptiveMixture, AdaptiveMixtureConfig

from benchmarks.accuracy.targets import Target

# Nothing learnt but the regimes, every change known to come with the same probability, and none reused.
FIXED: dict[str, Any] = {"outlier_rate": 0.0, "memory": 1e9, "dwell_strength": 1e15, "dwell_sharing": 1e15}
NO_REUSE: dict[str, Any] = {"reuse": False, "regimes": 2, "drift": "none"}


@dataclass(frozen=True)
class Base:
    """What a segment is expected to be: level | V ~ N(mean, V / strength), V ~ IG(shape, rate)."""

    mean: float
    strength: float
    shape: float
    rate: float

    @property
    def config(self) -> dict[str, Any]:
        """The same as settings of the filter."""
        return {
            "base_mean": self.mean,
            "base_std": math.sqrt(self.rate / self.shape),
            "variance_fraction": 1.0,
            "variance_shape": self.shape,
            "level_strength": self.strength,
        }


# The demo of the authors' reference code, but for the shape: 1 there, which leaves the first predictive no variance.
REFERENCE_DEMO = Base(mean=0.0, strength=1.0, shape=1.05, rate=1.0)
_HAZARD = 1 / 200


def exact_run_lengths(observations: Floats, hazard: float, base: Base) -> tuple[Floats, Floats]:
    """Adams & MacKay (2007), unpruned: log evidence [T] and P(run length | data) [T, T]."""
    length = observations.size
    strength = base.strength + np.arange(length)
    shape = base.shape + 0.5 * np.arange(length)
    mean, rate = np.full(length, base.mean), np.full(length, base.rate)
    log_joint = np.full(length, -np.inf)
    evidence, posterior = np.zeros(length), np.zeros((length, length))
    for row, y in enumerate(observations):
        prior = np.full(length, -np.inf)
        if row == 0:
            prior[0] = 0.0
        else:
            prior[0] = math.log(hazard) + logsumexp(log_joint)
            prior[1:] = math.log1p(-hazard) + log_joint[:-1]
        log_joint = prior + student_t.logpdf(y, 2 * shape, mean, np.sqrt(rate / shape * (1 + 1 / strength)))
        evidence[row] = logsumexp(log_joint)
        log_joint = log_joint - evidence[row]
        posterior[row] = np.exp(log_joint)
        learnt_rate = rate + 0.5 * strength * (y - mean) ** 2 / (strength + 1)
        learnt_mean = (strength * mean + y) / (strength + 1)
        mean, rate = np.append(base.mean, learnt_mean[:-1]), np.append(base.rate, learnt_rate[:-1])
    return evidence, posterior


def segments(seed: int, length: int, change: float) -> Floats:
    """Levels and spreads drawn anew at random times."""
    rng = np.random.default_rng(seed)
    group = np.cumsum(rng.random(length) < change)
    return np.asarray(
        rng.normal(0.0, 3.0, length)[group] + rng.gamma(2.0, 0.5, length)[group] * rng.standard_normal(length)
    )


def exactness_targets() -> Iterator[Target]:
    """Differences that only rounding may leave; a row gives rise to two hypotheses, none of which is pruned."""
    cases = {
        "short segments": (segments(3, 150, 1 / 12), 1 / 25, Base(0.5, 0.05, 2.0, 2.8)),
        "Adams & MacKay's demo": (segments(7, 250, _HAZARD), _HAZARD, REFERENCE_DEMO),
    }
    for name, (observations, hazard, base) in cases.items():
        config = {**FIXED, **NO_REUSE, **base.config, "dwell": 1.0 / hazard, "hypotheses": 2 * observations.size + 2}
        info = _run(config, observations, "log_evidence", "change_probability", "recent_change_probability")
        evidence, posterior = exact_run_lengths(observations, hazard, base)
        worst = float(np.abs(info["log_evidence"] - evidence).max())
        yield Target(f"{name}: log evidence minus exact run lengths'", worst, high=1e-9)
        changed = np.abs(info["change_probability"] - posterior[:, 0])[1:]
        recent = np.abs(info["recent_change_probability"] - posterior[:, :5].sum(1))[5:]
        yield Target(f"{name}: probabilities of a change", float(max(changed.max(), recent.max())), high=1e-9)


def _run(config: dict[str, Any], observations: Floats, *names: str) -> dict[str, Array]:
    mixture = AdaptiveMixture(AdaptiveMixtureConfig.model_validate(config))
    batch = Batch(observations[:, None], np.ones(observations.size))
    return dict(mixture.run(mixture.initial_state(), batch, frozenset(names)).info)
