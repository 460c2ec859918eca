"""Several requests of one stream under way at once, and how each gets its one answer when the line breaks.

The server answers again only the very request that it applied last. Where it had applied several, and their answers
were lost, they are computed anew from the last belief that is known here, by requests that touch no stream: the same
rows from the same belief give the same bytes.
"""

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from stream_filters_client import errors
from stream_filters_client.protocol import codec
from stream_filters_client.protocol.calls import Call, Conversation
from stream_filters_client.protocol.codec import Observations
from stream_filters_client.protocol.sequence import Rows, Sequence, as_result
from stream_filters_client.result import Result
from stream_filters_client.wire import inference_pb2 as wire

DEFAULT_AHEAD = 32
_LOOK = Rows(np.empty(0), outputs=("state",))


@dataclass(frozen=True, slots=True)
class _Request:
    """offset: of its first row. shape: of its rows; None for a look at the belief, which has none."""

    message: wire.ModelInferRequest
    offset: int
    shape: tuple[int, ...] | None

    @property
    def next_offset(self) -> int:
        return self.offset + (self.shape[0] if self.shape else 0)


class Pipeline:
    """What of one stream is under way, with at most `ahead` requests between two looks at its belief.

    state: the stream's belief where the pipeline begins, at the sequence's offset. failure: of the source of rows.
    """

    def __init__(self, sequence: Sequence, state: bytes, ahead: int) -> None:
        assert sequence.offset is not None  # noqa: S101 - it has been answered
        self._sequence = sequence
        self._ahead = ahead
        self._next_offset = sequence.offset
        self._since_look = 0
        self.failure: Exception | None = None
        # the last belief known, and what was answered since
        self._state = state
        self._answered: list[_Request] = []
        self._under_way: deque[_Request] = deque()

    @property
    def under_way(self) -> int:
        """How many requests have no answer yet."""
        return len(self._under_way)

    @property
    def is_full(self) -> bool:
        """Whether as many requests are under way as may be."""
        return len(self._under_way) >= self._ahead

    def add(self, rows: Rows) -> list[wire.ModelInferRequest]:
        """The next rows as the messages to send. Raises InvalidRequest."""
        message, shape = self._sequence.encode(rows, self._next_offset)
        added = [_Request(message, self._next_offset, shape)]
        self._next_offset = added[0].next_offset
        self._since_look += 1
        if self._since_look >= self._ahead:
            look, _ = self._sequence.encode(_LOOK, self._next_offset)
            added.append(_Request(look, self._next_offset, None))
            self._since_look = 0
        self._under_way.extend(added)
        return [request.message for request in added]

    def fill(self, rows: Iterator[Rows]) -> Iterator[wire.ModelInferRequest]:
        """Messages of the next rows until `ahead` are under way; what fails in the source is kept for its end."""
        while self.failure is None and not self.is_full:
            try:
                messages = self.add(next(rows))
            except StopIteration:
                return
            except Exception as failure:
                self.failure = failure
                return
            yield from messages

    def raise_failure(self) -> None:
        """Raise what failed in the source: all that came before it is answered."""
        if self.failure is not None:
            raise self.failure

    def accept(self, response: wire.ModelInferResponse) -> list[Result]:
        """The result of the first request under way; none for a look. Raises ServerFault."""
        request = self._under_way[0]
        if request.shape is None:
            self._state = codec.decode(response)["state"][0]
            self._answered.clear()
            results = []
        else:
            results = [self._sequence.accept(response, request.shape)]
            self._answered.append(request)
        self._under_way.popleft()
        return results

    def recover(self) -> Conversation[list[Result]]:
        """Results of at least the first request under way, when its answer did not come or was a refusal."""
        first = self._under_way[0]
        try:
            return self.accept((yield Call("ModelInfer", first.message, in_stream=True)))
        except errors.OffsetMismatch as mismatch:
            held = mismatch.next_offset
            if held is None:
                held = yield from self._ask_offset()
            applied = [request for request in self._under_way if request.next_offset <= held]
            if not applied or applied[-1].next_offset != held:
                raise
        return (yield from self._compute(applied))

    def _ask_offset(self) -> Conversation[int]:
        """Where the stream goes on, of a server that does not say it with its refusal."""
        message, _ = self._sequence.encode(_LOOK, None)
        response = yield Call("ModelInfer", message, in_stream=True)
        return int(codec.read_parameters(response).get("next_offset", 0))

    def _compute(self, applied: list[_Request]) -> Conversation[list[Result]]:
        state, results = self._state, []
        unanswered = {id(request) for request in applied}
        for request in (*self._answered, *applied):
            if request.shape is None:
                continue
            if id(request) in unanswered:
                response = yield Call("ModelInfer", _carried(request.message, state))
                result = replace(as_result(response, request.offset), next_offset=request.next_offset, replayed=True)
                results.append(replace(result, sequence_id=self._sequence.sequence_id))
            response = yield Call("ModelInfer", _carried(request.message, state, ("state",)))
            state = codec.decode(response)["state"][0]
        yield from self._compare(state, applied[-1].next_offset)
        for _ in applied:
            self._under_way.popleft()
        self._answered.clear()
        self._state, self._sequence.offset = state, applied[-1].next_offset
        return results

    def _compare(self, state: bytes, offset: int) -> Conversation[None]:
        """Raise OffsetMismatch where the stream at this offset is not what these rows made of it."""
        message, _ = self._sequence.encode(_LOOK, None)
        response = yield Call("ModelInfer", message, in_stream=True)
        held = codec.decode(response)["state"][0]
        if codec.read_parameters(response).get("next_offset") == offset and held != state:
            raise errors.OffsetMismatch(
                f"stream {self._sequence.sequence_id} has rows that another client sent; use one client for a stream"
            )


def as_rows(requests: Iterable[Observations | Rows], outputs: tuple[str, ...], horizon: int | None) -> Iterator[Rows]:
    """Each item as rows; outputs and horizon: of those that do not say it themselves."""
    for request in requests:
        yield request if isinstance(request, Rows) else Rows(request, None, outputs, horizon)


async def as_rows_async(
    requests: Iterable[Observations | Rows] | AsyncIterable[Observations | Rows],
    outputs: tuple[str, ...],
    horizon: int | None,
) -> AsyncIterator[Rows]:
    """The same of items that may be waited for."""
    if isinstance(requests, AsyncIterable):
        async for request in requests:
            for rows in as_rows([request], outputs, horizon):
                yield rows
    else:
        for rows in as_rows(requests, outputs, horizon):
            yield rows


def check_ahead(ahead: int) -> int:
    """How many requests may be under way. Raises InvalidRequest."""
    if ahead < 1:
        raise errors.InvalidRequest(f"ahead is {ahead}; at least 1 request has to be under way")
    return ahead


def look(sequence: Sequence) -> Conversation[bytes]:
    """The belief of a stream that has begun."""
    message, _ = sequence.encode(_LOOK, sequence.offset)
    response = yield Call("ModelInfer", message, in_stream=True)
    state: bytes = codec.decode(response)["state"][0]
    return state


def _carried(
    message: wire.ModelInferRequest, state: bytes, outputs: tuple[str, ...] | None = None
) -> wire.ModelInferRequest:
    """The same rows from `state`, without a stream; outputs: in place of the message's own."""
    carried = wire.ModelInferRequest()
    carried.CopyFrom(message)
    for name in ("sequence_id", "offset", "life"):
        carried.parameters.pop(name, None)
    carried.inputs.add(name="state", datatype="BYTES", shape=[1])
    carried.raw_input_contents.append(len(state).to_bytes(4, "little") + state)
    if outputs is not None:
        if "horizon" in carried.parameters:
            del carried.parameters["horizon"]
        del carried.outputs[:]
        for name in outputs:
            carried.outputs.add(name=name)
    return carried
