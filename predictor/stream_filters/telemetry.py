"""What can be measured from outside: Prometheus metrics, on KServe's own /metrics.

No metric has a label for a stream: their number is not bounded.
"""

from collections.abc import Callable
from typing import Literal

from prometheus_client import Counter, Gauge, Histogram

from stream_filters.refusals import Refusal

Operation = Literal["read", "write", "count", "list"]
Reason = Literal["expired", "full"]

_MODEL = ["model_name"]
_REQUESTS = Counter(
    "stream_filters_requests", "requests of one stream, or parts of requests of many, by outcome", [*_MODEL, "outcome"]
)
_OBSERVATIONS = Counter("stream_filters_observations", "observations applied", _MODEL)
_CONFLICTS = Counter("stream_filters_conflicts", "races for a stream lost to another writer, each run again", _MODEL)
_COMPUTE = Histogram(
    "stream_filters_compute_seconds",
    "time to run the filters for one request",
    _MODEL,
    buckets=(1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0),
)
_STORE = Histogram(
    "stream_filters_store_seconds",
    "time that the store took for one request, by operation, failures too",
    [*_MODEL, "operation"],
    buckets=(1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0),
)
_EVICTIONS = Counter(
    "stream_filters_evictions",
    "local copies of streams dropped: expired with their stream, or full, for want of room; the store keeps its own",
    [*_MODEL, "reason"],
)
_LIVE = Gauge(
    "stream_filters_live_streams",
    "streams that the store holds, also for other replicas; absent while the store does not answer",
    _MODEL,
)
_COPIES = Gauge("stream_filters_local_copies", "streams of which this process keeps a copy", _MODEL)
_BUSY = Gauge("stream_filters_busy_streams", "streams that a request holds or waits for", _MODEL)


class Telemetry:
    """The metrics of one model."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._applied = _REQUESTS.labels(model, "applied")
        self._replayed = _REQUESTS.labels(model, "replayed")
        self._observations = _OBSERVATIONS.labels(model)
        self._conflicts = _CONFLICTS.labels(model)
        self._compute = _COMPUTE.labels(model)
        operations: tuple[Operation, ...] = ("read", "write", "count", "list")
        reasons: tuple[Reason, ...] = ("expired", "full")
        self._store = {operation: _STORE.labels(model, operation) for operation in operations}
        self._evictions = {reason: _EVICTIONS.labels(model, reason) for reason in reasons}

    def watch(self, copies: Callable[[], int], busy: Callable[[], int]) -> None:
        """Ask for these numbers whenever somebody looks."""
        _COPIES.labels(self._model).set_function(copies)
        _BUSY.labels(self._model).set_function(busy)

    def applied(self, requests: int, observations: int) -> None:
        """So many requests of one stream were applied, with so many observations in all."""
        self._applied.inc(requests)
        self._observations.inc(observations)

    def replayed(self) -> None:
        """A request was answered again."""
        self._replayed.inc()

    def conflicted(self) -> None:
        """A race was lost, and is run again."""
        self._conflicts.inc()

    def computed(self, seconds: float) -> None:
        """The filters of one request took so long."""
        self._compute.observe(seconds)

    def stored(self, operation: Operation, seconds: float) -> None:
        """The store took so long for one request, successful or not."""
        self._store[operation].observe(seconds)

    def evicted(self, reason: Reason) -> None:
        """A local copy was dropped."""
        self._evictions[reason].inc()

    def holds(self, live_streams: int | None) -> None:
        """So many streams are live; None: the store does not say."""
        if live_streams is None:
            _LIVE.remove_by_labels({"model_name": self._model})
        else:
            _LIVE.labels(self._model).set(live_streams)

    def refused(self, refusal: Refusal) -> None:
        """A request was refused; it counts under the kind of refusal."""
        _REQUESTS.labels(self._model, type(refusal).__name__).inc()
