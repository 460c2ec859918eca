"""Client of streaming Bayesian filters behind the v2 inference protocol."""

from stream_filters_client.aio import AsyncStream, AsyncStreamClient
from stream_filters_client.calls import Patience
from stream_filters_client.result import Result
from stream_filters_client.stream import Stream, StreamClient

__all__ = ["AsyncStream", "AsyncStreamClient", "Patience", "Result", "Stream", "StreamClient"]
