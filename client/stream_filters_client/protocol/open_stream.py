"""One stream of observations, for threads."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from threading import Lock
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from numpy.typing import ArrayLike

from stream_filters_client import errors
from stream_filters_client.protocol.calls import Call, Conversation, Patience
from stream_filters_client.protocol.codec import Observations
from stream_filters_client.protocol.connecting import BaseStream
from stream_filters_client.protocol.pipeline import DEFAULT_AHEAD, Pipeline, as_rows, check_ahead, look
from stream_filters_client.protocol.routing import Route
from stream_filters_client.protocol.sequence import Rows, Sequence
from stream_filters_client.protocol.streaming import StreamingCall
from stream_filters_client.result import Result

T = TypeVar("T")


class Connection(Protocol):
    """What a stream needs of its client."""

    patience: Patience

    def run(self, conversation: Conversation[T], ask: Callable[[Call], Any] | None = None) -> T:
        """Make the calls of a conversation; ask: makes one call, by default `unary`."""

    def unary(self, call: Call) -> Any:
        """One call and its answer. Raises grpc.RpcError."""

    def open_line(self, sequence_id: str) -> StreamingCall:
        """A streaming call for a stream."""


class Stream(BaseStream[StreamingCall]):
    """One stream of observations. Made by `StreamClient.stream`."""

    def __init__(self, client: Connection, sequence: Sequence, route: Route, *, keep: bool) -> None:
        super().__init__(sequence, route, client.open_line, keep=keep)
        self._client = client
        self._turn = Lock()

    def send(
        self,
        observations: Observations,
        *,
        time_deltas: ArrayLike | None = None,
        observation_scale: ArrayLike | None = None,
        outputs: Iterable[str] = (),
        horizon: int | None = None,
    ) -> Result:
        """Send the next [T] or [T, D] observations, oldest first; NaN or None is a missing one.

        observation_scale: [T], the std of each reading's noise beside the usual one's, of models that take it.
        outputs: names of those to return, the model's default set if none. horizon: also forecast so many steps.
        Sending is idempotent: after ServerUnavailable, send the same rows again.
        """
        self._check_free()
        with self._turn:
            return self._send(Rows(observations, time_deltas, tuple(outputs), horizon, observation_scale))

    def send_many(
        self,
        requests: Iterable[Observations | Rows],
        *,
        outputs: Iterable[str] = (),
        horizon: int | None = None,
        ahead: int = DEFAULT_AHEAD,
    ) -> Iterator[Result]:
        """Send a request for each item without waiting for the answer before; yields the results, in order.

        requests: observations as `send` takes them, or `Rows`, which say more. ahead: how many may be under way.
        Each is applied once and answered once, also when the line breaks in the middle. Results come when `ahead`
        requests are under way or there are no more: for observations that arrive slowly, use `send`.
        What is under way when the caller stops early is still applied: `offset` tells how far the stream is.
        """
        self._check_free()
        many = self._send_all(as_rows(requests, tuple(outputs), horizon), check_ahead(ahead))
        self._many = weakref.ref(many)
        return many

    def end(self) -> None:
        """Let the server forget the stream."""
        if (many := self._many()) is not None:
            many.close()
        with self._turn:
            # a call that would be opened for this alone is not worth it
            self._client.run(self._sequence.finish(), None if self._line is None else self._ask)
            self._hang_up()

    def _send(self, rows: Rows) -> Result:
        return self._client.run(self._sequence.send(rows), self._ask)

    def _ask(self, call: Call) -> Any:
        """The answer to one request, on the way that it is to go."""
        if (line := self._open_line()) is not None:
            with self._or_unary(line):
                return line.ask(call.message, self._client.patience.timeout_seconds)
        answer = self._client.unary(call)
        self._route.answered()
        return answer

    def _send_all(self, rows: Iterator[Rows], ahead: int) -> Generator[Result]:
        with self._turn, self._sending_many():
            for first in rows:
                yield self._send(first)
                if self._is_streaming():
                    yield from self._pipelined(rows, ahead)

    def _pipelined(self, rows: Iterator[Rows], ahead: int) -> Generator[Result]:
        """Results of all that is left of the rows, or until the way is no streaming call any more."""
        try:
            pipeline = Pipeline(self._sequence, self._client.run(look(self._sequence), self._ask), ahead)
        except errors.StreamFiltersError:
            if self._is_streaming():
                raise
            return
        line: StreamingCall | None = None
        try:
            while True:
                if line is None and not pipeline.under_way:
                    line = self._open_line()
                if line is not None:
                    for message in pipeline.fill(rows):
                        line.write(message)
                if not pipeline.under_way:
                    break
                line, results = self._next(pipeline, line)
                yield from results
        except GeneratorExit:
            # nobody takes the results, but the stream moves on with what was sent
            while pipeline.under_way:
                line, _ = self._next(pipeline, line)
            raise
        pipeline.raise_failure()

    def _next(self, pipeline: Pipeline, line: StreamingCall | None) -> tuple[StreamingCall | None, list[Result]]:
        """The line, while it holds, and the results of the first request under way, or of more."""
        if line is not None:
            with self._or_recovery(line):
                return line, pipeline.accept(line.read(self._client.patience.timeout_seconds))
        return None, self._client.run(pipeline.recover(), self._ask)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._leaving(failure) as forgets:
            if forgets:
                self.end()
