"""How filters and baselines rank on the same rows of the same data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream_filters_client.scoring import baselines

Array = NDArray[Any]

# differences that chance makes on a few hundred rows
_SAME_NATS = 0.02


@dataclass(frozen=True, slots=True)
class Place:
    """One of a ranking. log_score_mean: nats a row, over the rows that all have scored."""

    name: str
    is_filter: bool
    log_score_mean: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best first. rows: how many were scored by all."""

    rows: int
    places: Sequence[Place]

    @property
    def best_filter(self) -> Place:
        """The filter that did best."""
        return next(place for place in self.places if place.is_filter)

    @property
    def told(self) -> str:
        """In words, with a warning where a baseline did better than every filter."""
        listed = ", ".join(f"{place.name} {place.log_score_mean:.3f}" for place in self.places)
        best, first = self.best_filter, self.places[0]
        told = f"log score of a row, best first: {listed} (over {self.rows:,} rows)"
        if first.log_score_mean - best.log_score_mean > _SAME_NATS:
            told += f"; {first.name} does better than {best.name}, which does not fit these data well"
            told += "; see --model all" if sum(place.is_filter for place in self.places) == 1 else ""
        return told


def rank(observations: Array, log_evidence: Mapping[str, Array], burn_in: int) -> Ranking | None:
    """Rank filters by their log evidences [T], beside the baselines; None where there is nothing to compare."""
    each = {**log_evidence, **baselines.log_scores(observations)}
    scored = np.isfinite(np.array(list(each.values()))).all(axis=0)
    scored[:burn_in] = False
    if not log_evidence or not scored.any():
        return None
    places = [Place(name, name in log_evidence, float(np.mean(values[scored]))) for name, values in each.items()]
    return Ranking(int(scored.sum()), sorted(places, key=lambda place: -place.log_score_mean))
