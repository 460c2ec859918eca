"""Client of streaming Bayesian filters behind the v2 inference protocol."""

import os
from importlib.metadata import version

# its INFO lines tell of connections that fail, as our exceptions do, and would be drawn into a live view
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

from stream_filters_client.aio import AsyncStreamClient
from stream_filters_client.errors import (
    BadInput,
    EarlierLife,
    InvalidRequest,
    ModelNotFound,
    NoSuchStream,
    OffsetMismatch,
    OutcomeUnknown,
    Overloaded,
    SequenceLost,
    ServerFault,
    ServerUnavailable,
    StateUnusable,
    StreamFiltersError,
    TooManyStreams,
    Unauthorized,
    Unsupported,
)
from stream_filters_client.protocol.calls import Patience
from stream_filters_client.protocol.open_stream import Stream
from stream_filters_client.protocol.open_stream_aio import AsyncStream
from stream_filters_client.protocol.sequence import Rows
from stream_filters_client.result import Result
from stream_filters_client.stream import StreamClient

__all__ = [
    "AsyncStream",
    "AsyncStreamClient",
    "BadInput",
    "EarlierLife",
    "InvalidRequest",
    "ModelNotFound",
    "NoSuchStream",
    "OffsetMismatch",
    "OutcomeUnknown",
    "Overloaded",
    "Patience",
    "Result",
    "Rows",
    "SequenceLost",
    "ServerFault",
    "ServerUnavailable",
    "StateUnusable",
    "Stream",
    "StreamClient",
    "StreamFiltersError",
    "TooManyStreams",
    "Unauthorized",
    "Unsupported",
    "__version__",
]

__version__ = version("stream-filters-client")
