from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from stream_filters import checks
from stream_filters.filters import REGISTRY
from stream_filters.filters.base import Batch, Filter, Step

from tests.filters.fuzz import HARDENED
from tests.running_mean import RunningMean, RunningMeanConfig

KINDS: list[type[Filter[Any]]] = [*REGISTRY.values(), RunningMean]


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_registered_filter_keeps_the_contract(
    kind: type[Filter[Any]], check: Callable[[Filter[Any]], None]
) -> None:
    if check is not checks.forged_states_do_no_harm or kind.name in (*HARDENED, RunningMean.name):
        check(kind(kind.config_type()))


def test_a_filter_that_takes_any_state_is_found() -> None:
    class Credulous(RunningMean):
        def verify(self, state: Any) -> None: ...

    with pytest.raises(checks.CheckError, match="verify accepts a state whose precision is not a number"):
        checks.forged_states_do_no_harm(Credulous(RunningMeanConfig()))


def test_a_filter_that_remembers_is_found() -> None:
    class Remembers(RunningMean):
        last = 0.0

        def run(self, state: Any, batch: Batch, names: frozenset[str]) -> Step:
            step = super().run(state, batch, names)
            if state["total"] > 1e200:
                step.state["total"] = self.last
            self.last = float(step.state["total"])
            return step

    with pytest.raises(checks.CheckError, match=r"two runs from a state .* differ"):
        checks.forged_states_do_no_harm(Remembers(RunningMeanConfig()))


@pytest.mark.parametrize("kind", REGISTRY.values(), ids=lambda kind: kind.name)
def test_every_registered_filter_is_stable_over_a_long_stream(kind: type[Filter[Any]]) -> None:
    checks.stays_stable(kind(kind.config_type()), steps=100_000)


def test_too_few_steps_to_tell_a_stable_filter_are_refused() -> None:
    with pytest.raises(ValueError, match="1000 steps came, expected 30000 or more"):
        checks.stays_stable(RunningMean(RunningMeanConfig()), steps=1_000)


class Broken(RunningMean):
    """A running mean with one defect, chosen by name."""

    defect = ""

    def run(self, state: Any, batch: Batch, names: frozenset[str]) -> Step:
        step = super().run(state, batch, names)
        info = dict(step.info)
        if self.defect == "cut":
            step.state["total"] += 1.0
        if self.defect == "shape":
            info = {name: np.append(array, array[-1:], axis=0) for name, array in info.items()}
        if self.defect == "infinite":
            info = {name: np.where(np.isnan(array), np.inf, array) for name, array in info.items()}
        if self.defect == "missing":
            info["log_evidence"] = np.zeros(len(batch.observations))
        if self.defect == "argument" and len(batch.observations):
            batch.observations.flags.writeable = True
            batch.observations[0] = 0.0
        return Step(step.state, info)


@pytest.mark.parametrize(
    ("defect", "check"),
    [
        ("cut", checks.cutting_changes_nothing),
        ("shape", checks.the_declaration_is_true),
        ("infinite", checks.honest_but_odd_data_stays_finite),
        ("missing", checks.missing_rows_teach_nothing),
        ("argument", checks.arguments_are_untouched),
    ],
)
def test_a_defect_is_found(defect: str, check: Callable[[Filter[Any]], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Broken, "defect", defect)
    with pytest.raises(checks.CheckError):
        check(Broken(RunningMeanConfig()))


def test_a_filter_with_a_unit_that_says_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunningMean, "unit_free", True)
    with pytest.raises(checks.CheckError):
        checks.units_change_nothing(RunningMean(RunningMeanConfig(prior_std=0.1)))
