"""Numbers and arrays as values that JSON has."""

import math
from typing import Any


def plain(value: Any) -> Any:
    """Arrays as lists, and null for what is not finite."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
