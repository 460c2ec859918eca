"""What goes wrong as gRPC codes and HTTP statuses: one table for both transports."""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import grpc
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from grpc import StatusCode
from grpc_interceptor.exceptions import GrpcException
from kserve.errors import InvalidInput, ModelNotFound, ModelNotReady
from starlette.exceptions import HTTPException

from stream_filters import refusals
from stream_filters.refusals import Refusal

logger = logging.getLogger("stream_filters")

CODES: dict[type[Exception], tuple[StatusCode, int]] = {
    refusals.InvalidRequest: (StatusCode.INVALID_ARGUMENT, 400),
    refusals.NotFound: (StatusCode.NOT_FOUND, 404),
    refusals.WrongOffset: (StatusCode.FAILED_PRECONDITION, 409),
    refusals.EarlierLife: (StatusCode.FAILED_PRECONDITION, 409),
    refusals.Unusable: (StatusCode.FAILED_PRECONDITION, 409),
    refusals.Contended: (StatusCode.ABORTED, 409),
    refusals.Overloaded: (StatusCode.RESOURCE_EXHAUSTED, 429),
    refusals.TooManyStreams: (StatusCode.RESOURCE_EXHAUSTED, 429),
    refusals.StoreFull: (StatusCode.RESOURCE_EXHAUSTED, 429),
    refusals.TooLarge: (StatusCode.RESOURCE_EXHAUSTED, 413),
    refusals.TooSlow: (StatusCode.DEADLINE_EXCEEDED, 408),
    refusals.Unavailable: (StatusCode.UNAVAILABLE, 503),
    refusals.GoingDown: (StatusCode.UNAVAILABLE, 503),
    refusals.Compressed: (StatusCode.INVALID_ARGUMENT, 415),
    # nothing that is sent is a fault of the server, which is what 501 would say
    refusals.Unsupported: (StatusCode.UNIMPLEMENTED, 404),
    refusals.Unauthenticated: (StatusCode.UNAUTHENTICATED, 401),
    InvalidInput: (StatusCode.INVALID_ARGUMENT, 400),
    RequestValidationError: (StatusCode.INVALID_ARGUMENT, 400),
    ModelNotFound: (StatusCode.NOT_FOUND, 404),
    ModelNotReady: (StatusCode.UNAVAILABLE, 503),
    NotImplementedError: (StatusCode.UNIMPLEMENTED, 404),
}
# the constants of what is no refusal of ours
_CONSTANTS: dict[type[Exception], str] = {
    InvalidInput: refusals.InvalidRequest.constant,
    RequestValidationError: refusals.InvalidRequest.constant,
    ModelNotFound: "model-not-found",
    ModelNotReady: "model-not-ready",
    NotImplementedError: refusals.Unsupported.constant,
}
_FAILURE = (StatusCode.INTERNAL, 500)
_INTERNAL = "internal"
# gRPC carries the sentence in a header, three letters for each byte beyond ASCII; a longer header drops the call
_SENTENCE_BYTES = 2_000


class RefusedCall(GrpcException):
    """A refusal on its way through KServe, which leaves this family of exceptions as they are."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(status_code=CODES[type(refusal)][0], details=refusal.sentence)
        self.refusal = refusal


class Told(NamedTuple):
    """What a caller is told of an error: the sentence for a person, the rest for a program.

    refusal: a constant that docs/protocol.md lists. facts: what else it needs to go on, by name.
    """

    code: StatusCode
    status: int
    sentence: str
    refusal: str
    facts: Mapping[str, int] = {}

    @property
    def fields(self) -> dict[str, str | int]:
        """The facts as REST's error body and the parameters of a streaming call have them."""
        return {"refusal": self.refusal, **self.facts}

    @property
    def trailing_metadata(self) -> tuple[tuple[str, str], ...]:
        """The same as gRPC has it."""
        return tuple((name.replace("_", "-"), str(value)) for name, value in self.fields.items())


def answer(error: Exception, where: str) -> Told:
    """What a caller is told; a failure of our own is logged instead of told."""
    reason = error.refusal if isinstance(error, RefusedCall) else error
    if isinstance(reason, HTTPException):
        return _told_of_http(reason)
    code, status = CODES.get(type(reason), _FAILURE)
    if code is StatusCode.INTERNAL:
        logger.error("%s failed", where, exc_info=error)
        return Told(code, status, "internal error; the server's log has the reason", _INTERNAL)
    # what came may be quoted in it, and REST lets half characters come
    sentence = _sentence(reason).encode("utf-8", "replace")[:_SENTENCE_BYTES].decode("utf-8", "ignore")
    if isinstance(reason, Refusal):
        return Told(code, status, sentence, reason.constant, reason.facts)
    return Told(code, status, sentence, _CONSTANTS[type(reason)])


def _told_of_http(error: HTTPException) -> Told:
    """Of a path or a method that is not served, or a body that the framework could not read."""
    if error.status_code in {404, 405}:
        sentence = f"{error.detail}: this is not served here; the v2 protocol's routes begin with /v2/models"
        return Told(StatusCode.UNIMPLEMENTED, error.status_code, sentence, refusals.Unsupported.constant)
    sentence = f"{error.detail}; send a v2 inference request"
    return Told(StatusCode.INVALID_ARGUMENT, error.status_code, sentence, refusals.InvalidRequest.constant)


def _sentence(error: Exception) -> str:
    if isinstance(error, NotImplementedError):
        return "this server keeps one version of each model; leave /versions/... out"
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}; send a v2 inference request"
    if isinstance(error, ModelNotFound):
        return f"{error} Ask for the models that there are with `stream-filters list`."
    return str(error)


async def answer_rest(request: Request, error: Exception) -> JSONResponse:
    """The error as REST v2 says it, with our facts beside the sentence."""
    told = answer(error, f"{request.method} {request.url.path}")
    headers = error.headers if isinstance(error, HTTPException) else None
    return JSONResponse(status_code=told.status, content={"error": told.sentence, **told.fields}, headers=headers)


async def end(told: Told, context: Any) -> None:
    """End a gRPC call with the status, and the facts beside it."""
    await context.abort(told.code, told.sentence, told.trailing_metadata)


def refusing(told: Told) -> Any:
    """A gRPC handler that refuses its calls unread, whatever their form: one message is the shortest to send."""

    async def refuse(_: Any, context: Any) -> None:
        await end(told, context)

    return grpc.stream_unary_rpc_method_handler(refuse)
