"""Seeded synthetic streams with ground truth, one module for each model."""

from stream_filters_client.scenarios.adaptive_mixture import MIXTURE_SCENARIOS
from stream_filters_client.scenarios.base import Scenario, Stream
from stream_filters_client.scenarios.online_ar_learning import AR_SCENARIOS
from stream_filters_client.scenarios.streaming_kalman import KALMAN_SCENARIOS

_ALL: tuple[Scenario, ...] = (*KALMAN_SCENARIOS, *AR_SCENARIOS, *MIXTURE_SCENARIOS)

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
# what they are for; a predictor may have others
MODELS = tuple(dict.fromkeys(scenario.model for scenario in _ALL))

__all__ = ["MODELS", "SCENARIOS", "Scenario", "Stream"]
