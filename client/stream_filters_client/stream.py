"""The client: streams that arrive exactly once, however often the line breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Self, TypeVar

import grpc
from numpy.typing import ArrayLike

from stream_filters_client import errors
from stream_filters_client.protocol import inspection
from stream_filters_client.protocol.calls import Call, Conversation, Talk
from stream_filters_client.protocol.codec import Observations
from stream_filters_client.protocol.connecting import BaseClient
from stream_filters_client.protocol.open_stream import Stream
from stream_filters_client.protocol.routing import Route, Transport
from stream_filters_client.protocol.sequence import Rows, Sequence, infer
from stream_filters_client.protocol.streaming import StreamingCall
from stream_filters_client.result import Result

T = TypeVar("T")


class StreamClient(BaseClient):
    """A connection to a predictor, for any number of streams and threads.

    target: host:port of its v2 gRPC endpoint. patience: how long to wait and to try again.
    credentials: for TLS, as `grpc.ssl_channel_credentials(...)` makes them. metadata: sent with every call.
    Every method raises the errors of `stream_filters_client.errors`.

        with StreamClient("localhost:8081") as client:
            with client.stream("streaming_kalman") as stream:
                result = stream.send([1.0, 1.9, 3.2])
                print(result.position_mean, result.velocity_mean)
    """

    _channels: ClassVar[Any] = grpc

    def stream(
        self,
        model: str,
        *,
        sequence_id: str | None = None,
        config: Mapping[str, Any] | None = None,
        offset: int | None = None,
        resume: bool = False,
        keep: bool = False,
        transport: Transport = "auto",
    ) -> Stream:
        """A new stream; it begins on the server with the first `send`.

        sequence_id: its name, a fresh one if None. config: the model's settings for this stream.
        offset: go on with a stream that the server knows, at this observation. resume: go on with it wherever it
        is; the first send is then not retried. keep: leave it on the server when the `with` block ends.
        transport: "unary" calls, one "streaming" call, or "auto", which is streaming where that is faster and works.
        """
        sequence = Sequence.open(model, sequence_id, config, offset, resume=resume)
        return Stream(self, sequence, Route(transport, self.lines), keep=keep)

    def infer(
        self,
        model: str,
        observations: Observations,
        *,
        time_deltas: ArrayLike | None = None,
        observation_scale: ArrayLike | None = None,
        outputs: Iterable[str] = (),
        horizon: int | None = None,
        state: bytes | None = None,
    ) -> Result:
        """Filter [T] or [T, D] observations from the prior, or from `state`; the server keeps nothing."""
        rows = Rows(observations, time_deltas, tuple(outputs), horizon, observation_scale)
        return self.run(infer(model, rows, state))

    def server(self) -> inspection.ServerInfo:
        """What the server is, and whether it is ready."""
        return self.run(inspection.server_info())

    def models(self, names: Iterable[str] | None = None) -> tuple[inspection.ModelInfo, ...]:
        """Inputs and outputs of the models named; by default of those well-known ones that the server has."""
        return self.run(inspection.models(names))

    def check(self, names: Iterable[str] | None = None) -> inspection.Check:
        """Readiness, metadata, and with each model a real stream there and back."""
        return self.run(inspection.check(names))

    def run(self, conversation: Conversation[T], ask: Callable[[Call], Any] | None = None) -> T:
        """Make the calls of a conversation and give it the answers; ask: makes one call, by default `unary`."""
        talk = Talk(conversation)
        while talk.call is not None:
            try:
                answer = self._attempt(talk.call, ask or self.unary)
            except errors.StreamFiltersError as failure:
                talk.fail(failure)
            else:
                talk.answer(answer)
        return talk.result

    def _attempt(self, call: Call, ask: Callable[[Call], Any]) -> Any:
        answer = None
        for attempt in self.patience.attempts(self._has_answered):
            with attempt, self._asking(call):
                answer = ask(call)
        return answer

    def unary(self, call: Call) -> Any:
        """One call and its answer. Raises grpc.RpcError."""
        metadata = self._metadata_of(call.sequence_id)
        return self._methods[call.method](call.message, timeout=self.patience.timeout_seconds, metadata=metadata)

    def open_line(self, sequence_id: str) -> StreamingCall:
        """A streaming call for a stream."""
        line = StreamingCall(self._methods["ModelStreamInfer"], self._metadata_of(sequence_id))
        self.lines.calls.add(line)
        return line

    def close(self) -> None:
        """Close the connection."""
        self._is_closed = True
        for line in list(self.lines.calls):
            line.close()
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
