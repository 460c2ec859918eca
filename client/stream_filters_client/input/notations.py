"""The ways in which dates and times are written."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from stream_filters_client.input.moments import (
    Moment,
    read_clock,
    read_clock_digits,
    read_date,
    read_digits,
    read_epoch,
    read_iso,
    read_number,
)

Read = Callable[[str], Moment | None]
# whether digits that can be read so are a time at all: surely, perhaps, or only if nothing else explains them
Doubt = Literal["none", "some", "much"]


@dataclass(frozen=True, slots=True)
class Notation:
    """A way to write time. read: the moment that a text is, None if it is not written so.

    doubt: of those in digits alone, which may be numbers; None of all others.
    """

    name: str
    read: Read
    doubt: Doubt | None = None


def _dates(name: str, pattern: str) -> Notation:
    return Notation(name, partial(read_date, re.compile(pattern)))


def _digits(name: str, pattern: str, doubt: Doubt) -> Notation:
    return Notation(name, partial(read_digits, re.compile(pattern)), doubt)


_Y, _M, _D, _B = r"(?P<Y>\d{4})", r"(?P<M>\d{1,2})", r"(?P<D>\d{1,2})", r"(?P<b>[A-Za-z]{3,9}\.?)"
_YEAR = r"(?P<Y>\d{4}|\d\d)"
NUMBER = Notation("number", read_number)
TEXTS = (
    Notation("YYYY-MM-DD", partial(read_iso, re.compile(rf"{_Y}(?P<sep>[-/. _]){_M}(?P=sep){_D}"))),
    Notation("HH:MM:SS", read_clock),
    _dates("DD/MM/YYYY", rf"{_D}(?P<sep>[-/. ]){_M}(?P=sep){_YEAR}\.?"),
    _dates("MM/DD/YYYY", rf"{_M}(?P<sep>[-/ ]){_D}(?P=sep){_YEAR}"),
    _dates("YY-MM-DD", rf"(?P<Y>\d\d)(?P<sep>[-/]){_M}(?P=sep){_D}"),
    _dates("YYYYMMDD HHMMSS", r"(?P<Y>\d{4})(?P<M>\d\d)(?P<D>\d\d)"),
    _dates("DD Mon YYYY", rf"{_D}[-/. ]*{_B}[-/, ]*{_YEAR}"),
    _dates("Mon DD YYYY", rf"{_B}[-/ ]+{_D}[-/, ]+{_YEAR}"),
    _dates("YYYY Mon DD", rf"{_Y}[-/ ]+{_B}[-/ ]+{_D}"),
    _dates("YYYY-Www", rf"{_Y}[-/ ]?[Ww](?P<w>\d{{1,2}})(?:-?(?P<wd>[1-7]))?"),
    _dates("YYYY-DDD", rf"{_Y}[-/](?P<j>\d{{3}})"),
    _dates("YYYY-MM", rf"{_Y}[-/: ]{_M}"),
    _dates("YYYYMnn", rf"{_Y}[-/: ]?[Mm]{_M}"),
    _dates("MM/YYYY", rf"{_M}[-/. ]{_Y}"),
    _dates("Mon YYYY", rf"{_B}(?:[-/., ]*{_Y}|[-/']+(?P<y>\d\d))"),
    _dates("YYYY Mon", rf"{_Y}[-/., ]*{_B}"),
    _dates("YYYYQn", rf"{_Y}[-/.: ]*[Qq](?P<q>[1-4])"),
    _dates("Qn YYYY", rf"[Qq](?P<q>[1-4])[-/.:, ]*{_YEAR}"),
    _dates("nQYYYY", rf"(?P<q>[1-4])[Qq][-/.:, ]*{_YEAR}"),
    _dates("YYYY-n", rf"{_Y}[-/: ](?P<q>[1-4])"),
    _dates("YYYYHn", rf"{_Y}[-/.: ]*[HhSs](?P<half>[12])"),
)
_CLOCK_DIGITS = r"(?P<h>\d\d)(?P<m>\d\d)"
DIGITS = (
    _digits("YYYYMMDDHHMMSS", rf"{_Y}(?P<M>\d\d)(?P<D>\d\d){_CLOCK_DIGITS}(?P<s>\d\d)(?P<f>\d{{3}})?", "none"),
    _digits("YYYYMMDDHHMM", rf"{_Y}(?P<M>\d\d)(?P<D>\d\d){_CLOCK_DIGITS}", "none"),
    _digits("YYYYMMDDHH", rf"{_Y}(?P<M>\d\d)(?P<D>\d\d)(?P<h>\d\d)", "none"),
    _digits("YYYYMMDD", rf"{_Y}(?P<M>\d\d)(?P<D>\d\d)", "none"),
    _digits("DDMMYYYY", rf"(?P<D>\d\d)(?P<M>\d\d){_Y}", "some"),
    _digits("MMDDYYYY", rf"(?P<M>\d\d)(?P<D>\d\d){_Y}", "some"),
    _digits("YYMMDDHHMMSS", rf"(?P<Y>\d\d)(?P<M>\d\d)(?P<D>\d\d){_CLOCK_DIGITS}(?P<s>\d\d)", "some"),
    _digits("YYYYDDD", rf"{_Y}(?P<j>\d{{3}})", "some"),
    _digits("YYYYMM", rf"{_Y}(?P<M>\d\d)", "some"),
    _digits("YYYYWW", rf"{_Y}(?P<w>\d\d)", "some"),
    _digits("YYMMDD", r"(?P<Y>\d\d)(?P<M>\d\d)(?P<D>\d\d)", "some"),
    Notation("HHMMSS", partial(read_clock_digits, r"\d{6}", 6), "some"),
    Notation("HHMMSS", partial(read_clock_digits, r"\d{1,6}", 6), "much"),
    Notation("HHMM", partial(read_clock_digits, r"\d{1,4}", 4), "much"),
    _digits("YYYY.MM", rf"{_Y}\.(?P<M>\d\d)", "much"),
)
_EPOCHS = tuple(
    Notation(name, partial(read_epoch, 10**digits))
    for name, digits in (("epoch", 0), ("epoch-ms", 3), ("epoch-us", 6), ("epoch-ns", 9))
)
# what `--time-format` takes beside the formats of strptime
NAMED = {notation.name: notation for notation in (NUMBER, *_EPOCHS, *TEXTS, *DIGITS)}
