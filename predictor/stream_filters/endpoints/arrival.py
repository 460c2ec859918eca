"""Calls whose message has yet to come: so many, and so long. Answers, too, must be taken in time."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc

from stream_filters.endpoints.admission import Admission
from stream_filters.errors import RefusedCall, answer, end
from stream_filters.refusals import TooSlow


class ArrivalInterceptor(grpc.aio.ServerInterceptor):
    """Reads the message of calls that have one itself, so that one that does not come ends its call.

    most: calls that may wait for theirs. seconds: how long. open_calls: how many may be open of a method, which stay
    open as long as their callers like.
    """

    def __init__(self, most: int, seconds: float, open_calls: Mapping[str, Admission]) -> None:
        self._waiting = Admission(most, "calls open whose message has not come")
        self._seconds = seconds
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
            with self._waiting:
                return await asyncio.wait_for(anext(requests), self._seconds)
        except RefusedCall as refusal:
            await end(answer(refusal, method), context)
        except (TimeoutError, StopAsyncIteration):
            slow = TooSlow(f"no message came within {self._seconds:g} s; send one with the call")
            await end(answer(RefusedCall(slow), method), context)


async def _all_answers(answers: Any, context: Any) -> None:
    """Send what a method gives, or wait for one that sends by itself."""
    if not hasattr(answers, "__aiter__"):
        await answers
        return
    async for one in answers:
        await context.write(one)
