"""Times of observations."""

import math
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from stream_filters_client.errors import BadInput

# seconds in a unit of time
UNITS = {"seconds": 1.0, "minutes": 60.0, "hours": 3_600.0, "days": 86_400.0, "weeks": 604_800.0}


class Clock:
    """Time stamps, row by row, as the time since the one before; the first row counts one unit.

    column: where they are; None if there are none. unit: what one step of time is, for dates; by default days for
    dates and seconds for times of day.
    """

    def __init__(self, column: str | None, unit: str | None) -> None:
        self._column = column
        self._unit = unit
        self._last: float | None = None

    def delta(self, stamp: Any, place: str) -> float | None:
        """Time since the stamp before, None without a column of times. Raises BadInput, naming the place."""
        if self._column is None:
            return None
        now, unit = self._moment(stamp, place)
        elapsed = 1.0 if self._last is None else (now - self._last) / unit
        if not elapsed > 0:
            raise BadInput(
                f"{place}, column {self._column!r}: time {stamp!r} is not after the one before; sort by time first"
            )
        self._last = now
        return elapsed

    def _moment(self, stamp: Any, place: str) -> tuple[float, float]:
        """A time, and the unit that it is counted in."""
        text = str(stamp).strip()
        with suppress(ValueError):
            if math.isfinite(number := float(text)):
                return number, 1.0
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise BadInput(
                f"{place}, column {self._column!r}: time {stamp!r} is neither a number "
                "nor an ISO date such as 2024-03-31"
            ) from None
        if moment.tzinfo is None:
            # without a zone there is no daylight saving either
            moment = moment.replace(tzinfo=UTC)
        self._unit = self._unit or ("days" if len(text) <= 10 else "seconds")
        return moment.timestamp(), UNITS[self._unit]
