"""What a scenario is: a seeded synthetic stream with its ground truth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stream:
    """One finite piece of a stream.

    observations: [T] or [T, D], NaN = missing. time_deltas: [T] or None.
    truth: what the filter has to find out, [T, ...] each, under the name of the output that estimates it
    without its suffix (`position`, `velocity`, `observation_noise_std`, `intercept`, `coefficients`, `noise_std`,
    `regime`, ...).
    oracle: gives, under the predictor's own output names, the answers of the same model told the true parameters.
    """

    observations: Floats
    time_deltas: Floats | None = None
    truth: Mapping[str, Array] = field(default_factory=dict)
    oracle: Callable[[], Mapping[str, Array]] | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named way to make streams for one model. The same seed and length give the same bytes.

    config: settings of the model that suit the scenario, sent when the stream starts.
    """

    name: str
    model: str
    description: str
    generate: Callable[[int, int], Stream]
    config: Mapping[str, Any] = field(default_factory=dict)
