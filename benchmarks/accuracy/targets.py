"""What an accuracy target is: a measured number and the range that it has to be in."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    measured: float
    low: float = -math.inf
    high: float = math.inf

    @property
    def met(self) -> bool:
        return self.low <= self.measured <= self.high

    @property
    def wanted(self) -> str:
        if self.low == -math.inf:
            return f"<= {self.high:g}"
        if self.high == math.inf:
            return f">= {self.low:g}"
        return f"{self.low:g} .. {self.high:g}"
