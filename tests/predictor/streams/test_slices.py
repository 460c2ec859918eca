"""Long runs end soon when nobody waits for them, or when they cost too much; cut or whole, they give the same bits."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from stream_filters.filters.base import Array, Batch, Step
from stream_filters.refusals import InvalidRequest, TooLarge
from stream_filters.streams.exactly_once import Apply
from stream_filters.streams.runner import Runner
from stream_filters.streams.slices import Budget, GivenUp, run_in_slices
from stream_filters.wire.configs import Binder

from tests.predictor.in_process import TELEMETRY, turn
from tests.running_mean import RunningMean

NAMES = frozenset(["mean", "log_evidence", "predictive_std"])


class Watched(RunningMean):
    """Says how many rows each run had, after it did what it was told."""

    def __init__(self, before: Callable[[int], None] = lambda _: None) -> None:
        super().__init__(self.config_type())
        self.before = before
        self.runs: list[int] = []

    def run(self, state: Array, batch: Batch, names: frozenset[str]) -> Step:
        self.runs.append(len(batch.observations))
        self.before(len(batch.observations))
        return super().run(state, batch, names)


def batch(count: int) -> Batch:
    random = np.random.default_rng(count)
    return Batch(random.standard_normal((count, 1)), np.ones(count), random.uniform(0.5, 2.0, count))


@pytest.mark.parametrize("seconds_per_row", [1e-6, 1e-3, 1.0])
@pytest.mark.parametrize("count", [0, 1, 1024, 1025, 5000])
def test_slices_change_no_bit(count: int, seconds_per_row: float) -> None:
    time = [0.0]

    def work(rows: int) -> None:
        time[0] += rows * seconds_per_row

    bound, rows = Watched(work), batch(count)
    whole = bound.run(bound.initial_state(), rows, NAMES)
    bound.runs.clear()
    cut = run_in_slices(bound, bound.initial_state(), rows, NAMES, Budget(1e9, lambda: time[0]))
    assert cut.state.tobytes() == whole.state.tobytes()
    assert {name: array.tobytes() for name, array in cut.info.items()} == {
        name: array.tobytes() for name, array in whole.info.items()
    }
    assert sum(bound.runs) == count
    if seconds_per_row == 1.0:
        assert all(rows == 1 for rows in bound.runs[1:])


def test_what_costs_too_much_is_refused() -> None:
    time = [0.0]

    def work(rows: int) -> None:
        time[0] += rows * 0.01

    bound = Watched(work)
    with pytest.raises(TooLarge, match=r"more than 20 s .* smaller config"):
        run_in_slices(bound, bound.initial_state(), batch(10_000), NAMES, Budget(20.0, lambda: time[0]))
    # it was noticed within about a slice
    assert 20.0 < time[0] < 21.0


def test_a_run_that_is_given_up_ends_with_its_slice() -> None:
    budget = Budget(1e9)
    bound = Watched(lambda _: budget.give_up())
    with pytest.raises(GivenUp):
        run_in_slices(bound, bound.initial_state(), batch(10_000), NAMES, budget)
    assert bound.runs == [1024]


async def test_a_cancelled_request_stops_its_runs() -> None:
    began, go_on = threading.Event(), threading.Event()

    def work(_: int) -> None:
        began.set()
        assert go_on.wait(60)

    bound = Watched(work)
    executor = ThreadPoolExecutor(2)
    asked = [(turn(name, np.zeros(100_000)), Apply(bound, bound.initial_state().tobytes(), 0)) for name in "ab"]
    running = asyncio.create_task(Runner(executor, 2, TELEMETRY).run(asked))
    await asyncio.to_thread(began.wait, 60)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    go_on.set()
    await asyncio.to_thread(executor.shutdown)
    assert len(bound.runs) <= 2
    assert sum(bound.runs) <= 2048


def test_settings_that_need_a_large_state_are_refused_by_their_size() -> None:
    class Large(RunningMean):
        @property
        def state_dtype(self) -> np.dtype[np.void]:
            return np.dtype([("precision", "<f8"), ("total", "<f8", (int(self.config.prior_std),))])

    bind = Binder(Large, {"prior_std": 2000.0}, state_bytes=10_000)
    assert bind('{"prior_std": 1000}').state_dtype.itemsize == 8008
    with pytest.raises(InvalidRequest, match=r"config: .* state of 24008 bytes, the limit is 16008"):
        bind('{"prior_std": 3000}')
