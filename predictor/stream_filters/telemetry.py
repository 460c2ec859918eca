"""What can be measured from outside: Prometheus metrics, on KServe's own /metrics.

No metric has a label for a stream: their number is not bounded.
"""

from prometheus_client import Counter, Histogram

from stream_filters.refusals import Refusal

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


class Telemetry:
    """The metrics of one model."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._applied = _REQUESTS.labels(model, "applied")
        self._replayed = _REQUESTS.labels(model, "replayed")
        self._observations = _OBSERVATIONS.labels(model)
        self._conflicts = _CONFLICTS.labels(model)
        self._compute = _COMPUTE.labels(model)

    def applied(self, observations: int) -> None:
        """A request was applied."""
        self._applied.inc()
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

    def refused(self, refusal: Refusal) -> None:
        """A request was refused; it counts under the kind of refusal."""
        _REQUESTS.labels(self._model, type(refusal).__name__).inc()
