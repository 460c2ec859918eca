"""The model that KServe serves: tensors in, the filter's answers out."""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from kserve import InferRequest, InferResponse, Model
from kserve.metrics import PREDICT_HIST_TIME
from kserve.model import InferenceVerb
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.grpc.grpc_predict_v2_pb2 import ModelInferResponse

from stream_filters.errors import RefusedCall
from stream_filters.filters.base import Array
from stream_filters.refusals import InvalidRequest, Refusal, Unsupported
from stream_filters.store.base import Store, StoreError
from stream_filters.streams.exactly_once import Apply, Turn, checked, prior, received
from stream_filters.streams.portions import INLINE_VALUES, beside
from stream_filters.streams.queues import Turnstile
from stream_filters.streams.runner import Answer, Runner
from stream_filters.streams.sessions import Limits, Sessions
from stream_filters.telemetry import Telemetry
from stream_filters.wire import kserve_types as transport
from stream_filters.wire import metadata, parsing
from stream_filters.wire.batches import Rows, stack
from stream_filters.wire.configs import Binder
from stream_filters.wire.parsing import STATE, Parameter, RawRequest, Request
from stream_filters.wire.validation import RequestLimits
from stream_filters.wire.work import BytesInWork

_COUNTING_SECONDS = 1.0
_WORK_BYTES = 512 * 1024 * 1024
# names in one page of a listing
USUAL_NAMES = 100
MOST_NAMES = 1_000


@dataclass(frozen=True, slots=True)
class Backend:
    """What all models share: where streams are kept, where large requests are computed, what is allowed."""

    store: Store
    executor: Executor
    threads: int
    limits: Limits
    request_limits: RequestLimits
    work: BytesInWork = field(default_factory=lambda: BytesInWork(_WORK_BYTES))


class FilterModel(Model):
    """One filter under one name, with the streams that it holds.

    binder: the filter by settings.
    """

    def __init__(self, name: str, binder: Binder, backend: Backend) -> None:
        super().__init__(name)
        self._request_limits = backend.request_limits
        self._work = backend.work
        self._binder = binder
        self._telemetry = Telemetry(name)
        self._runner = Runner(
            backend.executor, backend.threads, self._telemetry, backend.request_limits.compute_seconds
        )
        self._sessions = Sessions(name, backend.store, binder, self._runner, backend.limits)
        # streams of which a large request is read on another thread; what waits there is in work, and bounded so
        self._reading = Turnstile(sys.maxsize)

        self._predict_seconds = PREDICT_HIST_TIME.labels(name)
        self._telemetry.watch(lambda: self._sessions.copies, lambda: self._sessions.busy)

    def load(self) -> bool:
        """Compile what the first request needs."""
        self._binder.default.warm_up()
        self.ready = True
        return True

    def get_input_types(self) -> list[dict[str, Any]]:
        """Name, datatype and shape of every input; -1 is a size that the request decides."""
        return metadata.inputs(self._binder.default)

    def get_output_types(self) -> list[dict[str, Any]]:
        """Name, datatype and shape of every output; -1 is a size that the request decides."""
        return metadata.outputs(self._binder.default)

    async def __call__(
        self,
        body: Any,
        headers: dict[str, str] | None = None,
        verb: InferenceVerb = InferenceVerb.PREDICT,
    ) -> Any:
        """As KServe's own, without its stages before and after `predict`, which are empty here, and their timing."""
        if verb is not InferenceVerb.PREDICT or not isinstance(body, InferRequest):
            raise RefusedCall(Unsupported("the model takes v2 inference requests; send one to /v2/models/{name}/infer"))
        began = time.perf_counter()
        try:
            return await self.predict(body, headers), {}
        finally:
            self._predict_seconds.observe(time.perf_counter() - began)

    async def predict(
        self, payload: InferRequest, headers: Mapping[str, str] | None = None, response_headers: Any = None
    ) -> ModelInferResponse | InferResponse:
        """Carry out one v2 request. Raises RefusedCall with the code and sentence of the refusal."""
        del headers, response_headers
        try:
            raw = transport.read(payload)
            if raw.size <= INLINE_VALUES:
                outputs, parameters = await self._carried_out(raw)
            else:
                with self._work.hold(raw.size):
                    outputs, parameters = await self._carried_out(raw)
        except Refusal as refusal:
            self._telemetry.refused(refusal)
            raise RefusedCall(refusal) from refusal
        values = sum([array.size for array in outputs.values()])
        return await beside(values, lambda: transport.write(payload, outputs, parameters))

    async def _carried_out(self, raw: RawRequest) -> tuple[dict[str, Array], dict[str, Parameter]]:
        """Outputs and parameters of the answer. Raises Refusal."""
        is_alone = raw.size <= INLINE_VALUES and not self._reading
        request = self._parsed(raw) if is_alone else await self._parsed_in_turn(raw)
        return await (self._many(request) if request.batch else self._one(request))

    async def _parsed_in_turn(self, raw: RawRequest) -> Request:
        """What a large request says, or one that comes while a large one is read."""
        names = parsing.stream_names(raw, self._request_limits)
        # who comes while a large one of the same stream is read stays behind it: a stream goes by order of arrival
        if raw.size <= INLINE_VALUES and self._reading.is_free(names):
            return self._parsed(raw)
        async with self._reading.turn(tuple(names)):
            return await beside(raw.size, lambda: self._parsed(raw))

    def _parsed(self, raw: RawRequest) -> Request:
        return parsing.parse(raw, self._binder.default, self._request_limits)

    async def count_streams(self) -> None:
        """Let the metrics tell how many streams are live; nobody waits long for a store that does not answer."""
        try:
            self._telemetry.holds(await asyncio.wait_for(self._sessions.count(), _COUNTING_SECONDS))
        except (TimeoutError, StoreError):
            self._telemetry.holds(None)

    async def sequences(self, after: str, limit: int) -> tuple[list[str], str]:
        """A page of the streams' names, and what to ask for the next one with. Raises RefusedCall."""
        try:
            if not 1 <= limit <= MOST_NAMES:
                raise InvalidRequest(f"limit: {limit} came, expected 1 to {MOST_NAMES} names")
            return await self._sessions.page(after, limit)
        except Refusal as refusal:
            raise RefusedCall(refusal) from refusal

    async def _one(self, request: Request) -> tuple[dict[str, Array], dict[str, Parameter]]:
        turn = request.turns[0]
        if isinstance(turn, Refusal):
            raise turn
        answer = await self._answer(turn)
        outputs = {
            name: _bytes([answer.belief.encoded]) if name == STATE else answer.output(name) for name in request.names
        }
        parameters: dict[str, Parameter] = {"next_offset": answer.belief.offset, "replayed": answer.replayed}
        if turn.sequence_id:
            parameters["sequence_id"] = turn.sequence_id
        if answer.life:
            parameters["life"] = answer.life
        return outputs, parameters

    async def _answer(self, turn: Turn) -> Answer:
        if not turn.sequence_id:
            return (await self._runner.run([(turn, self._stateless(turn))]))[0]
        answer = (await self._sessions.apply([turn]))[0]
        if isinstance(answer, Refusal):
            raise answer
        return answer

    def _stateless(self, turn: Turn) -> Apply:
        """From the client's own belief, under its settings, or from the prior."""
        if turn.belief is None:
            model = checked(turn, self._binder.default)
            return Apply(model, prior(model), 0)
        bound, state = received(turn.belief, self._binder)
        return Apply(checked(turn, bound), state, turn.belief.offset)

    async def _many(self, request: Request) -> tuple[dict[str, Array], dict[str, Parameter]]:
        """Every stream on its own; a refused one has its constant in `codes` and its sentence in `status`."""
        turns = [turn for turn in request.turns if isinstance(turn, Turn)]
        applied = iter(await self._sessions.apply(turns))
        results = [next(applied) if isinstance(turn, Turn) else turn for turn in request.turns]
        for result in results:
            if isinstance(result, Refusal):
                self._telemetry.refused(result)
        values = sum(len(turn.observations) for turn in turns) * len(request.names)
        return await beside(values, lambda: self._together(request.names, results)), {}

    def _together(self, names: Sequence[str], results: Sequence[Answer | Refusal]) -> dict[str, Array]:
        """The outputs of many streams."""
        answers = [result if isinstance(result, Answer) else None for result in results]
        outputs = {name: self._stacked(name, answers) for name in names}
        outputs["status"] = _bytes(
            [result.sentence.encode() if isinstance(result, Refusal) else b"" for result in results]
        )
        codes = [result.constant.encode() if isinstance(result, Refusal) else b"" for result in results]
        outputs["codes"] = _bytes(codes)
        offsets = [_next_offset(result) for result in results]
        outputs["next_offsets"] = np.array(offsets, dtype=np.int64)
        lives = [answer.life if answer else 0 for answer in answers]
        if any(lives):
            outputs["lives"] = np.array(lives, dtype=np.int64)
        outputs["replayed"] = np.array([bool(answer and answer.replayed) for answer in answers])
        return outputs

    def _stacked(self, name: str, answers: Sequence[Answer | None]) -> Array:
        """One output of many streams."""
        if name == STATE:
            return _bytes([answer.belief.encoded if answer else b"" for answer in answers])
        output = self._binder.default.declared[name]
        return stack(_arrays(name, answers), output.datatype, output.wire_shape[1:])


def named_model(data_plane: DataPlane, name: str) -> FilterModel:
    """The model of this name. Raises ModelNotFound."""
    model: FilterModel = data_plane.get_model_from_registry(name)
    return model


def _arrays(name: str, answers: Sequence[Answer | None]) -> Iterator[Rows]:
    """One output of many streams; of those whose rows stand one behind the other, all together."""
    done = 0
    while done < len(answers):
        answer, count = answers[done], 1
        if answer is None or name not in answer.info:
            yield (None if answer is None else answer.output(name)), count
        else:
            length, last = answer.last - answer.first, answer.last
            for after in answers[done + 1 :]:
                if after is None or after.info is not answer.info or (after.first, after.last) != (last, last + length):
                    break
                count, last = count + 1, after.last
            yield answer.info[name][answer.first : last], count
        done += count


def _next_offset(result: Answer | Refusal) -> int:
    """Where a stream goes on; -1 where that is not known."""
    if isinstance(result, Answer):
        return result.belief.offset
    return result.facts.get("next_offset", -1)


def _bytes(values: list[bytes]) -> Array:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
