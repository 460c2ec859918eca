"""How large a REST request may be, and how many may be in work at once."""

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from stream_filters.endpoints.admission import Admission
from stream_filters.errors import RefusedCall, answer_rest
from stream_filters.refusals import TooLarge


class LimitsMiddleware:
    """Turns inference away that is too much; health, metadata and metrics never.

    admission: of requests in work. most_bytes: of one body.
    """

    def __init__(self, app: Any, admission: Admission, most_bytes: int) -> None:
        self._app = app
        # of a body that does not tell its size before
        self._counted = RequestBodyLimitMiddleware(app, most_bytes)
        self._admission = admission
        self._most_bytes = most_bytes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one call."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        told = dict(scope["headers"]).get(b"content-length", b"0")
        refusal = too_large(self._most_bytes) if int(told) > self._most_bytes else self._admission.refusal
        if refusal:
            response = await answer_rest(Request(scope), refusal)
            await response(scope, receive, send)
            return
        with self._admission:
            await self._counted(scope, receive, send)


def answer_too_large(most_bytes: int) -> Any:
    """A handler of the status 413, which Starlette gives without a sentence."""

    async def told(request: Request, _: Exception) -> JSONResponse:
        return await answer_rest(request, too_large(most_bytes))

    return told


def too_large(most_bytes: int) -> RefusedCall:
    """The refusal of a body."""
    return RefusedCall(
        TooLarge(
            f"the body is larger than {most_bytes} bytes, the limit; send fewer rows at once, or send them by gRPC"
        )
    )
