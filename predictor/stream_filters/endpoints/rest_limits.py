"""How large and how slow a REST request may be, and how many may be in work at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request

from stream_filters.endpoints.admission import Admission
from stream_filters.errors import RefusedCall, answer_rest
from stream_filters.refusals import TooLarge, TooSlow
from stream_filters.settings import Settings
from stream_filters.wire.work import BytesInWork


class LimitsMiddleware:
    """Turns inference away that is too much; health, metadata and metrics never.

    A request is in work when its body is there, which must be soon; an answer must be taken soon.
    """

    def __init__(self, app: Any, settings: Settings) -> None:
        self._app = app
        self._admission = Admission(settings.max_concurrent)
        self._bodies = BytesInWork(settings.max_work_bytes)
        self._most_bytes = settings.max_body_bytes
        self._arrival_seconds = settings.arrival_seconds
        self._reading_seconds = settings.reading_seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_soon(message: Any) -> None:
            # a client that does not read its answer is left
            await asyncio.wait_for(send(message), self._reading_seconds)

        if scope["method"] != "POST":
            await self._app(scope, receive, send_soon)
            return
        length = int(dict(scope["headers"]).get(b"content-length", b"0"))
        try:
            if length > self._most_bytes:
                raise _too_large(self._most_bytes)
            with self._bodies.hold(length or self._most_bytes):
                body = await self._body(receive)
                if body is not None:
                    with self._admission:
                        await _unless_gone(receive, lambda again: self._app(scope, again, send_soon), body)
        except RefusedCall as refusal:
            told = await answer_rest(Request(scope), refusal)
            # the rest of a body that was not read is no next request
            told.headers["connection"] = "close"
            await told(scope, receive, send_soon)

    async def _body(self, receive: Any) -> bytes | None:
        """The whole body, None when its client has gone. Raises RefusedCall when it is too large or too slow."""
        parts: list[bytes] = []
        left = self._most_bytes
        try:
            async with asyncio.timeout(self._arrival_seconds):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return None
                    parts.append(message.get("body", b""))
                    left -= len(parts[-1])
                    if left < 0:
                        raise _too_large(self._most_bytes)
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise RefusedCall(
                TooSlow(f"the body did not come within {self._arrival_seconds:g} s; send it at once")
            ) from None


async def _unless_gone(receive: Any, answer: Callable[[Any], Awaitable[None]], body: bytes) -> None:
    """Answer a request whose body was read; the work ends when its caller has gone."""
    gone = asyncio.ensure_future(_gone(receive))
    given = False

    async def again() -> Any:
        nonlocal given
        if given:
            return await asyncio.shield(gone)
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    work = asyncio.ensure_future(answer(again))
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            await work
            return
        work.cancel()
        await asyncio.wait((work,))
    finally:
        work.cancel()
        gone.cancel()


async def _gone(receive: Any) -> Any:
    """The message that says that the caller has gone."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return message


def _too_large(most_bytes: int) -> RefusedCall:
    return RefusedCall(
        TooLarge(
            f"the body is larger than {most_bytes} bytes, the limit; send fewer rows at once, or send them by gRPC"
        )
    )
