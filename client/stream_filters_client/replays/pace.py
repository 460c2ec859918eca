"""When requests are sent: as answers come, or on a schedule that does not wait for answers."""

from dataclasses import dataclass

from stream_filters_client.protocol.routing import Transport


@dataclass(frozen=True, slots=True)
class Pace:
    """How to send.

    batch: observations in one request. rate: observations a second for each stream, None for as fast as answers come.
    horizon: steps to forecast after each request, None for none. transport: the way of the requests.
    """

    batch: int = 10
    rate: float | None = None
    horizon: int | None = None
    transport: Transport = "auto"

    def phase_seconds(self, index: int, count: int) -> float:
        """How long after the first of `count` streams stream `index` begins: all sending at once would be no load."""
        return self.batch / self.rate * index / count if self.rate else 0.0


class Schedule:
    """When the requests of one stream are due: the one whose first row is n, n / rate seconds after the begin.

    It does not depend on answers, so that a slow one delays nothing but itself: latencies counted from the moment
    that a request is due hold all the time that it had to wait for earlier ones. A source that has nothing to send
    yet moves what follows.
    """

    def __init__(self, rate: float, begin_seconds: float) -> None:
        self._rate = rate
        self._begin_seconds = begin_seconds
        self._rows = 0

    def due_seconds(self, rows: int, ready_seconds: float | None = None) -> float:
        """When the next request, of so many rows, is due; ready_seconds: when its rows were there, None for always."""
        due_seconds = self._begin_seconds + self._rows / self._rate
        if ready_seconds is not None and ready_seconds > due_seconds:
            self._begin_seconds += ready_seconds - due_seconds
            due_seconds = ready_seconds
        self._rows += rows
        return due_seconds
