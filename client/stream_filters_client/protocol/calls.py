"""One call to the server, whether it may be made again, and how its failure is told."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
import stamina

from stream_filters_client import errors
from stream_filters_client.protocol import codec
from stream_filters_client.wire import inference_pb2 as wire

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


T = TypeVar("T")
# What is said in both clients: calls go out, answers (or failures) come in, a result is returned.
Conversation = Generator[Call, Any, T]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds.

    timeout_seconds: for one answer. retry_seconds: for an answer after failures, 0 to give up at the first.
    Between tries the wait doubles from first_wait_seconds to last_wait_seconds, plus up to jitter_seconds by chance.
    """

    timeout_seconds: float = 10.0
    retry_seconds: float = 60.0
    first_wait_seconds: float = 0.05
    last_wait_seconds: float = 2.0
    jitter_seconds: float = 0.25

    def attempts(self) -> Any:
        """Attempts at a call, for a `for` or an `async for` loop, as long as its failures are told as retryable."""
        return stamina.retry_context(
            on=lambda failure: isinstance(failure, errors.StreamFiltersError) and failure.retryable,
            attempts=None if self.retry_seconds > 0 else 1,
            timeout=self.retry_seconds or None,
            wait_initial=self.first_wait_seconds,
            wait_max=self.last_wait_seconds,
            wait_jitter=self.jitter_seconds,
        )


class Status(grpc.RpcError):
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


class Refused(Status):
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
        stream = codec.read_parameters(call.message).get("sequence_id", "") if call.in_stream else None
        failure = errors.from_rpc(error, target, stream=None if stream is None else str(stream))
        untouched = isinstance(failure, errors.Overloaded)
        if failure.retryable and not (call.idempotent or untouched):
            code, refusal = failure.code, failure.refusal
            failure = errors.OutcomeUnknown(
                f"{failure}; whether the request was applied is unknown, and it carried no offset: "
                "look at the stream's next offset before sending more"
            )
            failure.code, failure.refusal = code, refusal
        raise failure from error
