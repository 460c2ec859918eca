"""Predictors over one store are replaced one after the other, and the streams that they serve go on."""

import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from stream_filters_client.stream import StreamClient

from tests.durability.replaying import MODEL, OUTPUTS, PATIENCE, chunks, replay
from tests.predictor.process import PredictorProcess
from tests.store.servers import Server, free_port

STREAMS = 3
MOST_REQUESTS = 20_000
# as sensors send: more would only make the run that nobody disturbs longer
PAUSE_SECONDS = 0.02
DEADLINE_SECONDS = 60.0


class Replica:
    """A predictor that is started again on the same port."""

    def __init__(self, folder: Path, store: str) -> None:
        folder.mkdir()
        self._folder = folder
        self._port = free_port()
        self._flags = ("--grpc-port", str(self._port), "--store", store)
        self.process = PredictorProcess(folder, *self._flags)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def restart(self) -> None:
        """End it in order, while it serves, and start it again."""
        self._wait_for_load()
        assert self.process.stop() == 0
        self.process = PredictorProcess(self._folder, *self._flags)

    def _wait_for_load(self) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not self._applied():
            assert time.monotonic() < deadline, "no stream came to this predictor"

    def _applied(self) -> float:
        with urllib.request.urlopen(f"{self.process.http_url}/metrics") as response:
            families = text_string_to_metric_families(response.read().decode())
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == "stream_filters_observations_total" and sample.labels["model_name"] == MODEL
        )


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[list[Replica]]:
    """Two predictors over one store."""
    server = Server(tmp_path, appendfsync="always")
    server.start()
    started: list[Replica] = []
    try:
        started.extend(Replica(tmp_path / name, f"valkey://127.0.0.1:{server.port}") for name in ("first", "second"))
        yield started
    finally:
        for replica in started:
            replica.process.stop()
        server.stop()


def _follow(target: str, sequence_id: str, done: threading.Event) -> list[bytes]:
    """Every output of every request until `done`."""
    came: list[bytes] = []
    with StreamClient(target, patience=PATIENCE) as client:
        stream = client.stream(MODEL, sequence_id=sequence_id, keep=True)
        for rows in chunks(MOST_REQUESTS):
            result = stream.send(rows, outputs=OUTPUTS)
            came.append(bytes(result.state[0]) + b"".join(result[name].tobytes() for name in OUTPUTS[:-1]))
            if done.wait(PAUSE_SECONDS):
                return came
    raise AssertionError("the restarts took longer than the streams")


def test_streams_go_on_through_a_rolling_restart_as_if_nothing_had_happened(
    replicas: list[Replica], served: PredictorProcess
) -> None:
    first, second = replicas
    target = f"ipv4:{first.address},{second.address}"
    done = threading.Event()
    with ThreadPoolExecutor(STREAMS) as pool:
        streams = [pool.submit(_follow, target, f"rolling-{index}", done) for index in range(STREAMS)]
        try:
            for replica in (first, second, first):
                replica.restart()
        finally:
            done.set()
        came = [stream.result() for stream in streams]
    uninterrupted = replay(served.grpc_address, "rolling", max(map(len, came)))
    for outputs in came:
        assert outputs == uninterrupted[: len(outputs)]
