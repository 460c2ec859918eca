"""What the clients for threads and for asyncio have in common: where they connect to, and a stream's place in it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from urllib.parse import quote

import grpc
from google.protobuf import message_factory

from stream_filters_client import errors
from stream_filters_client.protocol.calls import METHODS, SERVICE, Call, Patience, Refused, told
from stream_filters_client.protocol.routing import Lines, Route
from stream_filters_client.protocol.sequence import Sequence

# A pod that restarts is back within seconds: look for it often. Answers may be large: the server decides how large.
_CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
)
# the stream's name, percent-encoded where it is not plain: headers are printable ASCII without spaces at their ends
ROUTING_HEADER = "x-sequence-id"
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")


class BaseClient:
    """A channel to a predictor, and the methods of its service bound to it."""

    # the module that makes the channel
    _channels: ClassVar[Any]

    def __init__(
        self,
        target: str = "localhost:8081",
        *,
        patience: Patience | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        metadata: Iterable[tuple[str, str]] = (),
        options: Iterable[tuple[str, Any]] = (),
    ) -> None:
        if "://" in target or not target:
            raise errors.InvalidRequest(f"{target!r} is no address; write host:port, as in localhost:8081")
        self._begin()
        self.target = target
        self.patience = patience or Patience()
        self._metadata = tuple(metadata)
        settings = (*_CHANNEL_OPTIONS, *options)
        if credentials is None:
            self._channel = self._channels.insecure_channel(target, settings)
        else:
            self._channel = self._channels.secure_channel(target, credentials, settings)
        self._methods = {
            method.name: (self._channel.stream_stream if method.client_streaming else self._channel.unary_unary)(
                f"/{SERVICE}/{method.name}",
                request_serializer=message_factory.GetMessageClass(method.input_type).SerializeToString,
                response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
            )
            for method in METHODS
        }
        self.lines = Lines()
        self._is_closed = False
        self._answered = False

    def _begin(self) -> None:
        """Raise InvalidRequest where no connection can be made."""

    def _has_answered(self) -> bool:
        """Whether the server ever was there."""
        return self._answered

    def _check_usable(self) -> None:
        """Raise InvalidRequest where no call can be made."""
        if self._is_closed:
            raise errors.InvalidRequest(f"this client of {self.target} is closed; make another one")

    @contextmanager
    def _asking(self, call: Call) -> Iterator[None]:
        """Around one try of a call, whose failure is told as one of our errors."""
        self._check_usable()
        try:
            with told(call, self.target):
                yield
        except errors.StreamFiltersError as failure:
            # only a server of ours names its refusals
            self._answered |= bool(failure.refusal)
            raise
        self._answered = True

    def _metadata_of(self, sequence_id: str) -> tuple[tuple[str, str], ...]:
        """What goes with every call of a stream: its name too, so that a proxy can keep it on one replica."""
        if not sequence_id:
            return self._metadata
        return *self._metadata, (ROUTING_HEADER, quote(sequence_id, safe=_PLAIN))


class StreamingLine(Protocol):
    """A streaming call, as far as its stream's place is concerned."""

    @property
    def is_open(self) -> bool:
        """Whether nothing has ended the call yet."""

    @property
    def answered(self) -> bool:
        """Whether any answer came."""

    def close(self) -> None:
        """End the call."""


LineT = TypeVar("LineT", bound=StreamingLine)


class BaseStream(Generic[LineT]):
    """Where one stream of observations is, and its streaming call when it has one."""

    def __init__(self, sequence: Sequence, route: Route, new_line: Callable[[str], LineT], *, keep: bool) -> None:
        self._sequence = sequence
        self._route = route
        self._new_line = new_line
        self._keep = keep
        self._line: LineT | None = None
        self._is_sending_many = False
        self._many: Callable[[], Any] = lambda: None

    @property
    def sequence_id(self) -> str:
        """The stream's name on the server."""
        return self._sequence.sequence_id

    @property
    def offset(self) -> int | None:
        """Index of the next observation; None before the first send of a stream resumed wherever it is."""
        return self._sequence.offset

    def _check_free(self) -> None:
        """Raise InvalidRequest while `send_many` is under way."""
        # one that nobody holds any more is about to end
        if self._is_sending_many and self._many() is not None:
            raise errors.InvalidRequest("send_many is under way on this stream; take all of its results first")

    @contextmanager
    def _sending_many(self) -> Iterator[None]:
        self._is_sending_many = True
        try:
            yield
        finally:
            self._is_sending_many = False

    def _is_streaming(self) -> bool:
        """Whether the next request goes over a streaming call."""
        safe = self._sequence.begun and self._sequence.offset is not None
        return self._route.is_streaming(safe=safe, has_line=self._line is not None)

    def _open_line(self) -> LineT | None:
        """The streaming call that the next request goes over, if it does."""
        if not self._is_streaming():
            return None
        if self._line is None or not self._line.is_open:
            self._hang_up()
            self._line = self._new_line(self._sequence.sequence_id)
        return self._line

    @contextmanager
    def _or_unary(self, line: LineT) -> Iterator[None]:
        """Around the question to a streaming call: where the call fails, and a unary one may do, it ends in peace."""
        try:
            yield
        except Refused:
            raise
        except grpc.RpcError as failure:
            self._hang_up()
            if not self._route.falls_back(failure, answered=line.answered):
                raise
        except BaseException:
            # an answer that nobody took would be taken for the next one
            self._hang_up()
            raise

    @contextmanager
    def _or_recovery(self, line: LineT) -> Iterator[None]:
        """Around the answer of a streaming call: where it is a refusal or does not come, it ends in peace."""
        try:
            yield
        except grpc.RpcError as failure:
            # after a refused request, all that follow it are refused, too
            self._hang_up()
            if not isinstance(failure, Refused):
                self._route.falls_back(failure, answered=line.answered)
        except BaseException:
            self._hang_up()
            raise

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    @contextmanager
    def _leaving(self, failure: BaseException | None) -> Iterator[bool]:
        """Around the end of the stream's `with` block; whether the server is to forget the stream then.

        failure: what the block ends with.
        """
        try:
            yield not self._keep and not isinstance(failure, errors.ServerUnavailable)
        except errors.StreamFiltersError:
            # the failure that is under way tells more
            if failure is None:
                raise
        finally:
            self._hang_up()
