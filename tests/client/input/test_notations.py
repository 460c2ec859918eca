"""Times in every notation are the time from row to row, or refused where they may be meant in two ways."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_filters_client.errors import BadInput
from stream_filters_client.input.layout import Layout
from stream_filters_client.input.times import Clock

from tests.client.input.written import TEXTS, VALUES, dates, months, read, table

TEN, DAY = timedelta(minutes=10), timedelta(days=1)


@pytest.mark.parametrize(
    ("times", "unit", "usual"),
    [
        (dates("%Y-%m-%d %H:%M", TEN), "seconds", 600),
        (dates("%Y-%m-%dT%H:%M:%SZ", TEN), "seconds", 600),
        (dates("%Y-%m-%dT%H:%M:%S.123456789Z", TEN), "seconds", 600),
        (dates("%Y-%m-%d %H:%M:%S UTC", TEN), "seconds", 600),
        (dates("%Y-%m-%d %H:%M:%S+0100", TEN), "seconds", 600),
        (dates("%Y/%m/%d", DAY), "days", 1),
        (dates("%m/%d/%Y %H:%M", TEN), "seconds", 600),
        (dates("%m/%d/%Y %I:%M %p", TEN), "seconds", 600),
        (dates("%d.%m.%Y %H:%M", TEN), "seconds", 600),
        (dates("%d/%m/%y", DAY), "days", 1),
        (dates("%d %b %Y", DAY), "days", 1),
        (dates("%B %d, %Y", DAY), "days", 1),
        (dates("%d/%b/%Y:%H:%M:%S +0000", TEN), "seconds", 600),
        (dates("%a, %d %b %Y %H:%M:%S GMT", TEN), "seconds", 600),
        (dates("%a %b %d %H:%M:%S %Y", TEN), "seconds", 600),
        (dates("%Y%m%d", DAY), "days", 1),
        (dates("%d%m%Y", DAY), "days", 1),
        (dates("%y%m%d", DAY), "days", 1),
        (dates("%Y%j", DAY, datetime(2023, 12, 1)), "days", 1),
        (dates("%Y%m%d%H%M", TEN), "seconds", 600),
        (dates("%Y%m%d%H%M%S", TEN), "seconds", 600),
        (dates("%Y%m%d%H", timedelta(hours=1)), "seconds", 3600),
        (dates("%Y%m%dT%H%M%SZ", TEN), "seconds", 600),
        (dates("%H%M%S", timedelta(seconds=20), datetime(2024, 1, 1, 10)), "seconds", 20),
        (dates("%H:%M:%S", timedelta(seconds=20)), "seconds", 20),
        (dates("%H:%M", timedelta(minutes=30)), "seconds", 1800),
        (dates("%I:%M %p", timedelta(minutes=30)), "seconds", 1800),
        (dates("%G-W%V", 7 * DAY), "weeks", 1),
        (dates("%GW%V", 7 * DAY), "weeks", 1),
        (dates("%G%V", 7 * DAY), "weeks", 1),
        (dates("%G-W%V-%u", DAY), "days", 1),
        (months(lambda year, month: f"{year}-{month:02}"), "months", 1),
        (months(lambda year, month: f"{year}{month:02}"), "months", 1),
        (months(lambda year, month: f"{year}M{month:02}"), "months", 1),
        (months(lambda year, month: f"{month:02}/{year}"), "months", 1),
        (months(lambda year, month: f"{datetime(year, month, 1):%b-%y}"), "months", 1),
        (months(lambda year, month: f"{year}-{month:02}-01"), "months", 1),
        (months(lambda year, month: f"{datetime(year + month // 12, month % 12 + 1, 1) - DAY:%Y-%m-%d}"), "months", 1),
        ([f"{2000 + index // 4}Q{index % 4 + 1}" for index in range(60)], "quarters", 1),
        ([f"Q{index % 4 + 1}-{2000 + index // 4}" for index in range(60)], "quarters", 1),
        ([f"{2000 + index // 4}-Q{index % 4 + 1}" for index in range(60)], "quarters", 1),
        ([str(1900 + index) for index in range(60)], "", 1),
        ([f"{1959 + index / 4}" for index in range(60)], "", 0.25),
        ([str(1_706_652_000 + 600 * index) for index in range(60)], "", 600),
        ([str(1_706_652_000_123_456_789 + index) for index in range(60)], "", 1),
        ([f"{index // 60}:{index % 60:02}:00" for index in range(60)], "seconds", 60),
        ([f"{index} days 00:00:00" for index in range(60)], "seconds", 86_400),
    ],
)
def test_times_in_any_notation_are_steps_of_time(tmp_path: Path, times: list[str], unit: str, usual: float) -> None:
    source = read(tmp_path, table(times, between="|"))
    assert source.steps is not None
    assert (source.steps.unit, source.steps.usual, source.steps.others) == (unit, usual, 0)
    assert [(row.values[0], row.time_delta) for row in source.rows] == [(value, usual) for value in VALUES]


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        ([f"{1 + index // 12:02}/{1 + index % 12:02}/2024" for index in range(12)], "DD/MM/YYYY or MM/DD/YYYY"),
        ([f"0{index}/02/2024" for index in range(1, 10)], "DD/MM/YYYY or MM/DD/YYYY"),
        ([str(100_000 + index) for index in range(40)], "number or HHMMSS"),
        ([f"2000{index:02}" for index in range(1, 13)], "may be number or YYYYMM"),
        (["2024-01-30 22:00 CET"] * 3, "line 2, column 't': time '2024-01-30 22:00 CET': the zone 'CET'"),
        (["2024-01-30 22:00", "2024-01-30 22:01Z"], "line 3, column 't': .*before have no zone, this one has one"),
        (["2024-10-27 02:00", "2024-10-27 02:30", "2024-10-27 02:00"], "line 4, .* daylight saving"),
        (["2024-10-27 01:00", "2024-10-27 02:00", "2024-10-27 02:00", "2024-10-27 03:00"], "line 4, .* daylight"),
        (["0", "1", "1", "2"], "line 4, column 't': time '1' is that of the row before; --on-bad-row skip"),
        (["0", "2", "1", "3"], "line 4, column 't': time '1' is before that of the row before; sort"),
        (["3", "2", "1"], "line 3, column 't': time '2': the times run backwards, the newest row first"),
        (["2024-01-03", "2024-01-02", "2024-01-01"], "line 3, .* backwards"),
        (["0", "", "1"], "line 3, column 't': the row has no time; --on-bad-row"),
        (["9999-12-31", "9999-12-31"], "line 2, column 't': time '9999-12-31' is not in the years"),
        (["0001-01-01", "10000-01-01"], "line 3, column 't': time '10000-01-01' is not written as YYYY-MM-DD"),
        (["0", "1", "Total"], "line 4, column 't': time 'Total' is neither"),
        (["2024-02-30", "2024-03-01", "2024-03-02"], "line 2, column 't': time '2024-02-30' is not written"),
        (["soon", "later"], "line 2, column 't': time 'soon' is neither .* see --time-format"),
    ],
)
def test_times_that_can_be_meant_otherwise_are_refused(tmp_path: Path, times: list[str], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        read(tmp_path, table(times, TEXTS[: len(times)], between="|"))


@pytest.mark.parametrize(
    ("form", "times", "unit"),
    [
        ("%d/%m/%Y", ["01/02/2024", "02/02/2024"], "days"),
        ("number", ["100000", "100001"], ""),
        ("HHMMSS", ["100000", "100001"], "seconds"),
        ("epoch-ms", ["1706652000000", "1706652001000"], "seconds"),
        ("%Y-%m-%d %H.%M.%S", ["2024-01-30 22.00.00", "2024-01-30 22.00.01"], "seconds"),
        ("%Y-%m-%d %H:%M %z", ["2024-01-30 22:00 +0100", "2024-01-30 22:01 +0100"], "seconds"),
    ],
)
def test_a_format_that_is_told_is_taken(tmp_path: Path, form: str, times: list[str], unit: str) -> None:
    source = read(tmp_path, table(times, TEXTS[:2]), Layout(("v",), "t", time_format=form))
    assert source.steps is not None
    assert source.steps.unit == unit
    assert source.steps.usual in {1, 60}
    with pytest.raises(BadInput, match="--time-format 'soon' is unknown"):
        read(tmp_path, table(times, TEXTS[:2]), Layout(("v",), "t", time_format="soon"))


def test_a_gap_is_a_longer_step_and_told(tmp_path: Path) -> None:
    source = read(tmp_path, table(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-07"], TEXTS[:4]))
    assert [row.time_delta for row in source.rows] == [1, 1, 1, 4]
    assert source.steps is not None
    assert source.steps.told == "1 day, 1 of 3 steps differ"


FORMS = ("%Y-%m-%d %H:%M:%S", "%Y%m%d%H%M%S", "%d.%m.%Y %H:%M:%S", "%d %b %Y %I:%M:%S %p", "%Y-%m-%dT%H:%M:%SZ")


@settings(max_examples=30, derandomize=True, deadline=None)
@given(
    form=st.sampled_from(FORMS),
    begin=st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    steps=st.lists(st.integers(1, 10**6), min_size=12, max_size=40),
)
def test_whatever_the_steps_are_they_come_back(form: str, begin: datetime, steps: list[int]) -> None:
    moments = [begin.replace(microsecond=0)]
    for step in steps:
        moments.append(moments[-1] + timedelta(seconds=step))
    texts = [moment.strftime(form) for moment in moments]
    clock = Clock("t", texts, None, None, whole=True)
    assert [clock.advance(text)[0] for text in texts][1:] == steps
