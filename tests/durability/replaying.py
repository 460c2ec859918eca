"""A client that replays a stream while things die around it, and what came back, byte for byte."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from stream_filters_client.protocol.calls import Patience
from stream_filters_client.protocol.routing import Transport
from stream_filters_client.result import Result
from stream_filters_client.stream import StreamClient

MODEL = "streaming_kalman"
OUTPUTS = ("predictive_mean", "position_mean", "observation_noise_std", "log_evidence", "state")
ROWS = 4
# a predictor that starts beside others on a busy machine takes its time
PATIENCE = Patience(timeout_seconds=20.0, retry_seconds=240.0, first_seconds=240.0)


def chunks(count: int) -> list[list[float]]:
    """The observations of each request; a shorter stream is the beginning of a longer one."""
    steps, noise = np.random.default_rng(17).standard_normal((count, 2, ROWS)).transpose(1, 0, 2)
    values = np.cumsum(0.1 * steps).reshape(count, ROWS) + 0.3 * noise
    rows: list[list[float]] = values.tolist()
    return rows


def replay(
    address: str,
    sequence_id: str,
    count: int,
    progress: Callable[[int], None] = lambda _: None,
    *,
    transport: Transport = "unary",
) -> list[bytes]:
    """Every output of every request, with a client that goes on by itself."""
    came = []
    with StreamClient(address, patience=PATIENCE) as client:
        stream = client.stream(MODEL, sequence_id=sequence_id, keep=True, transport=transport)
        for index, rows in enumerate(chunks(count)):
            result = stream.send(rows, outputs=OUTPUTS)
            came.append(as_bytes(result))
            progress(index)
    return came


def replay_many(
    address: str, sequence_id: str, count: int, progress: Callable[[int], None], *, ahead: int
) -> list[bytes]:
    """The same with many requests under way at once."""
    came = []
    with StreamClient(address, patience=PATIENCE) as client:
        stream = client.stream(MODEL, sequence_id=sequence_id, keep=True)
        for index, result in enumerate(stream.send_many(chunks(count), outputs=OUTPUTS, ahead=ahead)):
            came.append(as_bytes(result))
            progress(index)
    return came


def as_bytes(result: Result) -> bytes:
    return bytes(result.state[0]) + b"".join(result[name].tobytes() for name in OUTPUTS[:-1])


def spray(addresses: Sequence[str], sequence_id: str, count: int) -> list[list[bytes]]:
    """The same, but each request goes to every predictor at once; what each of them answered."""
    clients = [StreamClient(address, patience=PATIENCE) for address in addresses]
    try:
        with ThreadPoolExecutor(len(clients)) as pool:
            answers = []
            for index, rows in enumerate(chunks(count)):
                offset = index * ROWS or None
                streams = [
                    client.stream(MODEL, sequence_id=sequence_id, offset=offset, keep=True) for client in clients
                ]
                # copies of one request belong to one life of the stream
                for stream in streams:
                    stream._sequence.life = streams[0]._sequence.life
                results = list(pool.map(lambda stream, rows=rows: stream.send(rows, outputs=OUTPUTS[:-1]), streams))
                answers.append([b"".join(result[name].tobytes() for name in OUTPUTS[:-1]) for result in results])
            return answers
    finally:
        for client in clients:
            client.close()


@contextmanager
def struck(strike: Callable[[], None], times: int, count: int, seed: int) -> Iterator[Callable[[int], None]]:
    """Strikes at random instants of a replay of `count` requests; gives what the replay tells its progress."""
    moments = sorted(random.Random(seed).sample(range(count // 10, count - count // 10), times))
    due = [threading.Event() for _ in moments]
    failures: list[BaseException] = []

    def work() -> None:
        for event in due:
            event.wait()
            try:
                strike()
            except BaseException as failure:
                failures.append(failure)
                raise

    def progress(index: int) -> None:
        for moment, event in zip(moments, due, strict=True):
            if index >= moment:
                event.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield progress
    finally:
        for event in due:
            event.set()
        thread.join()
    assert not failures, failures
