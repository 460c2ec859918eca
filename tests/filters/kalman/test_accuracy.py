"""streaming_kalman reaches its accuracy targets, on few streams, and its log scores on real series."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stream_filters.filters.base import Batch
from stream_filters.filters.kalman.filter import StreamingKalman, StreamingKalmanConfig

from benchmarks.accuracy.streaming_kalman import targets

DATA = Path(__file__).parents[3] / "data"


def test_quick_targets_are_met() -> None:
    """Every target, with the limits that chance asks for on few streams."""
    assert [target for target in targets(quick=True) if not target.met] == []


@pytest.mark.parametrize(
    ("series", "config", "first", "reference"),
    [
        ("nile", {}, 20, -512.1),
        ("nile", {"position_noise": "always", "robust": "never", "memories": ()}, 20, -512.1),
        ("co2", {}, 100, -1416.5),
        ("co2", {"position_noise": "always", "robust": "never", "memories": ()}, 100, -1417.0),
    ],
)
def test_log_scores_on_real_series(series: str, config: dict[str, Any], first: int, reference: float) -> None:
    """Nile and weekly CO2 score within 1 % of, or above, what statsmodels' local linear trend reaches by refits."""
    with (DATA / f"{series}.csv").open() as file:
        values = np.array([float(row[1]) if row[1] else np.nan for row in list(csv.reader(file))[1:]])
    model = StreamingKalman(StreamingKalmanConfig(**config))
    batch = Batch(values[:, None], np.ones(len(values)))
    score = model.run(model.initial_state(), batch, frozenset({"log_evidence"})).info["log_evidence"]
    assert np.nansum(score[first:]) > 1.01 * reference
