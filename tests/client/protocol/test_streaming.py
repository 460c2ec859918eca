"""Streaming calls change how fast answers come, and nothing else."""

import asyncio
import threading
import time
from typing import Any

import grpc
import numpy as np
import pytest
from stream_filters_client import AsyncStreamClient, Patience, StreamClient, errors
from stream_filters_client.protocol.routing import MOST_AUTOMATIC_CALLS, TRANSPORTS, Transport

from tests.client.conftest import OpenProxy
from tests.client.faulty_proxy import Cut
from tests.client.streamed import CHUNKS, MODEL, MODELS, ONE_TRY, PATIENCE, answered, by_unary_calls
from tests.predictor.process import PredictorProcess

STREAMING: tuple[Transport, ...] = ("auto", "streaming")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("transport", STREAMING)
def test_streaming_answers_are_the_unary_ones(served: PredictorProcess, model: str, transport: Transport) -> None:
    with (
        StreamClient(served.grpc_address, patience=PATIENCE) as client,
        client.stream(model, transport=transport) as stream,
    ):
        sent = answered([stream.send(chunk, horizon=2) for chunk in CHUNKS])
    assert sent == by_unary_calls(served, model, horizon=2)


def test_streaming_is_taken_by_itself_after_the_first_answer(proxy: OpenProxy) -> None:
    hop = proxy()
    with StreamClient(hop.target, patience=PATIENCE) as client:
        client.stream(MODEL, keep=True).send([1.0])
        assert (hop.unary, hop.streaming) == (1, 0)
        with client.stream(MODEL) as stream:
            for chunk in CHUNKS:
                stream.send(chunk)
        assert (hop.unary, hop.streaming) == (2, 1)


def test_more_streams_than_a_connection_takes_calls_go_one_by_one(proxy: OpenProxy) -> None:
    hop = proxy()
    with StreamClient(hop.target, patience=PATIENCE) as client:
        streams = [client.stream(MODEL) for _ in range(MOST_AUTOMATIC_CALLS + 3)]
        for _ in range(3):
            assert {stream.send([1.0]).replayed for stream in streams} == {False}
        assert hop.streaming == MOST_AUTOMATIC_CALLS
        streams.pop(0).end()
        streams[-1].send([1.0])
        assert hop.streaming == MOST_AUTOMATIC_CALLS + 1


@pytest.mark.parametrize("transport", STREAMING)
def test_a_refusal_does_not_end_the_call(proxy: OpenProxy, served: PredictorProcess, transport: Transport) -> None:
    hop = proxy()
    with StreamClient(hop.target, patience=PATIENCE) as client, client.stream(MODEL, transport=transport) as stream:
        sent = [stream.send(chunk) for chunk in CHUNKS[:5]]
        with pytest.raises(errors.InvalidRequest, match="observations"):
            stream.send([np.inf])
        with pytest.raises(errors.InvalidRequest, match="nothing"):
            stream.send([1.0], outputs=["nothing"])
        sent += [stream.send(chunk) for chunk in CHUNKS[5:]]
    assert answered(sent) == by_unary_calls(served)
    assert hop.streaming == 1


@pytest.mark.parametrize(("name", "header"), [("pump-4", "pump-4"), (" ü%/\n", "%20%C3%BC%25/%0A")])
async def test_every_call_of_a_stream_tells_a_proxy_its_name(proxy: OpenProxy, name: str, header: str) -> None:
    hop = proxy()
    with StreamClient(hop.target) as client:
        with client.stream(MODEL, sequence_id=name) as stream:
            list(stream.send_many(CHUNKS[:3]))
        client.infer(MODEL, [1.0])
    async with AsyncStreamClient(hop.target) as aclient, aclient.stream(MODEL, sequence_id=name) as astream:
        for chunk in CHUNKS[:3]:
            await astream.send(chunk)
    # unary to begin with, then a streaming call, each time; one call for no stream
    assert hop.routed == [header, header, None, header, header]


@pytest.mark.parametrize(
    ("model", "begun", "rows", "error"),
    [
        ("nothing", {}, [1.0], errors.ModelNotFound),
        (MODEL, {"offset": 0, "sequence_id": "nobody"}, [1.0], errors.SequenceLost),
        (MODEL, {"config": {"nothing": 1}}, [1.0], errors.InvalidRequest),
    ],
)
def test_a_refusal_is_the_same_error_on_either_way(
    served: PredictorProcess,
    model: str,
    begun: dict[str, Any],
    rows: list[float],
    error: type[errors.StreamFiltersError],
) -> None:
    told = []
    for transport in TRANSPORTS:
        with StreamClient(served.grpc_address, patience=ONE_TRY) as client, pytest.raises(error) as caught:
            client.stream(model, transport=transport, **begun).send(rows)
        told.append((str(caught.value), caught.value.code))
    assert told[0] == told[1] == told[2]


def test_a_wrong_offset_names_the_right_one_on_a_streaming_call(served: PredictorProcess) -> None:
    with StreamClient(served.grpc_address, patience=PATIENCE) as client:
        client.stream(MODEL, sequence_id="moved-on").send([1.0, 2.0, 3.0])
        late = client.stream(MODEL, sequence_id="moved-on", offset=1, transport="streaming")
        with pytest.raises(errors.OffsetMismatch) as caught:
            late.send([2.0])
    assert caught.value.next_offset == 3


@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize(("transport", "patience"), [("auto", ONE_TRY), ("streaming", PATIENCE)])
def test_a_cut_call_is_gone_on_from(
    proxy: OpenProxy, served: PredictorProcess, transport: Transport, patience: Patience, lost: int
) -> None:
    hop = proxy(Cut(after=4, lost=lost), Cut(after=7, lost=lost))
    with StreamClient(hop.target, patience=patience) as client, client.stream(MODEL, transport=transport) as stream:
        results = [stream.send(chunk) for chunk in CHUNKS]
    assert answered(results) == by_unary_calls(served)
    assert sum(result.replayed for result in results) == 2 * lost
    assert hop.streaming == 3


def test_a_request_without_offset_is_not_sent_again_when_its_call_breaks(
    proxy: OpenProxy, served: PredictorProcess
) -> None:
    with StreamClient(served.grpc_address, patience=PATIENCE) as client:
        client.stream(MODEL, sequence_id="resumed-once").send([1.0, 2.0])
    hop = proxy(Cut(after=0, lost=1))
    with StreamClient(hop.target, patience=PATIENCE) as client:
        stream = client.stream(MODEL, sequence_id="resumed-once", resume=True, transport="streaming")
        with pytest.raises(errors.OutcomeUnknown, match="next offset"):
            stream.send([3.0])
        assert stream.offset is None
        assert (hop.streaming, hop.unary) == (1, 0)
        assert stream.send([4.0]).offset == 3


@pytest.mark.parametrize("transport", STREAMING)
def test_an_answer_that_does_not_come_in_time_is_asked_for_again(
    proxy: OpenProxy, served: PredictorProcess, transport: Transport
) -> None:
    hop = proxy(Cut(after=4, lost=1, code=None))
    patience = Patience(timeout_seconds=2.0, first_wait_seconds=0.01, jitter_seconds=0.01)
    with StreamClient(hop.target, patience=patience) as client, client.stream(MODEL, transport=transport) as stream:
        results = [stream.send(chunk) for chunk in CHUNKS]
    assert answered(results) == by_unary_calls(served)
    assert sum(result.replayed for result in results) == 1


async def test_a_deadline_is_told_and_the_same_rows_are_sent_again(proxy: OpenProxy, served: PredictorProcess) -> None:
    hurry = Patience(timeout_seconds=1.0, retry_seconds=0.0)
    cut = Cut(after=0, lost=1, code=None)
    hop = proxy(cut, cut)
    with StreamClient(hop.target, patience=hurry) as client:
        stream = client.stream(MODEL, transport="streaming")
        with pytest.raises(errors.ServerUnavailable, match="in time") as caught:
            stream.send(CHUNKS[0])
        assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    async with AsyncStreamClient(hop.target, patience=hurry) as aclient:
        astream = aclient.stream(MODEL, transport="streaming")
        with pytest.raises(errors.ServerUnavailable, match="in time"):
            await astream.send(CHUNKS[0])
        aclient.patience = PATIENCE
        results = [await astream.send(chunk) for chunk in CHUNKS]
    assert results[0].replayed
    assert answered(results) == by_unary_calls(served)


def test_a_streaming_call_that_never_answers_is_left_for_good(proxy: OpenProxy, served: PredictorProcess) -> None:
    hop = proxy(*[Cut(after=0, code=None)] * 9)
    patience = Patience(timeout_seconds=1.0, first_wait_seconds=0.01, jitter_seconds=0.01)
    with StreamClient(hop.target, patience=patience) as client, client.stream(MODEL) as stream:
        assert answered([stream.send(chunk) for chunk in CHUNKS]) == by_unary_calls(served)
    assert hop.streaming == 1


@pytest.mark.parametrize("send_many", [False, True])
def test_a_server_without_streaming_calls_is_asked_one_by_one(
    proxy: OpenProxy, served: PredictorProcess, send_many: bool
) -> None:
    hop = proxy(*[Cut(after=0, code=grpc.StatusCode.UNIMPLEMENTED)] * 9)
    with StreamClient(hop.target, patience=ONE_TRY) as client:
        for _ in range(2):
            with client.stream(MODEL) as stream:
                results = list(stream.send_many(CHUNKS)) if send_many else [stream.send(chunk) for chunk in CHUNKS]
            assert answered(results) == by_unary_calls(served)
        assert hop.streaming == 1
        with pytest.raises(errors.Unsupported):
            client.stream(MODEL, transport="streaming").send([1.0])


async def test_a_cancelled_send_leaves_its_stream_usable(proxy: OpenProxy, served: PredictorProcess) -> None:
    hop = proxy(Cut(after=3, lost=1, code=None))
    async with (
        AsyncStreamClient(hop.target, patience=PATIENCE) as client,
        client.stream(MODEL, transport="streaming") as stream,
    ):
        results = [await stream.send(chunk) for chunk in CHUNKS[:3]]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.send(CHUNKS[3]), 1.0)
        results += [await stream.send(chunk) for chunk in CHUNKS[3:]]
    assert answered(results) == by_unary_calls(served)


def test_streaming_calls_leave_no_thread_behind(served: PredictorProcess) -> None:
    before = set(threading.enumerate())
    with StreamClient(served.grpc_address, patience=PATIENCE) as client:
        streams = [client.stream(MODEL, transport="streaming") for _ in range(6)]
        for stream in streams:
            stream.send([1.0])
        during = set(threading.enumerate()) - before
        assert len(during) >= len(streams)
        # ended, forgotten, or closed with the client
        streams[0].end()
        del stream, streams[1:3]
    deadline = time.monotonic() + 60
    for thread in during:
        thread.join(max(0.0, deadline - time.monotonic()))
    assert not [thread for thread in during if thread.is_alive()]


def test_a_transport_that_is_none_is_refused(served: PredictorProcess) -> None:
    pigeon: Any = "pigeon"
    with StreamClient(served.grpc_address) as client, pytest.raises(errors.InvalidRequest, match="pigeon"):
        client.stream(MODEL, transport=pigeon)
