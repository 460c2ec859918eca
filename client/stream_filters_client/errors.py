"""What can go wrong, as exceptions whose sentences say the next step.

A server of this project says what it refuses, and where a stream goes on, in fields (docs/protocol.md, Errors); of
another one the status code has to do. Sentences are for people: nothing here acts on those of a server.
"""

from collections.abc import Iterable
from typing import Any

import grpc


class StreamFiltersError(Exception):
    """Any failure that this client reports.

    code: the gRPC status behind it, None when the request never left.
    refusal: the server's constant for it, empty where it names none. docs/protocol.md lists them.
    retryable: whether the same request may succeed later, unchanged.
    """

    code: grpc.StatusCode | None = None
    refusal: str = ""
    retryable: bool = False


class InvalidRequest(StreamFiltersError):
    """The request can never succeed as it is; the sentence names what to change."""


class BadInput(StreamFiltersError):
    """A file or a line of input cannot be read as observations; the sentence names the line."""


class NoSuchStream(StreamFiltersError):
    """There is no stream of the name that was given; nothing was changed."""


class ModelNotFound(StreamFiltersError):
    """The server has no model of this name."""


class SequenceLost(StreamFiltersError):
    """The server does not know the stream: it ended, expired, or was lost with the server's memory."""


class OffsetMismatch(StreamFiltersError):
    """The observations are not the next ones of their stream.

    next_offset: where the server says that the stream goes on, None if it did not say.
    """

    next_offset: int | None = None


class EarlierLife(StreamFiltersError):
    """The stream has been begun anew since, by another client or by a later call, or this life of it has ended."""


class StateUnusable(StreamFiltersError):
    """The stored stream is not one that this server can go on with; begin it again."""


class TooManyStreams(StreamFiltersError):
    """A limit of the server is reached; end streams that are no longer needed."""


class Unauthorized(StreamFiltersError):
    """The server, or something before it, wants credentials."""


class Unsupported(StreamFiltersError):
    """The server does not offer this call."""


class ServerUnavailable(StreamFiltersError):
    """No answer: the server is away, draining, or too slow. Sending the same request again is safe.

    It is not retryable where the address is that of something else.
    """

    retryable = True


class ServerFault(StreamFiltersError):
    """The server failed or broke the protocol."""


class Overloaded(ServerUnavailable):
    """The server turned the request away untouched, for want of room; sending it again later is safe."""


class OutcomeUnknown(ServerUnavailable):
    """The answer was lost, and the request carried no offset, so that sending it again could apply it twice."""

    retryable = False


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
# of these, what no waiting mends: another protocol, or another name
_WRONG_ADDRESS = ("http1.x server", "wrong_version_number", "hostname verification")
# the constants of docs/protocol.md
BY_REFUSAL: dict[str, type[StreamFiltersError]] = {
    "invalid-request": InvalidRequest,
    "too-large": InvalidRequest,
    "too-slow": ServerUnavailable,
    "compressed": InvalidRequest,
    "not-found": SequenceLost,
    "model-not-found": ModelNotFound,
    "wrong-offset": OffsetMismatch,
    "earlier-life": EarlierLife,
    "state-unusable": StateUnusable,
    "contended": ServerUnavailable,
    "overloaded": Overloaded,
    "too-many-streams": TooManyStreams,
    "store-full": TooManyStreams,
    "store-unavailable": ServerUnavailable,
    "going-down": ServerUnavailable,
    "model-not-ready": ServerUnavailable,
    "unsupported": Unsupported,
    "unauthenticated": Unauthorized,
    "internal": ServerFault,
}
_BY_CODE: dict[grpc.StatusCode, type[StreamFiltersError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: ModelNotFound,
    grpc.StatusCode.FAILED_PRECONDITION: OffsetMismatch,
    grpc.StatusCode.ALREADY_EXISTS: OffsetMismatch,
    grpc.StatusCode.RESOURCE_EXHAUSTED: TooManyStreams,
    grpc.StatusCode.UNAUTHENTICATED: Unauthorized,
    grpc.StatusCode.PERMISSION_DENIED: Unauthorized,
    grpc.StatusCode.UNIMPLEMENTED: Unsupported,
    grpc.StatusCode.UNAVAILABLE: ServerUnavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: ServerUnavailable,
    grpc.StatusCode.ABORTED: ServerUnavailable,
    # this client never cancels its own calls: a server or proxy going down did
    grpc.StatusCode.CANCELLED: ServerUnavailable,
}
# what the gRPC library says by itself, where no server of ours had the word: a message that is over its limit, and a
# connection that dies, when its end reaches the call before its loss does
_TOO_LARGE = "message larger than max"
_CUT = ("RST_STREAM", "Stream removed")


def from_rpc(error: grpc.RpcError, target: str, *, stream: str | None = None) -> StreamFiltersError:
    """The exception for a failed call to `target`; stream: that the request belongs to, where it has begun."""
    code = error.code()
    details = (error.details() or "").strip()
    facts = facts_of(error)
    refusal = facts.get("refusal", "")
    kind = BY_REFUSAL.get(refusal) or _without_facts(code, details, stream)
    failure: StreamFiltersError
    if kind is SequenceLost:
        failure = kind(_lost(stream, target))
    elif refusal:
        failure = kind(_refused(kind, details or refusal, target))
    else:
        failure = kind(_sentence(kind, code, details, target))
    failure.code, failure.refusal = code, refusal
    if not refusal and any(sign in details.lower() for sign in _WRONG_ADDRESS):
        failure.retryable = False
    if isinstance(failure, OffsetMismatch) and "next-offset" in facts:
        failure.next_offset = int(facts["next-offset"])
    return failure


def facts_of(error: grpc.RpcError) -> dict[str, str]:
    """What a server of ours says of a refusal for programs; nothing where the words are another's."""
    ask: Any = getattr(error, "trailing_metadata", None)
    pairs: Iterable[tuple[str, Any]] = (ask() if ask else None) or ()
    return {name: value for name, value in pairs if name in {"refusal", "next-offset"}}


def _without_facts(code: grpc.StatusCode, details: str, stream: str | None) -> type[StreamFiltersError]:
    """The class of what the gRPC library, a proxy or an older server says."""
    if code is grpc.StatusCode.NOT_FOUND and stream is not None:
        return SequenceLost
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE in details:
        return InvalidRequest
    if code in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN} and any(sign in details for sign in _CUT):
        return ServerUnavailable
    return _BY_CODE.get(code, ServerFault)


def _lost(stream: str | None, target: str) -> str:
    named = f"the stream {stream!r}" if stream else "the stream"
    return (
        f"{target} does not know {named}: it has ended or expired, or was lost with the server's memory; "
        "begin a new one, and use a store that survives restarts"
    )


def _refused(kind: type[StreamFiltersError], details: str, target: str) -> str:
    """What a server of ours says, which names the next step; of its own troubles with its name."""
    return f"{target}: {details}" if issubclass(kind, ServerUnavailable | ServerFault) else details


def _sentence(kind: type[StreamFiltersError], code: grpc.StatusCode, details: str, target: str) -> str:
    """What the gRPC library, a proxy or an older server says, with the next step."""
    if kind is ServerUnavailable and code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"{target} did not answer in time; ask for a longer timeout, or see whether the server is overloaded"
    if kind is InvalidRequest and code is grpc.StatusCode.RESOURCE_EXHAUSTED:
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
