"""Whatever is killed, and whoever else serves the stream: the answers are those of the uninterrupted run."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import StartPredictor
from tests.durability.replaying import replay, replay_many, spray, struck
from tests.predictor.process import PredictorProcess
from tests.store.servers import Server, free_port

REQUESTS = 400
FLAGS = ("--store-check-seconds", "0.2")


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Server]:
    """A server that has every write on disk before it answers."""
    server = Server(tmp_path, appendfsync="always")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def url_of(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], str]:
    def url(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite://{tmp_path}/streams.db"
        return f"valkey://127.0.0.1:{request.getfixturevalue('valkey').port}"

    return url


@pytest.fixture(scope="session")
def uninterrupted(served: PredictorProcess) -> list[bytes]:
    return replay(served.grpc_address, "uninterrupted", REQUESTS)


def sends(address: str, sequence_id: str, how: str, progress: Callable[[int], None]) -> list[bytes]:
    """The replay, sent `how`."""
    if how == "many":
        return replay_many(address, sequence_id, REQUESTS, progress, ahead=16)
    return replay(address, sequence_id, REQUESTS, progress, transport="unary" if how == "unary" else "streaming")


@pytest.mark.parametrize(
    ("kind", "how"), [("sqlite", "unary"), ("valkey", "unary"), ("sqlite", "streaming"), ("sqlite", "many")]
)
def test_a_killed_predictor_loses_nothing_and_applies_nothing_twice(
    kind: str, how: str, url_of: Callable[[str], str], tmp_path: Path, uninterrupted: list[bytes]
) -> None:
    flags = ("--grpc-port", str(free_port()), "--store", url_of(kind), *FLAGS)
    running = [PredictorProcess(tmp_path, *flags)]

    def strike() -> None:
        running[-1].process.kill()
        running[-1].process.wait()
        running.append(PredictorProcess(tmp_path, *flags))

    try:
        with struck(strike, times=3, count=REQUESTS, seed=len(kind)) as progress:
            came = sends(running[0].grpc_address, "struck", how, progress)
        assert came == uninterrupted
    finally:
        running[-1].stop()


def test_a_killed_store_is_waited_for_and_nothing_is_lost(
    valkey: Server, start_predictor: StartPredictor, uninterrupted: list[bytes]
) -> None:
    predictor = start_predictor("--store", f"valkey://127.0.0.1:{valkey.port}", *FLAGS)

    def strike() -> None:
        valkey.kill()
        valkey.start()

    with struck(strike, times=4, count=REQUESTS, seed=3) as progress:
        came = replay(predictor.grpc_address, "store-struck", REQUESTS, progress)
    assert came == uninterrupted


@pytest.mark.parametrize("replicas", [2, 4])
def test_replicas_that_get_every_request_at_once_answer_as_one(
    replicas: int, valkey: Server, start_predictor: StartPredictor, uninterrupted: list[bytes]
) -> None:
    url = f"valkey://127.0.0.1:{valkey.port}"
    addresses = [start_predictor("--store", url, *FLAGS).grpc_address for _ in range(replicas)]
    count = REQUESTS // 4
    for index, answers in enumerate(spray(addresses, "sprayed", count)):
        assert len(set(answers)) == 1
        assert uninterrupted[index].endswith(answers[0])
