"""A retry is the very same request: whatever changes the stream is in its digest, and nothing else."""

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from stream_filters.refusals import WrongOffset
from stream_filters.store.memory import MemoryStore
from stream_filters.streams import sessions as sessions_module
from stream_filters.streams.exactly_once import Turn
from stream_filters.streams.local_copies import LocalCopies
from stream_filters.streams.records import Belief
from stream_filters.streams.runner import Answer, Runner

from tests.predictor.in_process import BIND, sessions, turn

BOUND = BIND(None)
ROWS = np.array([[1.0], [2.0]])
# each field of a turn that changes its stream, with two values of it
MATTERS: dict[str, tuple[Any, Any]] = {
    "observations": (ROWS, np.array([[1.0], [2.5]])),
    "time_deltas": (np.array([1.0, 2.0]), np.array([1.0, 3.0])),
    "observation_scales": (np.array([1.0, 2.0]), np.array([1.0, 3.0])),
    "start": (False, True),
    "end": (False, True),
    "config": (None, '{"prior_std": 2.0}'),
    "belief": (None, Belief.of(BOUND, 3, BOUND.initial_state().tobytes())),
}
# what only says whom it concerns, or what is to be seen
DOES_NOT: dict[str, tuple[Any, Any]] = {
    "sequence_id": ("a", "b"),
    "names": (frozenset(["mean"]), frozenset(["predictive_mean"])),
    "horizon": (0, 5),
    "offset": (0, 2),
    "like": (None, BOUND),
    "answer_bytes": (10**6, 10**7),
    # looked at before any digest
    "life": (None, 5),
}


def test_every_field_of_a_turn_is_of_one_of_the_two_kinds() -> None:
    assert set(MATTERS) | set(DOES_NOT) == set(Turn._fields)


def plain() -> Turn:
    return Turn("a", ROWS, None, frozenset(["mean"]), offset=0)


@pytest.mark.parametrize("field", MATTERS)
def test_what_changes_the_stream_changes_the_digest(field: str) -> None:
    digests = {plain()._replace(**{field: value}).digest() for value in MATTERS[field]}
    if MATTERS[field][0] is not None and field in ("time_deltas", "observation_scales"):
        digests.add(plain().digest())
        assert len(digests) == 3
    assert len(digests) >= 2


@pytest.mark.parametrize("field", DOES_NOT)
def test_what_does_not_change_the_stream_does_not_change_the_digest(field: str) -> None:
    assert len({plain()._replace(**{field: value}).digest() for value in DOES_NOT[field]}) == 1


@pytest.mark.parametrize("field", ["time_deltas", "observation_scales"])
async def test_a_retry_with_other_steps_or_scales_is_no_retry(field: str, runner: Runner) -> None:
    held = sessions(MemoryStore(), runner)
    await held.apply([turn("a", [0.0], start=True, offset=0)])
    first, other = (plain()._replace(offset=1, **{field: value}) for value in MATTERS[field])
    assert isinstance((await held.apply([first]))[0], Answer)
    (again,) = await held.apply([first])
    assert isinstance(again, Answer)
    assert again.replayed
    assert isinstance((await held.apply([other]))[0], WrongOffset)


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of sessions, copies and stores, by hand."""
    now = [100.0]
    monkeypatch.setattr(
        sessions_module,
        "time",
        SimpleNamespace(monotonic=lambda: now[0], perf_counter=time.perf_counter),
    )
    monkeypatch.setattr(
        sessions_module, "LocalCopies", lambda room, observer: LocalCopies(room, observer, lambda: now[0])
    )
    return now


async def test_a_copy_is_gone_no_later_than_its_stream(seconds: list[float], runner: Runner) -> None:
    class SlowToAnswer(MemoryStore):
        """Has written long before it says so."""

        async def write_many(self, writes: Any) -> Any:
            done = await super().write_many(writes)
            seconds[0] += 4.0
            return done

    held = sessions(SlowToAnswer(lambda: seconds[0]), runner, ttl_seconds=10.0)
    await held.apply([turn("a", [1.0], start=True, offset=0)])
    assert held.copies == 1
    # ten seconds after the store wrote it, six after it said so
    seconds[0] += 6.0
    await held.apply([turn("b", [1.0], start=True, offset=0)])
    assert held.copies == 1
