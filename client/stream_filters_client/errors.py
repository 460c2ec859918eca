"""What can go wrong, as exceptions whose sentences say the next step."""

import re

import grpc


class StreamFiltersError(Exception):
    """Any failure that this client reports.

    code: the gRPC status behind it, None when the request never left.
    retryable: whether the same request may succeed later, unchanged.
    """

    code: grpc.StatusCode | None = None
    retryable: bool = False


class InvalidRequest(StreamFiltersError):
    """The request can never succeed as it is; the sentence names what to change."""


class BadInput(StreamFiltersError):
    """A file or a line of input cannot be read as observations; the sentence names the line."""


class ModelNotFound(StreamFiltersError):
    """The server has no model of this name."""


class SequenceLost(StreamFiltersError):
    """The server does not know the stream: it ended, expired, or was lost with the server's memory."""


class OffsetMismatch(StreamFiltersError):
    """The observations are not the next ones of their stream.

    next_offset: where the server says that the stream goes on, None if it did not say.
    """

    next_offset: int | None = None


class StateUnusable(StreamFiltersError):
    """The stored stream is not one that this server can go on with; begin it again."""


class TooManyStreams(StreamFiltersError):
    """A limit of the server is reached; end streams that are no longer needed."""


class Unauthorized(StreamFiltersError):
    """The server, or something before it, wants credentials."""


class Unsupported(StreamFiltersError):
    """The server does not offer this call."""


class ServerUnavailable(StreamFiltersError):
    """No answer: the server is away, draining, or too slow. Sending the same request again is safe."""

    retryable = True


class ServerFault(StreamFiltersError):
    """The server failed or broke the protocol."""


class Overloaded(ServerUnavailable):
    """The server turned the request away untouched, for want of room; sending it again later is safe."""


class OutcomeUnknown(ServerUnavailable):
    """The answer was lost, and the request carried no offset, so that sending it again could apply it twice."""

    retryable = False


# how a refusal names the place where the stream goes on
_NEXT_OFFSET = re.compile(r"(?:go on from|is at|next) offset (?:is )?(\d+)")
_BUSY = re.compile(r"slow down|wait for answers|concurrent", re.IGNORECASE)
_TOO_LARGE = "message larger than max"
# what gRPC says of a connection that cannot be made -> what to do about it; the first that fits
_UNREACHABLE = {
    ("connection refused",): "{target} does not answer (connection refused); start the server, or name another address",
    ("connection reset by peer",): (
        "{target} does not answer (connection reset by peer); start the server, or name another address"
    ),
    ("domain name not found",): "{target}: there is no host of this name; name another address",
    ("dns resolution failed",): "{target}: there is no host of this name; name another address",
    ("http1.x server",): "{target} speaks HTTP/1 and not gRPC; name the port of the v2 gRPC endpoint, as a rule 8081",
    ("settings frame",): (
        "{target} does not speak gRPC in the clear; connect with TLS, or name the port of the v2 gRPC endpoint, "
        "as a rule 8081"
    ),
    ("wrong_version_number",): "{target} does not speak TLS; connect without it, or name the port that does",
    ("hostname verification",): "{target} has a certificate for another name; connect by the name that is in it",
    ("handshake failed",): (
        "{target} has a certificate that nobody vouches for here; name its authority, as --tls-ca does"
    ),
    ("failed to connect", "socket closed"): (
        "{target} closes every connection; it may want TLS, or a client certificate that it trusts"
    ),
}
_CLASSES: dict[grpc.StatusCode, type[StreamFiltersError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequest,
    grpc.StatusCode.FAILED_PRECONDITION: OffsetMismatch,
    grpc.StatusCode.ALREADY_EXISTS: OffsetMismatch,
    grpc.StatusCode.UNAUTHENTICATED: Unauthorized,
    grpc.StatusCode.PERMISSION_DENIED: Unauthorized,
    grpc.StatusCode.UNIMPLEMENTED: Unsupported,
    grpc.StatusCode.UNAVAILABLE: ServerUnavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: ServerUnavailable,
    grpc.StatusCode.ABORTED: ServerUnavailable,
    # this client never cancels its own calls: a server or proxy going down did
    grpc.StatusCode.CANCELLED: ServerUnavailable,
}


def from_rpc(error: grpc.RpcError, target: str, *, in_stream: bool = False) -> StreamFiltersError:
    """The exception for a failed call to `target`; in_stream: the request was one of a stream already begun."""
    code = error.code()
    details = (error.details() or "").strip()
    kind = _class(code, details, in_stream=in_stream)
    failure = kind(_sentence(kind, code, details, target))
    failure.code = code
    if isinstance(failure, OffsetMismatch) and (found := _NEXT_OFFSET.search(details)):
        failure.next_offset = int(found.group(1))
    return failure


def _class(code: grpc.StatusCode, details: str, *, in_stream: bool) -> type[StreamFiltersError]:
    if code is grpc.StatusCode.NOT_FOUND:
        return SequenceLost if in_stream else ModelNotFound
    if code is grpc.StatusCode.FAILED_PRECONDITION and "offset" not in details:
        return StateUnusable
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        if _TOO_LARGE in details:
            return InvalidRequest
        return Overloaded if _BUSY.search(details) else TooManyStreams
    # what a connection that dies looks like when its end reaches the call before its loss does
    if code in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN} and (
        "RST_STREAM" in details or "Stream removed" in details
    ):
        return ServerUnavailable
    return _CLASSES.get(code, ServerFault)


def _sentence(kind: type[StreamFiltersError], code: grpc.StatusCode, details: str, target: str) -> str:
    if kind is SequenceLost:
        missing = re.split(r"[,;]", details, maxsplit=1)[0] or "the stream is not known"
        return (
            f"{missing}: it has ended or expired at {target}, or was lost with its memory; "
            "begin a new one, and use a store that survives restarts"
        )
    if kind is ServerUnavailable and code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"{target} did not answer in time; ask for a longer timeout, or see whether the server is overloaded"
    if kind is InvalidRequest and _TOO_LARGE in details:
        return f"{details}; send fewer rows in one request, or raise the server's limit"
    if kind is ServerUnavailable and code is not grpc.StatusCode.ABORTED:
        return _unreachable(details or code.name, target)
    if kind is Unsupported:
        return f"{target} does not offer this call ({details}); is it a KServe v2 gRPC endpoint?"
    if kind is ServerFault:
        return f"{target} failed ({code.name}: {details}); see the server's log"
    return details or f"{target} answered {code.name}; see the server's log"


def _unreachable(details: str, target: str) -> str:
    """What is wrong with a connection, without the addresses that gRPC tried one by one."""
    lower = details.lower()
    for signs, sentence in _UNREACHABLE.items():
        if all(sign in lower for sign in signs):
            return sentence.format(target=target)
    return f"{target} does not answer ({details}); start the server, or name another address"
