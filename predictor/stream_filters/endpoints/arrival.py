"""Calls whose message has yet to come: so many, and so long. Answers, too, must be taken in time."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

import grpc

from stream_filters.endpoints.admission import Admission
from stream_filters.errors import RefusedCall, answer, end
from stream_filters.refusals import Overloaded, TooSlow

# a timer that is so late belongs to a loop that was busy
_BUSY_SECONDS = 0.2
# a message that is sent with its call has come within
_SURELY_SECONDS = 1.0


class ArrivalInterceptor(grpc.aio.ServerInterceptor):
    """Reads the message of calls that have one itself, so that one that does not come ends its call.

    most: calls that may wait for theirs. seconds: how long. open_calls: how many may be open of a method, which stay
    open as long as their callers like.
    """

    def __init__(self, most: int, seconds: float, open_calls: Mapping[str, Admission]) -> None:
        self._most = most
        self._seconds = seconds
        self._waiting: dict[_Deadline, None] = {}
        self._open_calls = open_calls

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """The handler of the call, which waits for the message no longer than it may."""
        handler, method = await continuation(handler_call_details), handler_call_details.method
        if handler is None or handler.request_streaming:
            return handler
        forms = {
            False: (self._one_answer, grpc.stream_unary_rpc_method_handler, handler.unary_unary),
            True: (self._many_answers, grpc.stream_stream_rpc_method_handler, handler.unary_stream),
        }
        form, make, called = forms[handler.response_streaming]
        return make(form(called, method), handler.request_deserializer, handler.response_serializer)

    def _one_answer(self, called: Any, method: str) -> Any:
        async def answered(requests: AsyncIterator[Any], context: Any) -> Any:
            return await called(await self._message(requests, context, method), context)

        return answered

    def _many_answers(self, called: Any, method: str) -> Any:
        open_calls = self._open_calls.get(method)

        async def answered(requests: AsyncIterator[Any], context: Any) -> None:
            request = await self._message(requests, context, method)
            if open_calls is None:
                await _all_answers(called(request, context), context)
                return
            try:
                with open_calls:
                    await _all_answers(called(request, context), context)
            except RefusedCall as refusal:
                await end(answer(refusal, method), context)

        return answered

    async def _message(self, requests: AsyncIterator[Any], context: Any, method: str) -> Any:
        """The message of the call; ends a call without one."""
        try:
            if len(self._waiting) >= self._most:
                self._make_room()
            with _Deadline(self._seconds) as deadline:
                self._waiting[deadline] = None
                try:
                    return await anext(requests)
                finally:
                    del self._waiting[deadline]
        except RefusedCall as refusal:
            await end(answer(refusal, method), context)
        except (TimeoutError, StopAsyncIteration):
            slow = TooSlow(f"no message came within {self._seconds:g} s, or soon enough; send one with the call")
            await end(answer(RefusedCall(slow), method), context)

    def _make_room(self) -> None:
        """End the call that has waited longest, if it has had time. Raises RefusedCall."""
        if not next(iter(self._waiting)).end_early():
            raise RefusedCall(
                Overloaded(f"the server has {self._most} calls open whose message has not come, its limit; send again")
            )


class _Deadline:
    """Raises TimeoutError out of its block after so many seconds; a loop that was busy then gets as many again.

    What has come while the loop was busy is there, and nobody has looked yet.
    """

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._task = asyncio.current_task()
        self._is_over = False
        self._wait()

    def _wait(self) -> None:
        self._begun = self._loop.time()
        self._due = self._begun + self._seconds
        self._timer = self._loop.call_at(self._due, self._fire)

    def _fire(self) -> None:
        if self._loop.time() - self._due > _BUSY_SECONDS:
            self._wait()
        else:
            self._end()

    def _end(self) -> None:
        if self._task is not None and not self._is_over:
            self._is_over = True
            self._task.cancel()

    def end_early(self) -> bool:
        """Let it be over now, unless it has just begun; whether it is."""
        if self._loop.time() - self._begun < min(_SURELY_SECONDS, self._seconds / 2):
            return False
        self._end()
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._timer.cancel()
        if self._is_over and kind is asyncio.CancelledError:
            raise TimeoutError


async def _all_answers(answers: Any, context: Any) -> None:
    """Send what a method gives, or wait for one that sends by itself."""
    if not hasattr(answers, "__aiter__"):
        await answers
        return
    async for one in answers:
        await context.write(one)
