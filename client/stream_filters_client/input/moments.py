"""Dates and times in texts as moments, exactly to the nanosecond."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
# the day number of 1970-01-01
EPOCH = date(1970, 1, 1).toordinal()
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")  # fmt: skip
# digits alone are a date only in years like these
_YEARS = range(1600, 2200)


class Moment(NamedTuple):
    """A time stamp. at: nanoseconds since 1970 of a date, since midnight or the begin of a clock; else a number.

    kind: date, clock or number. zoned: whether it says how far it is from UTC; None where that is no question.
    unit: the unit of time that it is written in.
    """

    at: int | Decimal
    kind: str
    unit: str = ""
    zoned: bool | None = None


_CLOCK = r"(?P<h>\d{1,2}):(?P<m>\d\d)(?::(?P<s>\d\d)(?:[.,](?P<f>\d+))?)?\s*(?P<half>[AaPp]\.?[Mm]\.?)?"
_COMPACT = r"(?P<h>\d\d)(?:(?P<m>\d\d)(?P<s>\d\d)?(?:[.,](?P<f>\d+))?)?(?P<half>(?!))?"
_ZONE = r"\s*(?P<zone>[Zz]|(?:UTC|GMT)?(?:[+-]\d\d(?::?\d\d)?)|UTC|GMT)?(?:\[[\w/]+\])?"
_WITH_CLOCK = (
    re.compile(rf"(?P<date>.*?)(?:[Tt\s,:_]\s*|^){_CLOCK}{_ZONE}"),
    re.compile(rf"(?P<date>\d{{8}}|.*\d\d)(?:T|(?<=\d{{8}})[ _-]){_COMPACT}{_ZONE}"),
)
# as `date` writes it: Tue Jan 30 22:00:00 UTC 2024
_YEAR_LAST = re.compile(
    r"(?:[A-Za-z]{3,9}\s+)?([A-Za-z]{3,9}\s+\d{1,2})\s+"
    r"(\d{1,2}:\S+(?:\s+[AaPp][Mm])?(?:\s+(?:UTC|GMT))?)\s+(\d{4})"
)
_ISO = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[T ](?P<h>[01]\d|2[0-3]):(?P<m>[0-5]\d)(?::(?P<s>[0-5]\d))?(?P<zone>Z|\+00:00)?"
)
_ELAPSED = re.compile(r"(?:(?P<d>\d+)\s*days?,?\s*)?(?P<h>\d+):(?P<m>\d\d):(?P<s>\d\d)(?:[.,](?P<f>\d+))?")
_WEEKDAY = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*[,.]?\s+")


def _nanoseconds(found: Mapping[str, str | None]) -> int | None:
    """The time of day that the groups h, m, s, f and half are."""
    hour, minute, second = (int(found[name] or 0) for name in ("h", "m", "s"))
    if half := found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half[0] in "pP")
    if minute > 59 or second > 60 or hour > 24 or (hour == 24 and minute + second):
        return None
    return (hour * 3600 + minute * 60 + second) * SECOND + _fraction(found["f"])


def _fraction(digits: str | None) -> int:
    return int(f"{digits or ''}000000000"[:9])


def _offset(zone: str) -> int:
    """Nanoseconds that a zone is ahead of UTC."""
    digits = re.sub(r"[^\d]", "", zone)
    seconds = int(digits[:2] or 0) * 3600 + int(digits[2:] or 0) * 60
    return (-seconds if "-" in zone else seconds) * SECOND


def _days(year: int, month: int, day: int) -> int | None:
    """Nanoseconds from 1970 to the begin of a day; None if there is no such day."""
    try:
        return (date(year, month, day).toordinal() - EPOCH) * DAY
    except (ValueError, OverflowError):
        return None


def _year(text: str) -> int:
    """Of two digits: from 1970 to 2069."""
    year = int(text)
    return year if len(text) > 2 else year + (1900 if year >= 70 else 2000)


def _month(name: str) -> int:
    lower = name.lower().rstrip(".")
    return next((index for index, full in enumerate(_MONTHS, 1) if len(lower) >= 3 and full.startswith(lower[:4])), 0)


def _day_of(found: Mapping[str, str]) -> tuple[int | None, str]:
    """Nanoseconds to the day that the groups of a date's pattern are, and the unit of such dates."""
    year = _year(found.get("Y") or found["y"])
    if "q" in found:
        return _days(year, 3 * int(found["q"]) - 2, 1), "quarters"
    if "half" in found:
        return _days(year, 6 * int(found["half"]) - 5, 1), "months"
    if "w" in found:
        try:
            monday = date.fromisocalendar(year, int(found["w"]), int(found.get("wd") or 1))
        except ValueError:
            return None, "weeks"
        return (monday.toordinal() - EPOCH) * DAY, "days" if found.get("wd") else "weeks"
    if "j" in found:
        first, day = _days(year, 1, 1), int(found["j"])
        return (None if first is None or not 1 <= day <= 366 else first + (day - 1) * DAY), "days"
    month = _month(found["b"]) if "b" in found else int(found["M"])
    return _days(year, month, int(found.get("D") or 1)), "days" if "D" in found else "months"


@lru_cache(maxsize=4_096)
def _read_day(pattern: re.Pattern[str], text: str) -> tuple[int, str] | None:
    """Nanoseconds to a day that is written as the pattern says, and the unit of such days."""
    groups = pattern.fullmatch(text)
    if groups is None:
        return None
    at, unit = _day_of({name: value for name, value in groups.groupdict().items() if value is not None})
    return None if at is None else (at, unit)


def read_date(pattern: re.Pattern[str], text: str) -> Moment | None:
    """A date of this pattern, alone or with a time of day and a zone."""
    if alone := _read_day(pattern, text):
        return Moment(alone[0], "date", alone[1])
    text = _WEEKDAY.sub("", text, count=1)
    if moved := _YEAR_LAST.fullmatch(text):
        text = f"{moved[1]} {moved[3]} {moved[2]}"
    if alone := _read_day(pattern, text):
        return Moment(alone[0], "date", alone[1])
    found = next((found for form in _WITH_CLOCK if (found := form.fullmatch(text))), None)
    if found is None or (clock := _nanoseconds(found.groupdict())) is None:
        return None
    day = _read_day(pattern, found["date"].strip(" ,:_"))
    zone = found["zone"]
    return None if day is None else Moment(day[0] + clock - _offset(zone or ""), "date", "seconds", zone is not None)


def read_iso(pattern: re.Pattern[str], text: str) -> Moment | None:
    """As `read_date`, but fast where a text is plain ISO 8601 in UTC or without a zone."""
    found = _ISO.fullmatch(text)
    day = found and _read_day(pattern, found["date"])
    if not found or not day:
        return read_date(pattern, text)
    clock = int(found["h"]) * 3600 + int(found["m"]) * 60 + int(found["s"] or 0)
    return Moment(day[0] + clock * SECOND, "date", "seconds", found["zone"] is not None)


def read_digits(pattern: re.Pattern[str], text: str) -> Moment | None:
    """A date in digits alone, with a time of day behind it or none."""
    found = pattern.fullmatch(text) or pattern.fullmatch(re.sub(r"\.0+$", "", text))
    if found is None:
        return None
    groups = {name: value for name, value in found.groupdict().items() if value is not None}
    if len(groups["Y"]) == 4 and int(groups["Y"]) not in _YEARS:
        return None
    at, unit = _day_of(groups)
    if at is None or "h" not in groups:
        return None if at is None else Moment(at, "date", unit)
    clock = _nanoseconds({"m": None, "s": None, "f": None, "half": None, **groups})
    return None if clock is None or groups["h"] == "24" else Moment(at + clock, "date", "seconds", zoned=False)


def read_clock(text: str) -> Moment | None:
    """A time of day, or a time that has elapsed."""
    if (found := re.fullmatch(_CLOCK, text)) and (at := _nanoseconds(found.groupdict())) is not None:
        return Moment(at, "clock", "seconds")
    if (found := _ELAPSED.fullmatch(text)) and int(found["m"]) < 60 and int(found["s"]) < 60:
        hours = int(found["d"] or 0) * 24 + int(found["h"])
        seconds = hours * 3600 + int(found["m"]) * 60 + int(found["s"])
        return Moment(seconds * SECOND + _fraction(found["f"]), "length", "seconds")
    return None


def read_clock_digits(pattern: str, size: int, text: str) -> Moment | None:
    """HHMMSS or HHMM, of so many digits, with or without zeros in front."""
    text = re.sub(r"\.0+$", "", text)
    if not re.fullmatch(pattern, text):
        return None
    digits = text.zfill(size)
    at = _nanoseconds({"h": digits[:2], "m": digits[2:4], "s": digits[4:] or None, "f": None, "half": None})
    return None if at is None or digits[:2] == "24" else Moment(at, "clock", "seconds")


def read_number(text: str) -> Moment | None:
    """A number, exactly."""
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", text):
        return None
    return Moment(Decimal(text), "number")


def read_epoch(per_second: int, text: str) -> Moment | None:
    """A number of ticks since 1970, so many of them a second."""
    number = read_number(text)
    return None if number is None else Moment(int(number.at * SECOND) // per_second, "date", "seconds", zoned=True)


def read_format(form: str, text: str) -> Moment | None:
    """A text as `datetime.strptime` reads it."""
    try:
        moment = datetime.strptime(text, form)
    except ValueError:
        return None
    shift = moment.utcoffset() or timedelta()
    since = moment.replace(tzinfo=None) - datetime(1970, 1, 1)
    at = (since - shift) // timedelta(microseconds=1) * 1_000
    if not re.search("%[YyDxcGs]", form):
        return Moment(at - (_days(1900, 1, 1) or 0), "clock", "seconds")
    clock = re.search("%[HIMSfXcsT]", form) is not None
    unit = "seconds" if clock else "days" if re.search("%[djDxwuaA]", form) else "months"
    return Moment(at, "date", unit, zoned=moment.tzinfo is not None if clock else None)


def day_of(moment: Moment) -> date:
    """The day of a date; of one that calendars do not have the nearest that they do."""
    return date.fromordinal(min(max(int(moment.at) // DAY + EPOCH, 1), date.max.toordinal()))


def month_of(moment: Moment) -> int:
    """Months until the one that a date is in."""
    day = day_of(moment)
    return 12 * day.year + day.month
