"""With a rate, requests are due by the clock and not by answers; without one they follow each other."""

from collections.abc import Sequence

import numpy as np
import pytest
from stream_filters_client.protocol.routing import TRANSPORTS
from stream_filters_client.replays.groups import grouped
from stream_filters_client.replays.pace import Pace, Schedule
from stream_filters_client.replays.replay import Status
from stream_filters_client.scoring import scores
from stream_filters_client.terminal.progress import line

from tests.client.stub_client import StubClient, streams

# ten rows at a hundred a second
PERIOD_SECONDS = 0.1
OPEN = Pace(batch=10, rate=100.0)
ANSWER_SECONDS, STALL_SECONDS, STALLED = 0.01, 1.0, 3


def stalling(number: int) -> float:
    return STALL_SECONDS if number == STALLED else ANSWER_SECONDS


def test_an_answer_that_comes_late_is_charged_for_the_requests_that_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    (replay,) = streams(1, 200)
    client = StubClient(stalling)
    client.replayed(monkeypatch, [replay], OPEN)
    due = PERIOD_SECONDS * np.arange(20)
    done = np.empty(20)
    for number in range(20):
        begun = due[number] if number == 0 else max(due[number], done[number - 1])
        done[number] = begun + stalling(number)
    assert list(replay.latencies) == pytest.approx(done - due)
    assert sum(latency > 2 * ANSWER_SECONDS for latency in replay.latencies) == 11


def test_the_schedule_does_not_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    (replay,) = streams(1, 50_000)
    client = StubClient(stalling)
    client.replayed(monkeypatch, [replay], OPEN)
    sent = np.array(client.sent_seconds[0]) - client.sent_seconds[0][0]
    punctual = np.flatnonzero(np.abs(sent - PERIOD_SECONDS * np.arange(5_000)) < 1e-6)
    # all but those behind the stalled one
    assert set(range(5_000)) - set(punctual.tolist()) == set(range(STALLED + 1, STALLED + 11))


def test_without_a_rate_a_request_follows_the_answer_and_is_charged_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    (replay,) = streams(1, 100)
    client = StubClient(stalling)
    client.replayed(monkeypatch, [replay], Pace(batch=10))
    assert list(replay.latencies) == pytest.approx([stalling(number) for number in range(10)])
    sent = np.array(client.sent_seconds[0]) - client.sent_seconds[0][0]
    assert sent == pytest.approx(np.cumsum([0.0, *replay.latencies[:-1]]))


def test_the_requests_of_many_streams_are_spread_over_the_time_between_two(monkeypatch: pytest.MonkeyPatch) -> None:
    client = StubClient(lambda _: ANSWER_SECONDS)
    client.replayed(monkeypatch, streams(4, 20), OPEN)
    begins = np.array([sent[0] for sent in client.sent_seconds])
    assert begins - begins[0] == pytest.approx(PERIOD_SECONDS * np.array([0.0, 0.25, 0.5, 0.75]))


def test_a_source_with_nothing_to_send_moves_the_schedule_and_is_not_charged_to_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ready = [0.0, 0.0, 5.0, 5.0, 5.0]
    (replay,) = streams(1, 50, ready)
    client = StubClient(lambda _: ANSWER_SECONDS)
    client.replayed(monkeypatch, [replay], OPEN)
    sent = np.array(client.sent_seconds[0]) - client.sent_seconds[0][0]
    assert sent == pytest.approx([0.0, 0.1, 5.0, 5.1, 5.2])
    assert list(replay.latencies) == pytest.approx([ANSWER_SECONDS] * 5)


def test_no_more_requests_are_under_way_than_a_server_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    client = StubClient(lambda _: ANSWER_SECONDS)
    replays = streams(300, 20)
    client.replayed(monkeypatch, replays, Pace(batch=10))
    assert client.most_at_once == 128
    assert client.answered == 600
    assert {replay.status for replay in replays} == {Status.DONE}


def test_streams_that_wait_for_their_turn_end_when_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    client = StubClient(lambda _: ANSWER_SECONDS)
    replays = streams(3, 1_000)
    client.replayed(monkeypatch, replays, Pace(batch=10, rate=1.0), stop_seconds=15.0)
    assert {replay.status for replay in replays} == {Status.INTERRUPTED}
    # they began after 0, 3.3 and 6.7 s, and have a request every 10 s
    assert [replay.recording.count for replay in replays] == [20, 20, 10]
    assert client.ended == 3


def test_the_moment_of_a_row_is_exact_however_many_there_were() -> None:
    schedule = Schedule(3.0, 100.0)
    due = [schedule.due_seconds(7) for _ in range(1_000_001)]
    assert due[-1] == 100.0 + 7_000_000 / 3.0


def test_the_streams_take_the_way_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for transport in TRANSPORTS:
        client = StubClient(lambda _: ANSWER_SECONDS)
        client.replayed(monkeypatch, streams(2, 20), Pace(transport=transport))
        assert client.transports == {transport}


def test_a_line_counts_the_streams_of_a_group_and_scores_the_one_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    client = StubClient(lambda _: ANSWER_SECONDS)
    replays = streams(3, 1_000)
    client.replayed(monkeypatch, replays, Pace(batch=10, rate=1.0), stop_seconds=15.0)
    (group,) = grouped(replays, shown=2)
    # 50 rows in the 15 s between the first request and the end
    assert line(group) == "stub: 50/3,000 observations, 3 streams, 3 interrupted, 3/s, answers in 10 ms"
    assert group.shown is replays[1]
    # a group of its own beside those of scenarios has one stream
    assert grouped(replays[:1], shown=2)[0].shown is replays[0]


def test_answers_may_come_while_their_latencies_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    client = StubClient(lambda _: ANSWER_SECONDS)
    replays = streams(1, 50)
    client.replayed(monkeypatch, replays, OPEN)
    (group,) = grouped(replays)

    def answered_meanwhile(seconds: Sequence[float]) -> None:
        looked_at = np.asarray(seconds)
        replays[0].latencies.append(7.0)
        assert len(looked_at) == 5

    monkeypatch.setattr(scores, "latency", answered_meanwhile)
    assert group.speed() == {}
    assert len(replays[0].latencies) == 6
