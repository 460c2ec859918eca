"""Which way the requests of a stream go: one by one, or on a streaming call of their own."""

import weakref
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import grpc

from stream_filters_client import errors

Transport = Literal["auto", "unary", "streaming"]
TRANSPORTS: tuple[Transport, ...] = get_args(Transport)
# Proxies allow a connection some hundred calls at once: the rest is left to unary ones, which come and go.
MOST_AUTOMATIC_CALLS = 64


@dataclass(slots=True)
class Lines:
    """The streaming calls of one client. offered: the server has not said that it knows none."""

    offered: bool = True
    calls: "weakref.WeakSet[Any]" = field(default_factory=weakref.WeakSet)


class Route:
    """The way of one stream. Raises InvalidRequest for a transport that is none.

    "auto" takes a streaming call for what may be sent again if it breaks, after the first answer; a request whose
    streaming call broke goes by a unary one at once, and a stream whose streaming call brought no answer stays there.
    """

    def __init__(self, transport: Transport, lines: Lines) -> None:
        if transport not in TRANSPORTS:
            raise errors.InvalidRequest(f"transport {transport!r} is unknown; choose {', '.join(TRANSPORTS)}")
        self._transport = transport
        self._lines = lines
        self._worthwhile = True
        self._mended = True

    def is_streaming(self, *, safe: bool, has_line: bool) -> bool:
        """Whether a request goes over a streaming call.

        safe: the stream has begun, and the request may be made again. has_line: the stream has a streaming call.
        """
        if self._transport != "auto":
            return self._transport == "streaming"
        room = has_line or len(self._lines.calls) < MOST_AUTOMATIC_CALLS
        return safe and room and self._worthwhile and self._mended and self._lines.offered

    def falls_back(self, failure: grpc.RpcError, *, answered: bool) -> bool:
        """Whether a request goes by a unary call after its streaming call failed; answered: it was not the first."""
        if self._transport != "auto":
            return False
        code = failure.code()
        self._mended = False
        self._worthwhile &= answered
        self._lines.offered &= code is not grpc.StatusCode.UNIMPLEMENTED
        # its time is over
        return code is not grpc.StatusCode.DEADLINE_EXCEEDED

    def answered(self) -> None:
        """A unary call brought an answer: the server is there."""
        self._mended = True
