"""How many bytes of large requests may be in work at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from stream_filters.refusals import Overloaded


class BytesInWork:
    """Counts the bytes of the requests that are in work; one alone is always taken.

    most: how many there may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._now = 0

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Count a request of so many bytes. Raises Overloaded."""
        if self._now and self._now + size > self._most:
            raise Overloaded(
                f"the server works on requests of {self._now} bytes, this one has {size} more, and the limit is "
                f"{self._most}; slow down, and send this again"
            )
        self._now += size
        try:
            yield
        finally:
            self._now -= size
