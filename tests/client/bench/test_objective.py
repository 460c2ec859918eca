"""Percentiles, bars and the search for a rate, beside what sorting and counting by hand give."""

import math

import numpy as np
import pytest
from stream_filters_client import errors
from stream_filters_client.bench.measurements import Notes, histogram, percentiles_ms
from stream_filters_client.bench.objective import Objective, Search, parse

LATENCIES_MS = np.random.default_rng(8).lognormal(1.0, 1.0, size=2_000)


def test_a_percentile_is_a_latency_that_occurred_and_so_many_do_not_exceed() -> None:
    told = percentiles_ms(LATENCIES_MS)
    assert list(told) == [50.0, 75.0, 90.0, 95.0, 99.0, 99.9]
    for percent, value in told.items():
        assert value in LATENCIES_MS
        assert sum(latency <= value for latency in LATENCIES_MS) == math.ceil(len(LATENCIES_MS) * percent / 100)


@pytest.mark.parametrize(
    ("count", "highest"), [(1, 50.0), (9, 75.0), (10, 90.0), (99, 95.0), (100, 99.0), (1_000, 99.9)]
)
def test_only_percentiles_that_so_few_can_tell_are_told(count: int, highest: float) -> None:
    assert max(percentiles_ms(LATENCIES_MS[:count])) == highest


def test_every_latency_is_in_one_bar() -> None:
    bars = histogram(LATENCIES_MS)
    assert sum(bar.count for bar in bars) == len(LATENCIES_MS)
    below = 0
    for bar in bars[:-1]:
        below += bar.count
        assert sum(latency < bar.up_to_ms for latency in LATENCIES_MS) == below
    assert bars[-1].up_to_ms == LATENCIES_MS.max()
    assert histogram(np.full(7, 3.0)) == [type(bars[0])(3.0, 7)]
    assert histogram(np.array([])) == []


@pytest.mark.parametrize(
    ("text", "percent", "limit_ms"), [("p99<=20ms", 99.0, 20.0), (" p99.9 <= 1.5s", 99.9, 1_500.0), ("p50<=7ms", 50, 7)]
)
def test_an_objective_is_read(text: str, percent: float, limit_ms: float) -> None:
    read = parse(text)
    assert (read.percent, read.limit_ms) == (percent, limit_ms)


@pytest.mark.parametrize("text", ["p99", "99<=20ms", "p99<20ms", "p99<=20", "p0<=1ms", "p100<=1ms", "mean<=20ms"])
def test_what_is_no_objective_is_refused(text: str) -> None:
    with pytest.raises(errors.BadInput, match="p99<=20ms"):
        parse(text)


def notes_of(latencies: list[float], seconds: float, failed: int = 0) -> Notes:
    notes = Notes(begin_seconds=5.0)
    for index, latency in enumerate(latencies):
        end = 5.0 + seconds * (index + 1) / len(latencies)
        notes.note(end - latency, end, "UNAVAILABLE" if index < failed else "OK", 1)
    return notes


@pytest.mark.parametrize(
    ("notes", "rate", "met"),
    [
        (notes_of([0.010] * 198 + [0.9] * 2, 2.0), 100.0, True),
        (notes_of([0.010] * 197 + [0.9] * 3, 2.0), 100.0, False),
        (notes_of([0.010] * 200, 2.0), 120.0, False),
        (notes_of([0.010] * 200, 2.0, failed=1), 100.0, False),
        (notes_of([0.010] * 50, 2.0), 25.0, False),
    ],
    ids=["kept", "too many late", "put off", "one failed", "too few to tell"],
)
def test_an_objective_is_met_in_time_without_failures_and_at_the_rate(notes: Notes, rate: float, met: bool) -> None:
    assert Objective("p99<=20ms", 99.0, 20.0).met(notes, rate) is met


@pytest.mark.parametrize("capacity", [3.0, 40.0, 399.0, 900.0, 5_000.0])
def test_the_search_closes_in_on_the_capacity(capacity: float) -> None:
    search = Search(400.0, lowest=1.0)
    tried = []
    while not search.is_over:
        tried.append(search.rate)
        search.tell(met=search.rate <= capacity)
    assert search.best <= capacity
    assert search.best >= capacity / 1.06
    assert len(tried) <= 12


def test_the_search_gives_up_where_too_few_requests_would_tell() -> None:
    search = Search(400.0, lowest=50.0)
    tried = []
    while not search.is_over:
        tried.append(search.rate)
        search.tell(met=False)
    assert search.best == 0
    assert tried[-1] == 50.0
    assert len(tried) <= 4
