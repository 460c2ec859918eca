"""What comes from the store is looked through as what comes from a caller."""

from pathlib import Path

import pytest
from stream_filters.filters.base import Array
from stream_filters.refusals import Refusal, Unusable
from stream_filters.store.base import Write
from stream_filters.store.sqlite import SqliteStore
from stream_filters.streams.exactly_once import Turn
from stream_filters.streams.records import Record
from stream_filters.streams.runner import Answer, Runner
from stream_filters.streams.sessions import Limits, Sessions
from stream_filters.wire.configs import Binder

from tests.predictor.in_process import turn
from tests.running_mean import RunningMean


class Strict(RunningMean):
    """Says which states no run has left."""

    def verify(self, state: Array) -> None:
        if not state["precision"] > 0.0:
            raise ValueError("its precision is not positive")


BIND = Binder(Strict, {})


async def only(store: SqliteStore, runner: Runner, asked: Turn) -> Answer | Refusal:
    """As a predictor without a copy of the stream answers."""
    return (await Sessions("model", store, BIND, runner, Limits()).apply([asked]))[0]


@pytest.mark.parametrize("which", ["belief", "previous"])
async def test_a_state_that_no_run_left_is_refused_by_its_streams_name(
    which: str, runner: Runner, tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / "streams.db")
    await store.open()
    last = turn("a", [2.0], offset=1)
    for asked in (turn("a", [1.0], start=True, offset=0), last):
        assert isinstance(await only(store, runner, asked), Answer)
    held = await store.get("model/a")
    assert held is not None
    record = Record.decode(held.value)
    bound = BIND(None)
    forged = bound.initial_state()
    forged["precision"] = -1.0
    belief = getattr(record, which)
    spoilt = record._replace(**{which: belief._replace(state=forged.tobytes())})
    await store.write(Write("model/a", spoilt.encode(), held.version, 60.0))
    # a retry is answered from the state before it, what follows from the last one
    asked = last if which == "previous" else turn("a", [3.0], offset=2)
    refused = await only(store, runner, asked)
    assert isinstance(refused, Unusable)
    assert "'a'" in refused.sentence
    assert "its precision is not positive" in refused.sentence
    assert isinstance(await only(store, runner, turn("a", [7.0], start=True, offset=0)), Answer)
    await store.close()
