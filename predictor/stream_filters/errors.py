"""What goes wrong as gRPC codes and HTTP statuses: one table for both transports."""

import logging
from typing import Any

import grpc
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from grpc import StatusCode
from grpc_interceptor.exceptions import GrpcException
from kserve.errors import InvalidInput, ModelNotFound, ModelNotReady

from stream_filters import refusals
from stream_filters.refusals import Refusal

logger = logging.getLogger("stream_filters")

CODES: dict[type[Exception], tuple[StatusCode, int]] = {
    refusals.InvalidRequest: (StatusCode.INVALID_ARGUMENT, 400),
    refusals.NotFound: (StatusCode.NOT_FOUND, 404),
    refusals.WrongOffset: (StatusCode.FAILED_PRECONDITION, 409),
    refusals.Unusable: (StatusCode.FAILED_PRECONDITION, 409),
    refusals.Contended: (StatusCode.ABORTED, 409),
    refusals.Exhausted: (StatusCode.RESOURCE_EXHAUSTED, 429),
    refusals.TooLarge: (StatusCode.RESOURCE_EXHAUSTED, 413),
    refusals.Unavailable: (StatusCode.UNAVAILABLE, 503),
    refusals.Unsupported: (StatusCode.UNIMPLEMENTED, 501),
    InvalidInput: (StatusCode.INVALID_ARGUMENT, 400),
    RequestValidationError: (StatusCode.INVALID_ARGUMENT, 400),
    ModelNotFound: (StatusCode.NOT_FOUND, 404),
    ModelNotReady: (StatusCode.UNAVAILABLE, 503),
    NotImplementedError: (StatusCode.UNIMPLEMENTED, 501),
}
_FAILURE = (StatusCode.INTERNAL, 500)
# gRPC carries the sentence in a header, three letters for each byte beyond ASCII; a longer header drops the call
_SENTENCE_BYTES = 2_000


class RefusedCall(GrpcException):
    """A refusal on its way through KServe, which leaves this family of exceptions as they are."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(status_code=CODES[type(refusal)][0], details=refusal.sentence)
        self.refusal = refusal


def answer(error: Exception, where: str) -> tuple[StatusCode, int, str]:
    """The gRPC code, the HTTP status and the sentence for a caller; a failure of our own is logged instead of told."""
    reason = error.refusal if isinstance(error, RefusedCall) else error
    code, status = CODES.get(type(reason), _FAILURE)
    if code is StatusCode.INTERNAL:
        logger.error("%s failed", where, exc_info=error)
        return code, status, "internal error; the server's log has the reason"
    # what came may be quoted in it, and REST lets half characters come
    sentence = _sentence(reason).encode("utf-8", "replace")[:_SENTENCE_BYTES]
    return code, status, sentence.decode("utf-8", "ignore")


def _sentence(error: Exception) -> str:
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}; send a v2 inference request"
    if isinstance(error, ModelNotFound):
        return f"{error} Ask for the models that there are with `stream-filters list`."
    return str(error)


async def answer_rest(request: Request, error: Exception) -> JSONResponse:
    """The error as REST v2 says it."""
    _, status, sentence = answer(error, f"{request.method} {request.url.path}")
    return JSONResponse(status_code=status, content={"error": sentence})


def refusing(code: StatusCode, sentence: str) -> Any:
    """A gRPC handler that refuses its calls unread, whatever their form: one message is the shortest to send."""

    async def refuse(_: Any, context: Any) -> None:
        await context.abort(code, sentence)

    return grpc.stream_unary_rpc_method_handler(refuse)
