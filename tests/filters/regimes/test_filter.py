"""`adaptive_mixture` against exact posteriors, computed without pruning by other means."""

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import multivariate_t, t
from stream_filters.filters.base import Array, Batch
from stream_filters.filters.regimes.filter import AdaptiveMixture, AdaptiveMixtureConfig

from benchmarks.accuracy.adaptive_mixture_exact import FIXED, NO_REUSE, Base, exact_run_lengths, segments

Floats = NDArray[np.float64]

BASE = Base(mean=0.5, strength=0.05, shape=2.0, rate=2.8)
# A fixed base measure: no warm-up, nothing forgotten, every change known to come with the same probability.
KNOWN: dict[str, object] = {**FIXED, **BASE.config}


def run(config: dict[str, object], observations: Floats, *names: str) -> dict[str, Array]:
    mixture = AdaptiveMixture(AdaptiveMixtureConfig.model_validate(config))
    batch = Batch(np.asarray(observations, float)[:, None], np.ones(len(observations)))
    return dict(mixture.run(mixture.initial_state(), batch, frozenset(names)).info)


def segment_log_likelihood(segment: Floats, slope_std: float) -> float:
    """Marginal likelihood of one regime's consecutive rows: a multivariate Student-t."""
    time = np.arange(len(segment))
    cov = np.eye(len(segment)) + 1 / BASE.strength + slope_std**2 * np.outer(time, time)
    centre = np.full(len(segment), BASE.mean)
    return float(multivariate_t.logpdf(segment, centre, BASE.rate / BASE.shape * cov, df=2 * BASE.shape))


def test_without_reuse_and_pruning_it_is_exact_online_changepoint_detection() -> None:
    observations = segments(3, 150, 1 / 12)
    config = {**KNOWN, **NO_REUSE, "dwell": 25.0, "hypotheses": 302, "recent": 5}
    info = run(config, observations, "log_evidence", "change_probability", "recent_change_probability", "run_length")
    evidence, posterior = exact_run_lengths(observations, 1 / 25, BASE)
    np.testing.assert_allclose(info["log_evidence"], evidence, rtol=0, atol=1e-9)
    np.testing.assert_allclose(info["change_probability"][1:], posterior[1:, 0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(info["recent_change_probability"][5:], posterior[5:, :5].sum(1), rtol=0, atol=1e-9)
    np.testing.assert_array_equal(info["run_length"], posterior.argmax(1))


@pytest.mark.parametrize("drift", ["none", "trend", "average"])
def test_evidence_is_the_sum_over_all_segmentations(drift: str) -> None:
    observations = segments(5, 9, 1 / 12)
    config = {**KNOWN, "reuse": False, "regimes": 2, "drift": drift, "dwell": 5.0, "slope_std": 0.1}
    slopes = {"none": {0.0: 1.0}, "trend": {0.1: 1.0}, "average": {0.0: 0.9, 0.1: 0.1}}[drift]
    terms = []
    for changes in itertools.product((False, True), repeat=len(observations) - 1):
        bounds = [0, *(i + 1 for i, change in enumerate(changes) if change), len(observations)]
        term = sum(math.log(1 / 5 if change else 4 / 5) for change in changes)
        for first, last in itertools.pairwise(bounds):
            segment = observations[first:last]
            variants = [math.log(p) + segment_log_likelihood(segment, slope) for slope, p in slopes.items()]
            term += float(logsumexp(variants))
        terms.append(term)
    evidence = run(config, observations, "log_evidence")["log_evidence"]
    assert evidence.sum() == pytest.approx(float(logsumexp(terms)), abs=1e-9)


def test_evidence_is_the_sum_over_all_labellings_while_nothing_is_merged() -> None:
    observations = np.array([0.3, 4.0, 0.1, 4.4])
    config = {**KNOWN, "regimes": 3, "drift": "none", "dwell": 4.0, "dwell_strength": 6.0, "recycle": 0.0}
    config["dwell_sharing"] = 2.5
    terms = []
    for labels in itertools.product(range(3), repeat=4):
        met = list(dict.fromkeys(labels))
        if met != list(range(len(met))) or labels[0] != 0:
            continue
        counts = np.zeros((3, 3))
        term = 0.0
        for row in range(1, 4):
            origin, target = labels[row - 1], labels[row]
            rate = (6.0 / 4.0 + counts.sum() - np.trace(counts)) / (6.0 + counts.sum())
            prior = np.where(np.arange(3) == origin, 1.0 - rate, rate / 2)
            after = (2.5 * prior + counts[origin]) / (2.5 + counts[origin].sum())
            term += math.log(after[target] if target in labels[:row] else after[target:].sum())
            counts[origin, target] += 1.0
        for regime in met:
            term += segment_log_likelihood(observations[np.array(labels) == regime], 0.0)
        terms.append(term)
    evidence = run(config, observations, "log_evidence")["log_evidence"]
    assert evidence.sum() == pytest.approx(float(logsumexp(terms)), abs=1e-9)


def test_one_regime_is_the_conjugate_posterior_of_a_normal() -> None:
    observations = np.random.default_rng(7).normal(3.0, 0.7, 60)
    config = {**KNOWN, "regimes": 1, "drift": "none"}
    info = run(config, observations, "regime_means", "regime_stds", "predictive_mean", "predictive_std", "pit")
    n = np.arange(1, 61)
    mean = np.cumsum(observations) / n
    strength = BASE.strength + n
    level = (BASE.strength * 0.5 + n * mean) / strength
    squares = np.array([np.sum((observations[:i] - mean[i - 1]) ** 2) for i in n])
    rate = BASE.rate + 0.5 * squares + 0.5 * BASE.strength * n * (mean - 0.5) ** 2 / strength
    shape = BASE.shape + 0.5 * n
    np.testing.assert_allclose(info["regime_means"][:, 0], level, rtol=1e-10)
    np.testing.assert_allclose(info["regime_stds"][:, 0] ** 2, rate / (shape - 1), rtol=1e-10)
    scale = np.sqrt(rate / shape * (1 + 1 / strength))
    np.testing.assert_allclose(info["predictive_mean"][1:], level[:-1], rtol=1e-10)
    np.testing.assert_allclose(info["predictive_std"][1:], (scale * np.sqrt(shape / (shape - 1)))[:-1], rtol=1e-10)
    expected = t.cdf(observations[1:], 2 * shape[:-1], level[:-1], scale[:-1])
    np.testing.assert_allclose(info["pit"][1:], expected, rtol=0, atol=1e-8)


def test_spikes_are_called_outliers_and_teach_the_regimes_nothing() -> None:
    rng = np.random.default_rng(11)
    centres = np.array([0.0, 5.0, -5.0])[(np.arange(1200) // 60) % 3]
    observations = centres + rng.standard_normal(1200)
    spikes = np.arange(405, 1200, 70)
    observations[spikes] += rng.choice([-1, 1], len(spikes)) * rng.uniform(20.0, 40.0, len(spikes))
    names = ("outlier_probability", "regime_stds", "predictive_std")
    plain, robust = run({"outlier_rate": 0.0}, observations, *names), run({}, observations, *names)
    assert robust["outlier_probability"][spikes].min() > 0.9
    assert np.delete(robust["outlier_probability"], spikes)[10:].mean() < 0.01
    np.testing.assert_allclose(robust["regime_stds"][-1], 1.0, atol=0.15)
    assert plain["regime_stds"][-1].max() > 1.3
    assert np.all(plain["outlier_probability"][10:] == 0.0)
