"""Many requests under way at once: each is applied once and answered once, in order."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import aclosing

import numpy as np
import pytest
from stream_filters_client import AsyncStreamClient, Result, Rows, StreamClient, errors
from stream_filters_client.protocol.pipeline import Pipeline, look
from stream_filters_client.protocol.routing import TRANSPORTS
from stream_filters_client.protocol.sequence import Sequence

from tests.client.conftest import OpenProxy
from tests.client.fake_predictor import FakePredictor
from tests.client.faulty_proxy import Cut
from tests.client.streamed import CHUNKS, EVERY_PLACE, MODEL, MODELS, PATIENCE, answered, by_unary_calls, places
from tests.predictor.process import PredictorProcess


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("ahead", [1, 3, 32])
def test_many_at_once_are_answered_as_one_by_one(served: PredictorProcess, model: str, ahead: int) -> None:
    with StreamClient(served.grpc_address, patience=PATIENCE) as client, client.stream(model) as stream:
        results = list(stream.send_many(CHUNKS, horizon=2, ahead=ahead))
        assert stream.offset == 60
    assert answered(results) == by_unary_calls(served, model, horizon=2)
    assert places(results) == EVERY_PLACE


async def test_asyncio_streams_alike(served: PredictorProcess) -> None:
    expected = by_unary_calls(served)

    async def arriving() -> AsyncIterator[np.ndarray]:
        for chunk in CHUNKS:
            await asyncio.sleep(0)
            yield chunk

    async with AsyncStreamClient(served.grpc_address, patience=PATIENCE) as client:
        for transport in TRANSPORTS:
            async with client.stream(MODEL, transport=transport) as stream:
                assert answered([await stream.send(chunk) for chunk in CHUNKS]) == expected
            for source in (CHUNKS, arriving()):
                async with client.stream(MODEL, transport=transport) as stream:
                    assert answered([result async for result in stream.send_many(source)]) == expected


async def test_asyncio_answers_come_before_the_source_goes_on(served: PredictorProcess) -> None:
    came = 0

    async def arriving() -> AsyncIterator[float]:
        for index in range(5):
            while came < index:
                await asyncio.sleep(0)
            yield float(index)

    async with AsyncStreamClient(served.grpc_address, patience=PATIENCE) as client, client.stream(MODEL) as stream:
        async for _ in stream.send_many(arriving()):
            came += 1
    assert came == 5


def test_rows_say_their_own_outputs_and_times(served: PredictorProcess) -> None:
    steps = np.random.default_rng(6).uniform(0.5, 2.0, size=60)
    rows = [Rows(chunk, times, ("predictive_mean",)) for chunk, times in zip(CHUNKS, np.split(steps, 30), strict=True)]
    with StreamClient(served.grpc_address, patience=PATIENCE) as client:
        one = client.stream(MODEL, transport="unary")
        expected = [one.send(r.observations, time_deltas=r.time_deltas, outputs=r.outputs) for r in rows]
        assert answered(list(client.stream(MODEL).send_many(rows))) == answered(expected)


@pytest.mark.parametrize("lost", [0, 1, 2, 6])
def test_answers_lost_by_a_cut_come_all_the_same(proxy: OpenProxy, served: PredictorProcess, lost: int) -> None:
    # a recovery takes a streaming call for one request alone, of which no more than one answer can be lost
    hop = proxy(Cut(after=9, lost=lost), Cut(after=0, lost=min(lost, 1)), Cut(after=3, lost=min(lost, 1)))
    outputs = ("predictive_mean", "position_mean", "state", "forecast_mean")
    with StreamClient(hop.target, patience=PATIENCE) as client, client.stream(MODEL, transport="streaming") as stream:
        results = list(stream.send_many(CHUNKS, outputs=outputs, horizon=3, ahead=8))
    assert places(results) == EVERY_PLACE
    assert {result.sequence_id for result in results} == {stream.sequence_id}
    states = [result.state[0] for result in results]
    with StreamClient(served.grpc_address, patience=PATIENCE) as client:
        one = client.stream(MODEL, transport="unary")
        expected = [one.send(chunk, outputs=outputs, horizon=3) for chunk in CHUNKS]
    assert states == [result.state[0] for result in expected]
    for name in ("predictive_mean", "position_mean", "forecast_mean"):
        assert [r[name].tobytes() for r in results] == [r[name].tobytes() for r in expected]


@pytest.mark.parametrize("lost", [0, 1, 6])
async def test_answers_lost_by_a_cut_come_under_asyncio_too(
    proxy: OpenProxy, served: PredictorProcess, lost: int
) -> None:
    hop = proxy(Cut(after=9, lost=lost), Cut(after=3, lost=min(lost, 1)))
    async with AsyncStreamClient(hop.target, patience=PATIENCE) as client, client.stream(MODEL) as stream:
        results = [result async for result in stream.send_many(CHUNKS, ahead=8)]
    assert answered(results) == by_unary_calls(served)
    assert places(results) == EVERY_PLACE
    assert hop.streaming == 3


def test_answers_are_not_made_up_for_rows_that_somebody_else_sent(served: PredictorProcess) -> None:
    with StreamClient(served.grpc_address, patience=PATIENCE) as client:
        sequence = Sequence.open(MODEL, "shared", None, None, resume=False)
        client.run(sequence.send(Rows([0.0])))
        pipeline = Pipeline(sequence, client.run(look(sequence)), 8)
        for value in (1.0, 2.0):
            pipeline.add(Rows([value]))
        other = client.stream(MODEL, sequence_id="shared", offset=1)
        for value in (1.0, 2.5):
            other.send([value])
        with pytest.raises(errors.OffsetMismatch, match="another client"):
            client.run(pipeline.recover())


async def test_a_model_that_knows_no_beliefs_takes_many_one_by_one(predictor: FakePredictor) -> None:
    values = [1.0, 2.0, 6.0]
    with StreamClient(predictor.target) as client, client.stream(MODEL) as stream:
        means = [result.predictive_mean[0] for result in stream.send_many(values)]
    async with AsyncStreamClient(predictor.target) as aclient, aclient.stream(MODEL) as astream:
        assert means == [result.predictive_mean[0] async for result in astream.send_many(values)]
    assert means == [0.0, 1.0, 1.5]


def take(results: Iterable[Result], into: list[Result]) -> None:
    """Results as they come, those before a failure too."""
    for result in results:
        into.append(result)  # noqa: PERF402 - what came before a failure counts


async def take_async(results: AsyncIterable[Result], into: list[Result]) -> None:
    async for result in results:
        into.append(result)  # noqa: PERF401 - what came before a failure counts


def test_a_stream_goes_on_after_many_that_nobody_took(served: PredictorProcess) -> None:
    with StreamClient(served.grpc_address, patience=PATIENCE) as client, client.stream(MODEL) as stream:
        for result in stream.send_many(CHUNKS, ahead=4):
            if result.offset == 20:
                break
        moved = stream.offset
        assert moved is not None
        assert 22 <= moved <= 32
        assert stream.send([1.0]).offset == moved


async def test_a_stream_goes_on_under_asyncio_after_many_that_nobody_took(served: PredictorProcess) -> None:
    async with AsyncStreamClient(served.grpc_address, patience=PATIENCE) as client, client.stream(MODEL) as stream:
        async with aclosing(stream.send_many(CHUNKS, ahead=4)) as results:
            async for result in results:
                if result.offset == 20:
                    break
        moved = stream.offset
        assert moved is not None
        assert 22 <= moved <= 32
        assert (await stream.send([1.0])).offset == moved


def test_a_refusal_among_many_comes_after_the_answers_before_it(served: PredictorProcess) -> None:
    sent: list[Result] = []
    with StreamClient(served.grpc_address, patience=PATIENCE) as client, client.stream(MODEL) as stream:
        with pytest.raises(errors.InvalidRequest, match="observations"):
            take(stream.send_many([*CHUNKS[:7], np.array([np.inf]), *CHUNKS[7:]]), sent)
        assert stream.offset == 14
        take(stream.send_many(CHUNKS[7:]), sent)
    assert answered(sent) == by_unary_calls(served)


async def test_a_source_that_fails_is_told_after_the_answers_to_what_it_gave(served: PredictorProcess) -> None:
    def source() -> Iterator[np.ndarray]:
        yield from CHUNKS[:9]
        raise LookupError("the sensor is gone")

    came: list[Result] = []
    with StreamClient(served.grpc_address, patience=PATIENCE) as client, client.stream(MODEL) as stream:
        with pytest.raises(LookupError, match="sensor"):
            take(stream.send_many(source()), came)
        assert stream.offset == 18
    async with AsyncStreamClient(served.grpc_address, patience=PATIENCE) as aclient, aclient.stream(MODEL) as astream:
        with pytest.raises(LookupError, match="sensor"):
            await take_async(astream.send_many(source()), came)
    assert places(came) == EVERY_PLACE[:9] * 2


async def test_a_send_among_many_is_refused(served: PredictorProcess) -> None:
    with StreamClient(served.grpc_address, patience=PATIENCE) as client, client.stream(MODEL) as stream:
        results = stream.send_many(CHUNKS)
        next(results)
        with pytest.raises(errors.InvalidRequest, match="under way"):
            stream.send([1.0])
    async with AsyncStreamClient(served.grpc_address, patience=PATIENCE) as aclient, aclient.stream(MODEL) as astream:
        aresults = astream.send_many(CHUNKS)
        await anext(aresults)
        with pytest.raises(errors.InvalidRequest, match="under way"):
            await astream.send([1.0])


def test_none_under_way_at_all_is_refused(served: PredictorProcess) -> None:
    with StreamClient(served.grpc_address) as client, pytest.raises(errors.InvalidRequest, match="at least 1"):
        client.stream(MODEL).send_many([1.0], ahead=0)
