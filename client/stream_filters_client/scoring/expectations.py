"""What a replay is expected to reach: `--expect 'position_rmse_ratio<=1.05'`."""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stream_filters_client.errors import BadInput

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_FORM = re.compile(r"\s*(?:(?P<stream>[\w.-]+):)?(?P<score>\w+)\s*(?P<comparison>[<>]=?)\s*(?P<limit>\S+)\s*")


@dataclass(frozen=True, slots=True)
class Expectation:
    """A score, of one stream or of all of them, and the limit that it has to keep."""

    text: str
    stream: str | None
    score: str
    comparison: str
    limit: float

    def met(self, value: float) -> bool:
        """Whether the value keeps the limit; NaN never does."""
        return not math.isnan(value) and _COMPARISONS[self.comparison](value, self.limit)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one expectation came out for one stream."""

    expectation: Expectation
    stream: str
    value: float

    @property
    def met(self) -> bool:
        """Whether it was met."""
        return self.expectation.met(self.value)


def parse(text: str) -> Expectation:
    """An expectation from `[stream:]score<=number`. Raises BadInput."""
    found = _FORM.fullmatch(text)
    try:
        limit = float(found["limit"]) if found else math.nan
    except ValueError:
        limit = math.nan
    if found is None or math.isnan(limit):
        raise BadInput(f"--expect {text!r} cannot be read; write it as in --expect 'position_rmse_ratio<=1.05'")
    return Expectation(text.strip(), found["stream"], found["score"], found["comparison"], limit)


def judge(expectations: list[Expectation], scores: Mapping[str, Mapping[str, float]]) -> list[Verdict]:
    """Every expectation for every stream that it is about; scores: stream -> score -> value.

    Raises BadInput for a score that no stream has, or a stream that is not there.
    """
    verdicts = []
    for expectation in expectations:
        streams = [
            name
            for name in scores
            if expectation.stream in {None, name} and (expectation.stream or expectation.score in scores[name])
        ]
        for name in streams:
            if expectation.score not in scores[name]:
                streams = []
                break
            verdicts.append(Verdict(expectation, name, scores[name][expectation.score]))
        if not streams:
            known = sorted({score for values in scores.values() for score in values})
            raise BadInput(
                f"--expect {expectation.text!r}: no stream has this score; "
                f"the streams are {', '.join(scores)}, the scores {', '.join(known)}"
            )
    return verdicts
