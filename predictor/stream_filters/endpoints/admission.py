"""How many requests may be in work at once: one more is turned away at once, instead of making all of them wait."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import grpc

from stream_filters.errors import RefusedCall, answer, refusing
from stream_filters.refusals import GoingDown, Overloaded

# a server that goes down has been left alone when nobody calls for so long, and waits for that no longer than
_QUIET_SECONDS = 0.2
_LEAVING_SECONDS = 2.0
_LOOK_SECONDS = 0.01


class Admission:
    """Counts what is in work: one more inside of each `with`.

    most: how many may be at once. what: they are, for the sentence of a refusal.
    """

    def __init__(self, most: int, what: str = "requests in work") -> None:
        self._most = most
        self._what = what
        self._in_work = 0

    @property
    def refusal(self) -> RefusedCall | None:
        """Why one more may not come, if so."""
        if self._in_work < self._most:
            return None
        return RefusedCall(
            Overloaded(f"the server has {self._most} {self._what}, its limit; slow down, and send this again")
        )

    @property
    def in_work(self) -> int:
        """How many there are now."""
        return self._in_work

    def __enter__(self) -> None:
        """Count one as long as it is in work. Raises RefusedCall when it is one too many."""
        if refusal := self.refusal:
            raise refusal
        self._in_work += 1

    def __exit__(self, *_: object) -> None:
        self._in_work -= 1


class AdmissionInterceptor(grpc.aio.ServerInterceptor):
    """Turns gRPC calls away before their messages are read: those that are too many, and all when the server goes down.

    admissions: by method; other methods are not turned away.
    """

    def __init__(self, admissions: Mapping[str, Admission]) -> None:
        self._admissions = admissions
        self._closed = False
        self._turned_away = 0

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """The handler of the call, or one that refuses it."""
        admission = self._admissions.get(handler_call_details.method)
        refusal = self._refusal(admission) if admission else None
        if refusal is None:
            return await continuation(handler_call_details)
        return refusing(answer(refusal, handler_call_details.method))

    async def close(self) -> None:
        """Turn every call away from now on; returns when nobody calls any more, or soon if somebody always does."""
        self._closed = True
        for _ in range(int(_LEAVING_SECONDS / _QUIET_SECONDS)):
            before = self._turned_away
            await asyncio.sleep(_QUIET_SECONDS)
            if self._turned_away == before:
                return

    async def finish(self, seconds: float) -> None:
        """Wait until nothing is in work, no longer than so many seconds, and for its answers to leave.

        A connection that is closed on what its client has just sent is reset, and takes answers with it that the
        client has yet to read.
        """
        ends = time.monotonic() + seconds
        if not self._busy:
            return
        while self._busy and time.monotonic() < ends:
            await asyncio.sleep(_LOOK_SECONDS)
        await asyncio.sleep(_QUIET_SECONDS)

    @property
    def _busy(self) -> bool:
        return any(admission.in_work for admission in self._admissions.values())

    def _refusal(self, admission: Admission) -> RefusedCall | None:
        if not self._closed:
            return admission.refusal
        self._turned_away += 1
        return RefusedCall(GoingDown("the server is going down; connect again, and send this again"))
