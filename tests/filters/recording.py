"""Streams of all filters whose states and outputs are on record: `python -m tests.filters.recording [FILTER ...]`.

A change that only moves code leaves the record as it is. A change of a filter's results writes its record anew, so that
the commit shows for which settings they changed.
"""

import hashlib
import itertools
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from stream_filters.filters import REGISTRY
from stream_filters.filters.base import Array, Batch, Filter

RECORDS = Path(__file__).parent / "recorded"
ROWS = 400
CONFIGS: Mapping[str, Mapping[str, dict[str, Any]]] = {
    "streaming_kalman": {
        "defaults": {},
        "three axes": {"dimension": 3},
        "shared noise": {"dimension": 2, "noise": "shared", "process": "diag"},
        "one large grid": {"grid_size": 9, "robust": "never", "memories": [], "position_noise": "always"},
    },
    "online_ar_learning": {
        "defaults": {},
        "third order": {"order": 3},
        "window": {"order": 2, "window": 40},
        "one variant": {"models": ["robust"], "level_drift": [0.0], "noise_memory": [30.0]},
    },
    "adaptive_mixture": {
        "defaults": {},
        "five regimes": {"regimes": 5, "hypotheses": 24},
        "no reuse": {"reuse": False, "drift": "none"},
        "known base": {"base_mean": 1.0, "base_std": 2.0, "drift": "trend"},
    },
}


class Case(NamedTuple):
    """One stream under one configuration."""

    filter_name: str
    label: str

    def bound(self) -> Filter[Any]:
        """The filter under the configuration."""
        kind = REGISTRY[self.filter_name]
        return kind(kind.config_type(**CONFIGS[self.filter_name][self.label]))


CASES = [Case(name, label) for name, configs in CONFIGS.items() for label in configs]


def stream(bound: Filter[Any]) -> Batch:
    """Rows that visit most branches: a moving level with gaps, spikes, a jump, a change of noise, irregular steps."""
    rng = np.random.default_rng(1)
    level = np.cumsum(0.1 * rng.standard_normal((ROWS, bound.dimension)), axis=0)
    level[ROWS // 2 :] += 5.0
    spread = np.where(np.arange(ROWS) > 3 * ROWS // 4, 2.0, 0.3)[:, None]
    observations = level + spread * rng.standard_normal(level.shape)
    observations[rng.random(level.shape) < 0.05] = np.nan
    spikes = rng.random(level.shape) < 0.01
    observations[spikes] += 40.0 * rng.standard_normal(int(spikes.sum()))
    deltas = bound.nominal_time_delta * rng.uniform(0.5, 2.0, ROWS) if bound.takes_time_deltas else np.ones(ROWS)
    return Batch(observations, deltas)


def in_parts(bound: Filter[Any], batch: Batch, cuts: list[int]) -> Iterator[tuple[Array, Mapping[str, Array]]]:
    """State and outputs after each part of the stream."""
    names = frozenset(output.name for output in bound.outputs if not output.on_horizon)
    state = bound.initial_state()
    for start, stop in itertools.pairwise([0, *cuts, ROWS]):
        step = bound.run(state, Batch(batch.observations[start:stop], batch.time_deltas[start:stop]), names)
        state = step.state
        yield state, step.info


def digests(case: Case, cuts: list[int]) -> dict[str, str]:
    """What the stream leaves, cut at these rows: state, outputs and forecasts, each as a digest of their bytes."""
    bound = case.bound()
    parts = list(in_parts(bound, stream(bound), cuts))
    state = parts[-1][0]
    arrays = {name: np.concatenate([info[name] for _, info in parts]) for name in parts[0][1]}
    arrays |= {"state": state, **bound.forecast(state, 12)}
    return {name: hashlib.sha256(array.tobytes()).hexdigest()[:16] for name, array in arrays.items()}


def record(filter_name: str) -> None:
    """Write a filter's record anew."""
    found = {case.label: digests(case, cuts=[]) for case in CASES if case.filter_name == filter_name}
    RECORDS.mkdir(exist_ok=True)
    (RECORDS / f"{filter_name}.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for filter_name in sys.argv[1:] or CONFIGS:
        record(filter_name)
