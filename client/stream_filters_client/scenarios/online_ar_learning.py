"""Autoregressions of order 1 that stand still, wander, break, change their noise, spike or have gaps.

y_t = intercept_t + coefficient_t y_{t-1} + noise_std_t e_t,   e_t ~ N(0, 1)
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from stream_filters_client.scenarios.base import Array, Floats, Scenario, Stream

MODEL = "online_ar_learning"
PERIOD = 500

_COEFFICIENT, _NOISE_STD = 0.8, 0.5
_CHANGE, _INTERCEPT_STEP, _COEFFICIENT_STEP, _LARGEST = 0.02, 0.1, 0.05, 0.99
_NORMAL_90 = 1.6448536269514722


def autoregression(intercept: Floats, coefficient: Floats, noise_std: Floats, rng: np.random.Generator) -> Stream:
    """A stream that follows the given paths, [T] each, from the mean of its first parameters."""
    noise = noise_std * rng.standard_normal(intercept.size)
    observations = np.empty(intercept.size)
    latest = intercept[0] / (1.0 - coefficient[0])
    for t, (level, slope, error) in enumerate(zip(intercept, coefficient, noise, strict=True)):
        latest = observations[t] = level + slope * latest + error
    truth = {"intercept": intercept, "coefficients": coefficient[:, None], "noise_std": noise_std}
    return Stream(observations, truth=truth)


def _wandering(change: float, seed: int, length: int) -> tuple[Stream, np.random.Generator]:
    """Intercept and coefficient both step at random times; the coefficient stays inside the unit circle."""
    rng = np.random.default_rng(seed)
    changes = rng.random(length) < change
    intercept = np.cumsum(changes * rng.normal(0.0, _INTERCEPT_STEP, length))
    steps = changes * rng.normal(0.0, _COEFFICIENT_STEP, length)
    coefficient = np.empty(length)
    latest = _COEFFICIENT
    for t, step in enumerate(steps):
        latest = coefficient[t] = min(max(latest + step, -_LARGEST), _LARGEST)
    return autoregression(intercept, coefficient, np.full(length, _NOISE_STD), rng), rng


def _known_drift(change: float, seed: int, length: int) -> Stream:
    stream, _ = _wandering(change, seed, length)
    drift = change * np.array([_INTERCEPT_STEP**2, _COEFFICIENT_STEP**2])
    return Stream(stream.observations, truth=stream.truth, oracle=partial(oracle, stream.observations, drift))


def oracle(observations: Floats, drift: Floats) -> Mapping[str, Array]:
    """A Kalman filter over (intercept, coefficient) that is told the variance of their drift [2] and of the noise."""
    length = observations.size
    mean, cov = np.array([0.0, _COEFFICIENT]), np.eye(2)
    bands = np.full((2, length, 3), np.nan)
    predictive_mean, predictive_std = np.full(length, np.nan), np.full(length, np.nan)
    for t in range(1, length):
        regressors = np.array([1.0, observations[t - 1]])
        cov = cov + np.diag(drift)
        product = cov @ regressors
        variance = regressors @ product + _NOISE_STD**2
        predictive_mean[t], predictive_std[t] = regressors @ mean, np.sqrt(variance)
        mean = mean + product / variance * (observations[t] - predictive_mean[t])
        cov = cov - np.outer(product, product) / variance
        half = _NORMAL_90 * np.sqrt(np.diag(cov))
        bands[:, t] = np.stack([mean, mean - half, mean + half], axis=1)
    half = _NORMAL_90 * predictive_std
    error = (observations - predictive_mean) / predictive_std
    return {
        "predictive_mean": predictive_mean,
        "predictive_std": predictive_std,
        "predictive_interval": np.stack([predictive_mean - half, predictive_mean + half], axis=1),
        "log_evidence": -0.5 * (error**2 + np.log(2 * np.pi)) - np.log(predictive_std),
        "intercept": bands[0],
        "coefficients": bands[1][:, None, :],
        "noise_std": np.full((length, 3), _NOISE_STD),
    }


def _broken(seed: int, length: int) -> Stream:
    upper = np.arange(length) // PERIOD % 2 == 0
    coefficient = np.where(upper, 0.9, -0.4)
    return autoregression(np.zeros(length), coefficient, np.full(length, _NOISE_STD), np.random.default_rng(seed))


def _sine(seed: int, length: int) -> Stream:
    coefficient = 0.9 * np.sin(2 * np.pi * np.arange(length) / PERIOD)
    return autoregression(np.zeros(length), coefficient, np.full(length, _NOISE_STD), np.random.default_rng(seed))


def _variance(seed: int, length: int) -> Stream:
    quiet = np.arange(length) // PERIOD % 2 == 0
    noise_std = np.where(quiet, 0.5, 1.5)
    return autoregression(np.zeros(length), np.full(length, _COEFFICIENT), noise_std, np.random.default_rng(seed))


def _spikes(seed: int, length: int) -> Stream:
    stream, rng = _wandering(_CHANGE, seed, length)
    hit = rng.random(length) < 0.02
    spikes = hit * rng.normal(0.0, 10.0, length)
    return Stream(stream.observations + spikes, truth={**stream.truth, "outlier": hit})


def _missing(seed: int, length: int) -> Stream:
    stream, rng = _wandering(_CHANGE, seed, length)
    return Stream(np.where(rng.random(length) < 0.2, np.nan, stream.observations), truth=stream.truth)


def _scenario(name: str, description: str, generate: Callable[[int, int], Stream]) -> Scenario:
    return Scenario(name, MODEL, description, generate)


AR_SCENARIOS: tuple[Scenario, ...] = (
    _scenario(
        "ar-demo", "intercept and coefficient step at random, every 50 observations", partial(_known_drift, _CHANGE)
    ),
    _scenario("ar-static", "constant parameters", partial(_known_drift, 0.0)),
    _scenario("ar-break", "the coefficient jumps between 0.9 and -0.4 every 500 observations", _broken),
    _scenario("ar-sine", "the coefficient swings between 0.9 and -0.9 every 500 observations", _sine),
    _scenario("ar-variance", "the noise jumps between 0.5 and 1.5 every 500 observations", _variance),
    _scenario("ar-spikes", "ar-demo, and 2 % of the observations off by a spike of 20 noise sd", _spikes),
    _scenario("ar-missing", "ar-demo, and 20 % of the observations missing", _missing),
)
