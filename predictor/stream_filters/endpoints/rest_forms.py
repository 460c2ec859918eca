"""What every REST route does alike, whatever KServe's own does: HEAD, content types, compressed bodies."""

from typing import Any

from fastapi import Request

from stream_filters.errors import answer_rest
from stream_filters.refusals import Compressed

_LENGTH = b"inference-header-content-length"


class FormsMiddleware:
    """Answers HEAD as GET (the server leaves the body out), refuses compressed bodies, and names what a body is."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        encoding = dict(scope["headers"]).get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
        if encoding not in {"", "identity"}:
            refusal = Compressed(f"content-encoding: {encoding[:32]!r} came; send the body as it is")
            response = await answer_rest(Request(scope), refusal)
            await response(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, _typed(send))


def _typed(send: Any) -> Any:
    """`send` that adds the content type where KServe sends bytes without one."""

    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = list(message["headers"])
            names = {name for name, _ in headers}
            if b"content-type" not in names and message["status"] == 200:
                kind = b"application/octet-stream" if _LENGTH in names else b"application/json"
                message = {**message, "headers": [*headers, (b"content-type", kind)]}
        await send(message)

    return sending
