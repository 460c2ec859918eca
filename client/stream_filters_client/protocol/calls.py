"""One call to the server, whether it may be made again, and how its failure is told."""

import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import grpc
import tenacity

from stream_filters_client import errors
from stream_filters_client.protocol import codec
from stream_filters_client.wire import inference_pb2 as wire

logger = logging.getLogger("stream_filters_client")
SERVICE = "inference.GRPCInferenceService"
METHODS = wire.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods


@dataclass(frozen=True, slots=True)
class Call:
    """One unary call.

    idempotent: making it twice is the same as making it once, so that it may be retried.
    in_stream: it belongs to a stream that has begun, so that NOT_FOUND means that the stream is lost.
    """

    method: str
    message: Any
    idempotent: bool = True
    in_stream: bool = False

    @property
    def sequence_id(self) -> str:
        """The stream that it is for; empty for none."""
        if self.method != "ModelInfer":
            return ""
        return str(codec.read_parameters(self.message).get("sequence_id", ""))


T = TypeVar("T")
# What is said in both clients: calls go out, answers (or failures) come in, a result is returned.
Conversation = Generator[Call, Any, T]


class Talk(Generic[T]):
    """A conversation under way. call: the one to make next, None when it is over, and `result` is what came of it."""

    result: T

    def __init__(self, conversation: Conversation[T]) -> None:
        self._conversation = conversation
        self.call: Call | None = None
        self._go_on(lambda: next(conversation))

    def answer(self, answer: Any) -> None:
        """What the call brought."""
        self._go_on(lambda: self._conversation.send(answer))

    def fail(self, failure: errors.StreamFiltersError) -> None:
        """How the call failed; raised again unless the conversation knows what to do about it."""
        self._go_on(lambda: self._conversation.throw(failure))

    def _go_on(self, step: Callable[[], Call]) -> None:
        try:
            self.call = step()
        except StopIteration as stop:
            self.call, self.result = None, stop.value


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds.

    timeout_seconds: for one answer. retry_seconds: for an answer after failures, 0 to give up at the first.
    first_seconds: the same as long as the server has never answered, if that is less.
    Between tries the wait doubles from first_wait_seconds to last_wait_seconds, plus up to jitter_seconds by chance.
    """

    timeout_seconds: float = 10.0
    retry_seconds: float = 60.0
    first_seconds: float = 5.0
    first_wait_seconds: float = 0.05
    last_wait_seconds: float = 2.0
    jitter_seconds: float = 0.25

    def attempts(self, has_answered: Callable[[], bool] = lambda: True) -> tenacity.Retrying:
        """Attempts at a call, for a `for` loop, as long as its failures are told as retryable.

        has_answered: whether the server ever did.
        """
        return tenacity.Retrying(**self._options(has_answered))

    def attempts_async(self, has_answered: Callable[[], bool] = lambda: True) -> tenacity.AsyncRetrying:
        """As `attempts`, for an `async for` loop."""
        return tenacity.AsyncRetrying(**self._options(has_answered))

    def _options(self, has_answered: Callable[[], bool]) -> dict[str, Any]:
        def limit_seconds() -> float:
            return self.retry_seconds if has_answered() else min(self.first_seconds, self.retry_seconds)

        def is_over(state: tenacity.RetryCallState) -> bool:
            return (state.seconds_since_start or 0.0) + state.upcoming_sleep >= limit_seconds()

        def notice(state: tenacity.RetryCallState) -> None:
            failure = state.outcome.exception() if state.outcome else None
            is_news = state.attempt_number == 1 and not has_answered()
            what = f"{failure}; trying for {limit_seconds():g} s"
            logger.log(logging.WARNING if is_news else logging.INFO, what, extra={"failure": failure})

        return {
            "retry": tenacity.retry_if_exception(_is_retryable),
            "stop": is_over,
            "wait": tenacity.wait_exponential(self.first_wait_seconds, self.last_wait_seconds)
            + tenacity.wait_random(0, self.jitter_seconds),
            "before_sleep": notice,
            "reraise": True,
        }


def _is_retryable(failure: BaseException) -> bool:
    return isinstance(failure, errors.StreamFiltersError) and failure.retryable


class FailedCall(grpc.RpcError):
    """A failed call's code, sentence and facts, where gRPC has no status for it."""

    def __init__(self, code: grpc.StatusCode, details: str, facts: Mapping[str, str] | None = None) -> None:
        super().__init__(details)
        self._code, self._details, self._facts = code, details, facts or {}

    def code(self) -> grpc.StatusCode:
        """As a failed call has it."""
        return self._code

    def details(self) -> str:
        """As a failed call has them."""
        return self._details

    def trailing_metadata(self) -> Any:
        """As a failed call has it."""
        return tuple(self._facts.items())


class Refused(FailedCall):
    """A request that was refused on a streaming call, which goes on."""


def answer_of(response: wire.ModelStreamInferResponse) -> wire.ModelInferResponse:
    """What a streaming call brought. Raises Refused when it is an error message."""
    if not response.error_message:
        return response.infer_response
    told = codec.read_parameters(response.infer_response)
    code = grpc.StatusCode.__members__.get(str(told.get("code")), grpc.StatusCode.UNKNOWN)
    facts = {name.replace("_", "-"): str(told[name]) for name in ("refusal", "next_offset") if name in told}
    raise Refused(code, response.error_message, facts)


@contextmanager
def told(call: Call, target: str) -> Iterator[None]:
    """Tell a failed call as one of our errors; it is retryable only where a second try can do no harm."""
    try:
        yield
    except grpc.RpcError as error:
        failure = errors.from_rpc(error, target, stream=call.sequence_id if call.in_stream else None)
        untouched = isinstance(failure, errors.Overloaded)
        if failure.retryable and not (call.idempotent or untouched):
            code, refusal = failure.code, failure.refusal
            failure = errors.OutcomeUnknown(
                f"{failure}; whether the request was applied is unknown, and it carried no offset: "
                "look at the stream's next offset before sending more"
            )
            failure.code, failure.refusal = code, refusal
        # the sentence says it all; what gRPC makes of it is for those who made gRPC
        raise failure from None
