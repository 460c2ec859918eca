"""Seeded synthetic streams with ground truth, one module for each model."""

from stream_filters_client.scenarios.base import Scenario, Stream

_ALL: tuple[Scenario, ...] = ()

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}

__all__ = ["SCENARIOS", "Scenario", "Stream"]
