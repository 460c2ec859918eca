"""How large an answer may be; told before any work."""

from functools import lru_cache
from math import prod
from typing import Any

from stream_filters.filters.base import HORIZON, TIME, Filter
from stream_filters.refusals import InvalidRequest

# a typed INT64 of -1 takes ten bytes on the wire
_BYTES_OF = {"FP64": 8, "INT64": 10}
_BYTES_AROUND = 256


def check_answer(bound: Filter[Any], names: frozenset[str], sizes: tuple[int, int, int], limit: int) -> None:
    """Raise InvalidRequest when the outputs would be larger than one answer may be.

    sizes: streams S, rows T and forecast steps h.
    """
    total = _answer_bytes(bound, names, sizes)
    if total > limit:
        raise InvalidRequest(
            f"outputs: the answer would have about {total} bytes, the limit is {limit}; "
            "ask for fewer outputs, or send fewer rows at once"
        )


@lru_cache(maxsize=256)
def _answer_bytes(bound: Filter[Any], names: frozenset[str], sizes: tuple[int, int, int]) -> int:
    """About how large the outputs are."""
    streams, rows, horizon = sizes
    known = {TIME: rows, HORIZON: horizon}
    total = 0
    for name in names:
        output = bound.declared[name]
        values = prod(known[size] if isinstance(size, str) else size for size in output.shape)
        total += _BYTES_AROUND + streams * values * _BYTES_OF[output.datatype]
    return total
