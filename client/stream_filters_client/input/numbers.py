"""Cells as numbers, in whatever style they are written; what may be two numbers is refused."""

import math
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from stream_filters_client.input.layout import shown

# what data frames write for a missing value
_MISSING = frozenset(
    {
        "",
        "nan",
        "-nan",
        "na",
        "n/a",
        "#n/a",
        "#na",
        "<na>",
        "null",
        "none",
        "nil",
        "nat",
        "1.#qnan",
        "-1.#ind",
        "1.#ind",
    }
)
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_GROUPS = r"[+-]?\d{{1,3}}(?:{group}\d{{3}})+"
_EXPONENT = r"(?:[eE][+-]?\d+)?"
# thousands are set apart by the mark that is not the decimal one, or by spaces and apostrophes
_SPACES = "[ \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}'\N{RIGHT SINGLE QUOTATION MARK}]"
_STYLES = {
    mark: re.compile(
        rf"(?:[+-]?\d*|{_GROUPS.format(group=re.escape(other))}|{_GROUPS.format(group=_SPACES)})"
        rf"(?:{re.escape(mark)}\d*)?{_EXPONENT}"
    )
    for mark, other in ((".", ","), (",", "."))
}
_UNIT = re.compile(r"([+-]?[\d.,]*\d)\s*([^\d\s.,].*)|([^\d\s.,+-]+)\s*([+-]?[\d.,]*\d)")


class Unreadable(ValueError):
    """Why a cell is no number, or no time."""


class Numbers:
    """How the numbers of a source are written. decimal: their decimal mark, None until a cell tells.

    missing: cells that are missing values, beside those that are so everywhere.
    """

    def __init__(self, decimal: str | None = None, missing: Sequence[str] = ()) -> None:
        self.decimal = decimal
        self._texts = {mark.strip().lower() for mark in missing}
        self._numbers = {float(mark) for mark in missing if _PLAIN.fullmatch(mark.strip())}

    def learn(self, cells: Iterable[object]) -> None:
        """Find out the decimal mark from cells that leave no doubt, unless it is known."""
        if self.decimal is not None:
            return
        texts = [cell.strip().replace("\N{MINUS SIGN}", "-") for cell in cells if isinstance(cell, str)]
        odd = [text for text in texts if not _PLAIN.fullmatch(text)]
        told = {mark for text in odd for mark in [_mark(text)] if mark}
        if not told and any(_either(text) for text in odd):
            # of 20.13 and 20,128 the first tells
            told = {"."} if any(_one_point(text) for text in texts) else set()
        if len(told) == 1:
            (self.decimal,) = told

    def is_missing(self, cell: object) -> bool:
        """Whether a cell stands for no value."""
        if cell is None:
            return True
        if isinstance(cell, str):
            text = cell.strip().lower()
            return text in _MISSING or text in self._texts or (bool(self._numbers) and self._is_mark(text))
        return isinstance(cell, int | float) and (cell in self._numbers or math.isnan(cell))

    def _is_mark(self, text: str) -> bool:
        return bool(_PLAIN.fullmatch(text)) and float(text) in self._numbers

    def read(self, cell: object) -> float:
        """The number that a cell is, NaN for a missing one. Raises Unreadable."""
        if self.is_missing(cell):
            return math.nan
        if isinstance(cell, bool) or not isinstance(cell, str | int | float | Decimal):
            raise Unreadable(f"{shown(cell)} is not a number")
        try:
            number = float(self.plain(cell) if isinstance(cell, str) else cell)
        except OverflowError:
            number = math.inf
        if math.isinf(number):
            raise Unreadable(f"{shown(cell)} is infinite; leave it empty if it is missing")
        return number

    def plain(self, text: str) -> str:
        """A number's text as Python writes it. Raises Unreadable."""
        text = text.strip().replace("\N{MINUS SIGN}", "-")
        if _PLAIN.fullmatch(text) and (self.decimal != "," or "." not in text):
            return text
        if text.lower().lstrip("+-") in {"inf", "infinity"}:
            return text
        mark = self.decimal or _mark(text)
        if mark and any(character.isdigit() for character in text) and _STYLES[mark].fullmatch(text):
            if set(text) & {",", "."}:
                self.decimal = mark
            bare = re.sub(_SPACES, "", text).replace("," if mark == "." else ".", "")
            return bare.replace(mark, ".")
        raise Unreadable(self._reason(text))

    def _reason(self, text: str) -> str:
        if self.decimal is None and _either(text):
            whole, _, rest = text.partition(",")
            return f"{shown(text)} may be {whole}{rest} or {whole}.{rest}; say which with --decimal . or --decimal ,"
        digits = any(character.isdigit() for character in text)
        if self.decimal is not None and digits and _STYLES["," if self.decimal == "." else "."].fullmatch(text):
            return f"{shown(text)} is not a number whose decimal mark is {self.decimal!r}; see --decimal"
        if unit := _UNIT.fullmatch(text):
            return f"{shown(text)} is not a number alone; leave {(unit[2] or unit[3]).strip()!r} to the column's name"
        return (
            f"{shown(text)} is not a number; name it with --missing if it stands for a missing value, "
            "--on-bad-row skip leaves such rows out"
        )


def _mark(text: str) -> str | None:
    """The decimal mark of a number that can be written in one style only."""
    fitting = [mark for mark, style in _STYLES.items() if style.fullmatch(text)]
    return fitting[0] if len(fitting) == 1 or (fitting and not set(text) & {",", "."}) else None


def _either(text: str) -> bool:
    return all(style.fullmatch(text) for style in _STYLES.values())


def _one_point(text: str) -> bool:
    """Whether a plain number has a point that sets no thousands apart."""
    return bool(_PLAIN.fullmatch(text)) and "." in text and not _STYLES[","].fullmatch(text)
