"""Scenarios that the fake predictor can be judged by."""

import numpy as np
from stream_filters_client.scenarios import Scenario, Stream


def level(seed: int, length: int) -> Stream:
    """A constant in noise: the running mean of the fake is the best that there is."""
    noise = np.random.default_rng(seed).normal(size=length)
    before = np.concatenate([[0.0], np.cumsum(5.0 + noise)[:-1] / np.arange(1, length)])
    oracle = {"position_mean": before, "position_std": np.ones(length)}
    return Stream(5.0 + noise, truth={"position": np.full(length, 5.0)}, oracle=lambda: oracle)


SCENARIOS = {
    name: Scenario(name, "streaming_kalman", "a constant in noise", level, {"interval": 0.9})
    for name in ("level", "other")
}
