"""Times of observations: the usual step, and the time from each to the next."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np

from stream_filters_client.input.choice import choose
from stream_filters_client.input.layout import Stamp, shown
from stream_filters_client.input.moments import DAY, EPOCH, HOUR, SECOND, Moment, day_of, month_of
from stream_filters_client.input.notations import NUMBER
from stream_filters_client.input.numbers import Numbers, Unreadable
from stream_filters_client.protocol.codec import Array

_FIXED = {
    "seconds": SECOND,
    "minutes": 60 * SECOND,
    "hours": HOUR,
    "days": DAY,
    "weeks": 7 * DAY,
}
_CALENDAR = {"months": 1, "quarters": 3, "years": 12}
UNITS = (*_FIXED, *_CALENDAR)
# what calendars, and the axes of pictures, can show
_FIRST, _END = ((date(year, 1, 1).toordinal() - EPOCH) * DAY for year in (1, 9999))
_ZONE_NAME = re.compile(r"\d\s*([A-Z]{2,5}|[A-Z][a-z]+/[A-Za-z_]+)$")
# a place on the axis of time, exactly
_Place = int | Fraction


@dataclass(frozen=True, slots=True)
class Steps:
    """The times of a source. unit: of one step, empty where they are numbers. usual: the usual step, in units.

    count, others: how many steps there are, and how many are not the usual one; None where not all rows are known.
    """

    column: str
    notation: str
    unit: str
    usual: float
    count: int | None = None
    others: int | None = None

    @property
    def told(self) -> str:
        """In words: `600 seconds, 3 of 59 steps differ`."""
        told = f"{self.usual:.6g} {self.unit.removesuffix('s') if self.usual == 1 else self.unit}".strip()
        if self.count is None:
            return f"{told}, by the first two rows"
        return f"{told}, {self.others:,} of {self.count:,} steps differ" if self.others else told

    def after(self, stamp: Stamp, count: int) -> Array:
        """The stamps of the next `count` rows, a usual step apart."""
        ahead = np.arange(1, count + 1)
        if not isinstance(stamp, np.datetime64):
            return stamp + self.usual * ahead
        if self.unit in _CALENDAR:
            month = stamp.astype("datetime64[M]")
            later: Array = (month + np.round(ahead * self.usual * _CALENDAR[self.unit]).astype(int)) + (stamp - month)
            return later
        return stamp + np.round(ahead * self.usual * _FIXED[self.unit]).astype("timedelta64[ns]")


class Clock:
    """Stamps, row by row, as the time since the one before; the first row counts one usual step.

    cells: the stamps known so far, from which notation, unit and usual step are found out; whole: they are all.
    Raises BadInput where there is more than one way to read them.
    """

    def __init__(
        self, column: str, cells: Sequence[object], form: str | None, unit: str | None, *, whole: bool
    ) -> None:
        self._numbers = Numbers()
        typed = [cell for cell in cells if isinstance(cell, Moment)]
        texts = [text for cell in cells if not isinstance(cell, Moment) and (text := as_text(cell))]
        self._numbers.learn(text for text in texts if "," in text)
        self._notation = choose(column, [self._plain(text) for text in texts], form, whole=whole) if texts else None
        read = (self._moment(cell) for cell in cells)
        known = typed or [moment for moment in read if moment is not None]
        self._zoned = next((moment.zoned for moment in known if moment.zoned is not None), None)
        self._last: Moment | None = None
        self._passed_days = 0
        self._place, self._scale, told = _axis(known, unit, whole=whole)
        places = [self._place(moment) for moment in known]
        # a time of day goes on at midnight
        turn = DAY if known and known[0].kind == "clock" else None
        steps = [step for before, after in pairwise(places) if (step := _modulo(after - before, turn)) > 0]
        self._usual = usual_step(steps) or self._scale
        self._backwards = whole and len(known) > 2 and not steps
        others = sum(step != self._usual for step in steps)
        name = "of the column's type" if typed else "" if self._notation is None else self._notation.name
        counts = (len(steps), others) if whole else (None, None)
        self.steps = Steps(column, name, told, float(self._usual) / self._scale, *counts)

    def advance(self, cell: object) -> tuple[float, Stamp]:
        """Time since the stamp before, and the stamp. Raises Unreadable."""
        moment = self._moment(cell)
        if moment is None:
            raise Unreadable(self._unread(as_text(cell)))
        if moment.kind == "date" and not _FIRST <= moment.at < _END:
            raise Unreadable(
                f"time {shown(as_text(cell))} is not in the years 1 to 9998, and may stand for none at all"
            )
        self._check_zone(cell, moment)
        moment = moment._replace(at=moment.at + self._passed_days * DAY)
        last, elapsed = self._last, self._usual
        if last is not None:
            if moment.kind == "clock" and last.at - moment.at > DAY // 2:
                # a time of day goes on at midnight
                self._passed_days += 1
                moment = moment._replace(at=moment.at + DAY)
            elapsed = self._place(moment) - self._place(last)
            if elapsed <= 0:
                raise Unreadable(self._not_after(cell, last.at - moment.at, last))
        self._last = moment
        return float(elapsed) / self._scale, _stamp(moment)

    def _moment(self, cell: object) -> Moment | None:
        if isinstance(cell, Moment):
            return cell
        text = as_text(cell)
        return self._notation.read(self._plain(text)) if text and self._notation is not None else None

    def _plain(self, text: str) -> str:
        """A number in its own style as Python writes it, anything else as it is."""
        if "," not in text or not re.fullmatch(r"[\d.,+\- ]+", text):
            return text
        try:
            return self._numbers.plain(text)
        except Unreadable:
            return text

    def _unread(self, text: str) -> str:
        if not text:
            return "the row has no time; --on-bad-row skip leaves such rows out"
        if zone := _ZONE_NAME.search(text):
            return f"time {shown(text)}: the zone {zone[1]!r} can be more than one; write it as +01:00, or times in UTC"
        if self._notation is None or self._notation is NUMBER:
            return f"time {shown(text)} is neither a number nor a date such as 2024-03-31 22:00; see --time-format"
        return f"time {shown(text)} is not written as {self._notation.name}; see --time-format"

    def _check_zone(self, cell: object, moment: Moment) -> None:
        if moment.zoned is None:
            return
        if self._zoned is None:
            self._zoned = moment.zoned
        if moment.zoned != self._zoned:
            others, this = ("have a zone", "none") if self._zoned else ("have no zone", "one")
            raise Unreadable(
                f"time {shown(as_text(cell))}: the times before {others}, this one has {this}; write all in UTC"
            )

    def _not_after(self, cell: object, back: int | Decimal, last: Moment) -> str:
        time = f"time {shown(as_text(cell))}"
        if self._backwards:
            return f"{time}: the times run backwards, the newest row first; sort the rows, oldest first"
        if self._in_repeated_hour(back, last):
            return (
                f"{time} comes again, as when daylight saving ends; "
                "write times in UTC, or with their zone as in 02:00+01:00"
            )
        if back == 0:
            return f"{time} is that of the row before; --on-bad-row skip keeps the first of them"
        return f"{time} is before that of the row before; sort the rows by time, or see --on-bad-row"

    def _in_repeated_hour(self, back: int | Decimal, last: Moment) -> bool:
        """Whether this is a step that the end of daylight saving time takes, on a night to Sunday."""
        if last.kind != "date" or last.zoned or not 0 < HOUR - back <= self._usual <= HOUR:
            return False
        return day_of(last).weekday() == 6 and int(last.at) % DAY < 4 * HOUR


def _modulo(step: _Place, turn: int | None) -> _Place:
    return step if turn is None else step % turn


def as_text(cell: object) -> str:
    """A cell as text; empty where there is none."""
    if isinstance(cell, Moment):
        return str(np.datetime64(int(cell.at) // 1_000, "us")) if cell.kind == "date" else f"{int(cell.at) / SECOND} s"
    return "" if cell is None else str(cell).strip()


def usual_step(steps: Sequence[_Place]) -> _Place | None:
    """The step that most rows take, or else the median; None without steps."""
    if not steps:
        return None
    step, count = Counter(steps).most_common(1)[0]
    # gaps are longer than the usual step, hardly anything is shorter
    return step if 2 * count > len(steps) else sorted(steps)[(len(steps) - 1) // 2]


def _axis(moments: Sequence[Moment], unit: str | None, *, whole: bool) -> tuple[Callable[[Moment], _Place], int, str]:
    """Where a moment is on the axis of time, how much of it is one unit, and the unit's name.

    unit: the one asked for.
    """
    kind = moments[0].kind if moments else "number"
    if kind == "number":
        return (lambda moment: Fraction(moment.at)), 1, unit or ""
    if kind == "date" and whole and unit in {None, *_CALENDAR} and _at_whole_months(moments):
        named = moments[0].unit if moments[0].unit in _CALENDAR else "months"
        return month_of, _CALENDAR[unit or named], unit or named
    finest = {moment.unit for moment in moments}
    unit = unit or ("seconds" if "seconds" in finest else "days" if len(finest) > 1 else finest.pop())
    if unit in _CALENDAR and kind == "date":
        return _exact_month, _CALENDAR[unit], unit
    return (lambda moment: int(moment.at)), _FIXED.get(unit, SECOND), unit


def _at_whole_months(moments: Sequence[Moment]) -> bool:
    """Whether all are of months, or at the same day of different months, or at their ends."""
    if any(moment.at % DAY for moment in moments):
        return False
    days = [day_of(moment) for moment in moments]
    months = {(day.year, day.month) for day in days}
    same = len({day.day for day in days}) == 1
    ends = all(day_of(moment._replace(at=moment.at + DAY)).day == 1 for moment in moments)
    return (same or ends) and len(months) == len(days) and (len(days) > 2 or moments[0].unit in _CALENDAR)


def _exact_month(moment: Moment) -> Fraction:
    day = day_of(moment)
    begin = day.replace(day=1)
    end = begin.replace(year=day.year + day.month // 12, month=day.month % 12 + 1)
    since = moment.at - (begin.toordinal() - EPOCH) * DAY
    return month_of(moment) + Fraction(int(since), (end - begin).days * DAY)


def _stamp(moment: Moment) -> Stamp:
    if moment.kind == "date":
        at = int(moment.at)
        # microseconds reach further than nanoseconds
        return np.datetime64(at, "ns") if at % 1_000 else np.datetime64(at // 1_000, "us")
    return float(moment.at) if moment.kind == "number" else int(moment.at) / SECOND
