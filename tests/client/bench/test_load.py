"""A load notes every request that was due, with the time that it waited: on a clock that only the test moves."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from stream_filters_client import Patience, errors
from stream_filters_client.bench import load
from stream_filters_client.bench.load import GRACE_SECONDS, UNANSWERED, Load, Run
from stream_filters_client.bench.measurements import Notes

from tests.client.virtual_time import VirtualTimeLoop


class Stream:
    """Answers each request after so many seconds, or with an error."""

    def __init__(self, client: "Client", answer: Callable[[int], float | Exception]) -> None:
        self.sequence_id = "a stream"
        self._client = client
        self._answer = answer
        self.sent: list[tuple[float, np.ndarray]] = []
        self.ended = False

    async def send(self, rows: np.ndarray) -> None:
        self.sent.append((asyncio.get_running_loop().time(), rows))
        answer = self._answer(len(self.sent) - 1)
        if isinstance(answer, Exception):
            raise answer
        await asyncio.sleep(answer)

    async def end(self) -> None:
        self.ended = True


class Client:
    """Stands for the client; keeps the streams that it opened."""

    def __init__(self, answer: Callable[[int], float | Exception]) -> None:
        self.patience = Patience()
        self.streams: list[Stream] = []
        self._answer = answer

    def stream(self, model: str, *, transport: str) -> Stream:
        assert (model, transport) == ("a model", "auto")
        self.streams.append(Stream(self, self._answer))
        return self.streams[-1]


RunLoad = Callable[..., tuple[Notes, Client]]


@pytest.fixture
def run_load(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunLoad]:
    """Runs a load against streams that answer so; stops it after stop_seconds."""
    loop = VirtualTimeLoop()
    monkeypatch.setattr(time, "perf_counter", loop.time)

    def run(
        answer: Callable[[int], float | Exception], *, stop_seconds: float | None = None, **asked: Any
    ) -> tuple[Notes, Client]:
        client: Any = Client(answer)

        async def main() -> Notes:
            stop = asyncio.Event()
            if stop_seconds is not None:
                asyncio.get_running_loop().call_later(stop_seconds, stop.set)
            running = Run(client, Load("a model", **{"warm_up_seconds": 0.0, **asked}))
            await running.run(stop)
            return running.notes

        return loop.run_until_complete(main()), client

    yield run
    loop.close()


def late(seconds: float) -> Callable[[int], float]:
    """Every answer takes 10 ms, but for that of the 20th request."""
    return lambda index: seconds if index == 20 else 0.01


def test_a_closed_loop_sends_when_it_has_its_answer(run_load: RunLoad) -> None:
    notes, client = run_load(lambda _: 0.05, streams=3, seconds=1.99, batch=4)
    assert notes.codes == {"OK": 3 * 40}
    np.testing.assert_allclose(notes.latencies_ms, 50.0)
    assert notes.requests_per_second == pytest.approx(60.0)
    assert notes.observations_per_second == pytest.approx(240.0)
    assert all(stream.ended for stream in client.streams)


def test_an_open_loop_sends_on_time_the_streams_in_turn(run_load: RunLoad) -> None:
    notes, client = run_load(lambda _: 0.05, streams=4, rate=20.0, seconds=2.0)
    sent = [[moment - 1_000.0 for moment, _ in stream.sent] for stream in client.streams]
    for number, times in enumerate(sent):
        # a timer may be late by a millisecond, so it is set early by one
        np.testing.assert_allclose(times, 0.05 * number + 0.2 * np.arange(10), atol=1.1e-3)
    assert notes.codes == {"OK": 40}


def test_what_waits_behind_a_late_answer_counts_its_waiting(run_load: RunLoad) -> None:
    closed, _ = run_load(late(0.5), seconds=2.0)
    assert sum(latency > 0.1 for latency in closed.latencies) == 1
    opened, _ = run_load(late(0.5), rate=50.0, seconds=2.0)
    # the k-th behind it is due 20 ms * k later, and answered 10 ms * k later
    behind = 0.5 - 0.01 * np.arange(1, 49)
    np.testing.assert_allclose(opened.latencies[21:69], behind, atol=2e-3)
    assert len(opened.latencies) == 100


def test_nothing_that_was_due_is_left_out_when_the_server_is_too_slow(run_load: RunLoad) -> None:
    notes, client = run_load(lambda _: 0.1, rate=50.0, seconds=3.0)
    assert sum(notes.codes.values()) == 150
    assert notes.answered == pytest.approx((3.0 + GRACE_SECONDS) / 0.1, abs=1)
    assert notes.codes[UNANSWERED] == 150 - notes.answered
    assert len(client.streams[0].sent) <= notes.answered + 1
    # the last request was due just before the end, and waited all the grace
    assert notes.latencies[-1] == pytest.approx(GRACE_SECONDS, abs=0.05)


def test_the_warm_up_does_not_count(run_load: RunLoad) -> None:
    notes, client = run_load(lambda index: 0.5 if index < 2 else 0.01, seconds=1.0, warm_up_seconds=1.0)
    assert max(notes.latencies) < 0.02
    assert notes.seconds == pytest.approx(1.0, abs=0.02)
    assert len(client.streams[0].sent) == len(notes.latencies) + 2


@pytest.mark.parametrize("rate", [None, 40.0])
def test_as_many_are_sent_as_were_asked_for(run_load: RunLoad, rate: float | None) -> None:
    notes, _ = run_load(lambda _: 0.01, streams=3, requests=100, rate=rate, warm_up_seconds=0.5)
    assert sum(notes.codes.values()) == 100


def test_an_interruption_ends_the_streams_and_keeps_what_there_is(run_load: RunLoad) -> None:
    notes, client = run_load(lambda index: 0.1 if index < 5 else 1e6, streams=2, seconds=60.0, stop_seconds=3.0)
    assert notes.codes == {"OK": 10, UNANSWERED: 2}
    assert notes.seconds == pytest.approx(3.0 + GRACE_SECONDS, abs=0.01)
    assert all(stream.ended for stream in client.streams)


def test_failures_are_counted_by_their_codes_and_the_load_goes_on(run_load: RunLoad) -> None:
    away, lost = errors.ServerUnavailable("away"), errors.SequenceLost("lost")
    away.code, lost.code = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND
    notes, client = run_load(lambda index: {3: away, 4: away, 6: lost}.get(index, 0.1), seconds=2.0)
    assert (notes.codes["UNAVAILABLE"], notes.codes["NOT_FOUND"]) == (6, 2)
    # the stream that was lost is begun anew, and loses the next one, too
    assert len(client.streams) == 3
    assert notes.failed == 8
    # the pause after a failure is the load's own
    assert sum(latency < 0.05 for latency in notes.latencies) == 8


def test_a_load_that_can_never_succeed_is_refused_at_once(run_load: RunLoad) -> None:
    with pytest.raises(errors.InvalidRequest, match="never"):
        run_load(lambda _: errors.InvalidRequest("never"), streams=3)


def test_rows_are_seeded_go_on_without_a_jump_and_have_the_dimension() -> None:
    def first(requests: int, **asked: Any) -> np.ndarray:
        rows = Load("a model", **asked).rows(0)
        return np.concatenate([next(rows) for _ in range(requests)])

    assert (first(9, batch=3, seed=4) == first(27, seed=4)).all()
    assert (first(9, seed=4) != first(9, seed=5)).all()
    assert first(2, batch=7, dimension=3).shape == (14, 3)
    assert np.abs(np.diff(first(3 * load.ROWS // 2))).max() < 3.0
