"""A latency objective, and the search for the highest rate that keeps it."""

import math
import re
from dataclasses import dataclass

from stream_filters_client.bench.measurements import Notes
from stream_filters_client.errors import BadInput

_FORM = re.compile(r"\s*p(?P<percent>\d+(?:\.\d+)?)\s*<=\s*(?P<limit>\d+(?:\.\d+)?)\s*(?P<unit>ms|s)\s*")
# an answered rate of less than this share of the rate asked for is no rate that is kept
_LEAST_SHARE = 0.95
# rates closer than this are one
_PRECISION = 1.05
_MOST_TRIALS = 12


@dataclass(frozen=True, slots=True)
class Objective:
    """`percent` of the requests are answered within limit_ms."""

    text: str
    percent: float
    limit_ms: float

    @property
    def least_requests(self) -> int:
        """How many requests it takes to tell."""
        return math.ceil(1 / (1 - self.percent / 100))

    def met(self, notes: Notes, rate: float) -> bool:
        """Whether a load of `rate` requests a second kept it: in time, none failed, and none put off."""
        kept = notes.answered >= self.least_requests and notes.requests_per_second >= _LEAST_SHARE * rate
        return kept and not notes.failed and notes.percentile_ms(self.percent) <= self.limit_ms


def parse(text: str) -> Objective:
    """An objective from `p99<=20ms`. Raises BadInput."""
    found = _FORM.fullmatch(text)
    percent = float(found["percent"]) if found else math.nan
    if found is None or not 0 < percent < 100:
        raise BadInput(f"--objective {text!r} cannot be read; write it as in --objective 'p99<=20ms'")
    return Objective(text.strip(), percent, float(found["limit"]) * (1.0 if found["unit"] == "ms" else 1e3))


class Search:
    """Which rate to try next: up or down in large steps until the best is bracketed, then half-way between.

    rate: to try now. best: the highest that kept the objective, 0 for none. lowest: a rate that is not worth trying.
    """

    def __init__(self, rate: float, lowest: float) -> None:
        self.rate = max(rate, lowest)
        self.best = 0.0
        self._lowest = lowest
        self._worst = math.inf
        self._trials = 0

    @property
    def is_over(self) -> bool:
        """Whether the best rate is known well enough, or is not worth another trial."""
        if self._trials >= _MOST_TRIALS or self._worst <= self._lowest:
            return True
        return self.best > 0 and self._worst <= self.best * _PRECISION

    def tell(self, *, met: bool) -> None:
        """How the trial of `rate` came out."""
        self._trials += 1
        if met:
            self.best = max(self.best, self.rate)
        else:
            self._worst = min(self._worst, self.rate)
        if self.best == 0:
            self.rate = max(self._worst / 3, self._lowest)
        elif self._worst == math.inf:
            self.rate = self.best * 2
        else:
            self.rate = math.sqrt(self.best * self._worst)
