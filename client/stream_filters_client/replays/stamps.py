"""Times of observations in words."""

import numpy as np


def stamp_text(stamp: np.datetime64 | float) -> str:
    """A moment as ISO 8601, no finer than it is, or a number."""
    if not isinstance(stamp, np.datetime64):
        return f"{float(stamp):.15g}"
    text = str(stamp)
    day, _, clock = text.partition("T")
    clock = clock.rstrip("0").rstrip(".") if "." in clock else clock
    return day if clock in {"", "00:00:00"} else f"{day}T{clock}"
