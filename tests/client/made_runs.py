"""Run files as a replay would save them, of a predictor that knows the true parameters."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from stream_filters_client.scenarios import SCENARIOS


def run_document(streams: Mapping[str, str], length: int = 300, seed: int = 1) -> dict[str, Any]:
    """A run of streams, name -> scenario, every one with a seed of its own."""
    series = {
        name: made_series(scenario, seed + index, length) for index, (name, scenario) in enumerate(streams.items())
    }
    return {
        "format": "stream-filters run",
        "version": 1,
        "client": {"version": "0.1.0"},
        "time_unit": None,
        "server": {"target": "localhost:8081", "name": "made", "version": "1.2.3"},
        "settings": {
            "seed": seed,
            "length": length,
            "batch": 10,
            "rate": None,
            "transport": "auto",
            "horizon": None,
            "burn_in": 50,
        },
        "streams": {name: {"scores": {"observations_per_second": 1000.0}} for name in streams},
        "expectations": [{"text": "x<=1", "stream": next(iter(streams)), "value": None, "met": False}],
        "series": series,
        "measured": {
            "started": "2025-11-03T10:00:00+00:00",
            "latencies_seconds": {name: made_latencies(seed, length // 10) for name in streams},
        },
    }


def made_series(scenario: str, seed: int, length: int) -> dict[str, Any]:
    """One stream of a run."""
    known = SCENARIOS[scenario]
    stream = known.generate(seed, length)
    assert stream.oracle is not None
    outputs = dict(stream.oracle())
    outputs["pit"] = stats.norm.cdf((stream.observations - outputs["predictive_mean"]) / outputs["predictive_std"])
    if "predictive_interval" not in outputs:
        spread = 1.645 * outputs["predictive_std"]
        ends = [outputs["predictive_mean"] - spread, outputs["predictive_mean"] + spread]
        outputs["predictive_interval"] = np.stack(ends, axis=-1)
    return {
        "model": known.model,
        "config": dict(known.config),
        "status": "done",
        "error": None,
        "count": length,
        "requests": length // 10,
        "replayed": 0,
        "scores": {
            "log_score_mean": float(np.nanmean(outputs["log_evidence"])),
            "predictive_coverage": 0.9,
            "calibration_distance": 0.01 * seed,
            "calibration_limit": 0.1,
        },
        "first": 0,
        "observations": null_where_undefined(stream.observations),
        "time_deltas": None if stream.time_deltas is None else stream.time_deltas.tolist(),
        "outputs": {name: null_where_undefined(values) for name, values in outputs.items()},
        "truth": {name: null_where_undefined(values) for name, values in stream.truth.items()},
    }


def made_latencies(seed: int, count: int) -> list[float]:
    """Seconds, most of them around four milliseconds."""
    latencies: list[float] = np.random.default_rng(seed).lognormal(-5.5, 0.3, count).tolist()
    return latencies


def null_where_undefined(values: Any) -> Any:
    """Lists for JSON."""
    return json.loads(json.dumps(values.tolist()).replace("NaN", "null"))


def write_run(path: Path, *scenarios: str, **options: Any) -> Path:
    """A run of these scenarios, each a stream of its own name, in a file."""
    document = run_document({name: name for name in scenarios}, **options)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
