"""A streaming call for threads: requests go out, their answers come back in order, each in time."""

import time
import weakref
from queue import SimpleQueue
from threading import Condition, Thread
from typing import Any

import grpc

from stream_filters_client.protocol.calls import FailedCall, answer_of
from stream_filters_client.wire import inference_pb2 as wire

# the watch looks up at least so often
_LONGEST_SECONDS = 5.0


class LateAnswers:
    """Cancels calls that bring no answer in time: gRPC has a deadline for a call, and none for an answer on it.

    Its thread lives as long as there is something to watch.
    """

    def __init__(self) -> None:
        self._deadlines: dict[StreamingCall, float] = {}
        self._changed = Condition()
        self._wakes_at = 0.0
        self._is_running = False

    def begin(self, call: "StreamingCall", timeout_seconds: float) -> None:
        """Cancel the call unless `end` comes in time."""
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            self._deadlines[call] = deadline
            if not self._is_running:
                self._is_running = True
                Thread(target=self._run, name="answers-in-time", daemon=True).start()
            elif deadline < self._wakes_at:
                self._changed.notify()

    def end(self, call: "StreamingCall") -> None:
        """The answer is there."""
        with self._changed:
            self._deadlines.pop(call, None)

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._deadlines:
                    self._is_running = False
                    return
                now = time.monotonic()
                late = [call for call, deadline in self._deadlines.items() if deadline <= now]
                for call in late:
                    del self._deadlines[call]
                if not late:
                    # between two answers there is nothing to wake up for, and nothing to be told
                    self._wakes_at = min((now + _LONGEST_SECONDS, *self._deadlines.values()))
                    self._changed.wait(self._wakes_at - now)
            for call in late:
                call.expire()


_LATE = LateAnswers()


class StreamingCall:
    """One ModelStreamInfer call. Whoever reads must have written; one thread at a time reads."""

    def __init__(self, method: Any, metadata: Any) -> None:
        self._requests: SimpleQueue[wire.ModelInferRequest | None] = SimpleQueue()
        # a call that nobody holds any more lets go of the thread that writes for it
        self._finish = weakref.finalize(self, self._requests.put, None)
        self._finish.atexit = False
        self._call = method(iter(self._requests.get, None), metadata=metadata)
        self._expired = False
        self.answered = False

    @property
    def is_open(self) -> bool:
        """Whether nothing has ended the call yet."""
        return bool(self._call.is_active())

    def ask(self, message: wire.ModelInferRequest, timeout_seconds: float) -> wire.ModelInferResponse:
        """Send a request and wait for its answer. Raises grpc.RpcError."""
        self.write(message)
        return self.read(timeout_seconds)

    def write(self, message: wire.ModelInferRequest) -> None:
        """Send a request; that it cannot be sent is told by `read`."""
        self._requests.put(message)

    def read(self, timeout_seconds: float) -> wire.ModelInferResponse:
        """The answer to the first request that has none. Raises Refused, or another grpc.RpcError: the call is over."""
        _LATE.begin(self, timeout_seconds)
        try:
            response = next(self._call, None)
        except grpc.RpcError:
            if self._expired:
                raise FailedCall(grpc.StatusCode.DEADLINE_EXCEEDED, "") from None
            raise
        finally:
            _LATE.end(self)
        if response is None:
            raise FailedCall(grpc.StatusCode.UNAVAILABLE, "the streaming call ended before the answer")
        self.answered = True
        return answer_of(response)

    def expire(self) -> None:
        """End the call, for its answer is late."""
        self._expired = True
        self._call.cancel()

    def close(self) -> None:
        """End the call."""
        self._call.cancel()
        self._finish()
