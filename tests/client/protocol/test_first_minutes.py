"""What a stranger meets in the first minutes of the library: no server, the wrong port, a client out of its place."""

import asyncio
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import stream_filters_client
from stream_filters_client import (
    AsyncStream,
    AsyncStreamClient,
    InvalidRequest,
    Patience,
    ServerUnavailable,
    Stream,
    StreamClient,
    errors,
)

from tests.client.fake_predictor import FakePredictor
from tests.predictor.process import PredictorProcess

NOBODY = "127.0.0.1:1"
SNIPPET = """
from stream_filters_client import Patience, StreamClient

with StreamClient("{target}", patience=Patience(first_seconds=0.3)) as client:
    client.stream("streaming_kalman").send([1.0])
"""


def _ran(folder: Path, target: str) -> list[str]:
    file = folder / "snippet.py"
    file.write_text(SNIPPET.format(target=target))
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_without_a_server_it_says_that_it_waits_and_then_one_sentence_in_one_traceback(tmp_path: Path) -> None:
    waiting, traceback, *frames, sentence = _ran(tmp_path, NOBODY)
    what = f"{NOBODY} does not answer (connection refused); start the server, or name another address"
    assert waiting == f"{what}; trying for 0.3 s"
    assert traceback == "Traceback (most recent call last):"
    assert sentence == f"stream_filters_client.errors.ServerUnavailable: {what}"
    assert not [line for line in frames if line.startswith(("The above exception", "During handling"))]


def test_the_port_of_rest_is_told_at_once(tmp_path: Path, served: PredictorProcess) -> None:
    traceback, *_, sentence = _ran(tmp_path, served.http_url.removeprefix("http://"))
    assert traceback == "Traceback (most recent call last):"
    assert "speaks HTTP/1 and not gRPC; name the port of the v2 gRPC endpoint, as a rule 8081" in sentence


def test_patience_is_long_with_a_server_that_once_answered_alone(predictor: FakePredictor) -> None:
    patience = Patience(retry_seconds=3.0, first_seconds=0.0, first_wait_seconds=0.01, jitter_seconds=0.0)
    with pytest.raises(ServerUnavailable), StreamClient(NOBODY, patience=patience) as client:
        client.server()
    with StreamClient(predictor.target, patience=patience) as client:
        client.server()
        tries = 0
        for attempt in client.patience.attempts(client._has_answered):
            with attempt:
                tries += 1
                if tries < 3:
                    raise ServerUnavailable("not yet")
    assert tries == 3


def test_a_closed_client_says_so(predictor: FakePredictor) -> None:
    client = StreamClient(predictor.target)
    stream = client.stream("m")
    client.close()
    with pytest.raises(InvalidRequest, match=r"is closed; make another one"):
        stream.send([1.0])


@pytest.mark.parametrize("values", [(x for x in (1.0, 2.0)), iter([1.0])], ids=["generator", "iterator"])
def test_observations_without_an_end_are_refused_with_what_takes_them(predictor: FakePredictor, values: object) -> None:
    with StreamClient(predictor.target) as client, pytest.raises(InvalidRequest, match="send a list of them, or hand"):
        client.stream("m").send(values)  # type: ignore[arg-type]


def test_an_asyncio_client_belongs_to_its_loop(predictor: FakePredictor) -> None:
    async def made() -> AsyncStreamClient:
        return AsyncStreamClient(predictor.target)

    async def used(client: AsyncStreamClient) -> None:
        await client.server()

    async def used_and_closed() -> None:
        async with await made() as client:
            await used(client)

    asyncio.run(used_and_closed())
    with pytest.raises(InvalidRequest, match="make it inside of a coroutine"):
        AsyncStreamClient(predictor.target)
    with asyncio.Runner() as first, asyncio.Runner() as second:
        client = first.run(made())
        with pytest.raises(InvalidRequest, match="belongs to another event loop"):
            second.run(used(client))
        first.run(client.close())


def test_every_error_is_at_the_top(predictor: FakePredictor) -> None:
    del predictor
    kinds = {name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)}
    assert kinds <= set(stream_filters_client.__all__)
    assert {getattr(stream_filters_client, name) for name in kinds} == {getattr(errors, name) for name in kinds}


@pytest.mark.parametrize("method", [Stream.send, StreamClient.infer, AsyncStream.send, AsyncStreamClient.infer])
def test_signatures_can_be_read(method: object) -> None:
    told = str(inspect.signature(method))  # type: ignore[arg-type]
    assert "observations: 'Observations'" in told
    assert "numpy" not in told
