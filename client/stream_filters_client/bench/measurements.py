"""What a load of requests took: latencies, rates and status codes. Pure functions of what was noted."""

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9)
_BARS = 12


@dataclass(frozen=True, slots=True)
class Bar:
    """How many requests took up to so many milliseconds, and longer than the bar before says."""

    up_to_ms: float
    count: int


@dataclass(slots=True)
class Notes:
    """What was noted of the requests that count.

    begin_seconds, end_seconds: of the time that counts, by `time.perf_counter`; end: when the last answer came.
    latencies: seconds of each request that was answered or given up, from when it was due. codes: how they ended.
    """

    begin_seconds: float = 0.0
    end_seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    observations: int = 0

    def note(self, due_seconds: float, end_seconds: float, code: str, observations: int) -> None:
        """One request; observations: that its answer was about."""
        self.latencies.append(end_seconds - due_seconds)
        self.codes[code] += 1
        self.observations += observations
        self.end_seconds = max(self.end_seconds, end_seconds)

    @property
    def answered(self) -> int:
        """Requests that were answered."""
        return self.codes["OK"]

    @property
    def failed(self) -> int:
        """Requests that were refused, or had no answer in time."""
        return sum(self.codes.values()) - self.answered

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max(self.end_seconds - self.begin_seconds, 0.0)

    @property
    def requests_per_second(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds if self.seconds else 0.0

    @property
    def observations_per_second(self) -> float:
        """Observations answered a second."""
        return self.observations / self.seconds if self.seconds else 0.0

    @property
    def latencies_ms(self) -> NDArray[np.float64]:
        """Latencies so far, in milliseconds."""
        return np.array(self.latencies) * 1e3

    def percentile_ms(self, percent: float) -> float:
        """The latency that `percent` of the requests did not exceed; one that occurred. NaN for none."""
        return _percentile(self.latencies_ms, percent)


def _percentile(latencies_ms: NDArray[np.float64], percent: float) -> float:
    if not latencies_ms.size:
        return math.nan
    # in so many decimals, or a rounding error in the product would be one request more
    rank = math.ceil(round(latencies_ms.size * percent / 100, 6))
    return float(np.partition(latencies_ms, rank - 1)[rank - 1])


def percentiles_ms(latencies_ms: NDArray[np.float64]) -> dict[float, float]:
    """The usual percentiles of latencies, as far as there are enough of them to tell."""
    told = [percent for percent in PERCENTILES if latencies_ms.size * (100 - percent) >= 100 - 1e-6 or percent == 50]
    return {percent: _percentile(latencies_ms, percent) for percent in told if latencies_ms.size}


def histogram(latencies_ms: NDArray[np.float64]) -> list[Bar]:
    """Latencies in bars that each reach as many times further as the one before: the tail is seen beside the bulk."""
    if not latencies_ms.size:
        return []
    fastest, slowest = float(latencies_ms.min()), float(latencies_ms.max())
    if fastest <= 0 or fastest == slowest:
        return [Bar(slowest, latencies_ms.size)]
    edges = np.geomspace(fastest, slowest, _BARS + 1)
    # rounding must lose neither end
    edges[0], edges[-1] = fastest, slowest
    counts, _ = np.histogram(latencies_ms, edges)
    return [Bar(float(edge), int(count)) for edge, count in zip(edges[1:], counts, strict=True)]
