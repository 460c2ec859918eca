"""The loops that take messages of Kafka and MQTT into a stream: whatever is delivered twice is applied once."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from stream_filters_client import StreamClient

from tests.documents.blocks import ROOT, blocks
from tests.predictor.process import PredictorProcess

EXAMPLES = ROOT / "examples"


@pytest.fixture(autouse=True)
def _examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))


@dataclass(frozen=True)
class Record:
    offset: int
    value: bytes


@dataclass(frozen=True)
class Partition:
    topic: str
    partition: int


class Consumer:
    """A consumer of a log of records, which ends after some of them as one that crashes does."""

    def __init__(self, log: list[Record], dies_after: int) -> None:
        self._log, self._dies_after, self._at = log, dies_after, 0
        self.began_at: list[int] = []

    def assign(self, partitions: list[Partition]) -> None:
        assert len(partitions) == 1

    def seek(self, partition: Partition, offset: int) -> None:
        assert partition.partition == 0
        self._at = offset
        self.began_at.append(offset)

    def __iter__(self) -> Iterator[Record]:
        there = [record for record in self._log if record.offset >= self._at]
        return iter(there[: self._dies_after])


def test_the_page_has_the_loop_that_is_tested() -> None:
    (shown,) = [block.text for block in blocks(ROOT / "docs/your-data.md") if "def feed" in block.text]
    assert shown in (EXAMPLES / "feeding.py").read_text()


@pytest.mark.parametrize("seed", range(5))
def test_a_consumer_that_dies_again_and_again_applies_each_record_once(seed: int, served: PredictorProcess) -> None:
    import from_kafka  # noqa: PLC0415 - an example, on no path but this test's

    chance = random.Random(seed)
    # a compacted log has gaps
    offsets = sorted(chance.sample(range(60), 40))
    log = [Record(offset, str(chance.gauss(0, 1)).encode()) for offset in offsets]
    partition = Partition(f"flow-{seed}", 0)
    with StreamClient(served.grpc_address) as client:
        while True:
            consumer = Consumer(log, chance.randrange(1, 12))
            from_kafka.follow(consumer, partition, client)
            reached = client.stream("adaptive_mixture", sequence_id=f"flow-{seed}-0", resume=True, keep=True)
            if reached.send([]).next_offset == offsets[-1] + 1:
                break
        with_gaps = np.full(offsets[-1] + 1, np.nan)
        with_gaps[offsets] = [float(record.value) for record in log]
        at_once = client.infer("adaptive_mixture", with_gaps, outputs=["forecast_mean"], horizon=3)
        kept = reached.send([], outputs=["forecast_mean"], horizon=3)
    np.testing.assert_array_equal(kept["forecast_mean"], at_once["forecast_mean"])


@dataclass(frozen=True)
class Message:
    mid: int
    payload: bytes
    qos: int = 1


class Broker:
    """Delivers what is not acknowledged again, in order, as a session of MQTT does."""

    def __init__(self) -> None:
        self.acknowledged: list[int] = []

    def ack(self, mid: int, qos: int) -> None:
        assert qos == 1
        self.acknowledged.append(mid)


def test_a_message_whose_acknowledgement_was_lost_is_applied_once(
    served: PredictorProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    import feeding  # noqa: PLC0415
    import from_mqtt  # noqa: PLC0415

    broker = Broker()
    messages = [Message(n, json.dumps({"number": n, "value": float(n)}).encode()) for n in range(6)]
    with StreamClient(served.grpc_address) as client:
        for first, last in ((0, 3), (1, 5), (4, 6)):
            stream = feeding.open_stream(client, "streaming_kalman", "tank-mqtt")
            for message in messages[first:last]:
                from_mqtt.take(stream, broker, message)
        assert stream.offset == 6
    told = [int(line.split()[0]) for line in capsys.readouterr().out.splitlines()]
    assert told == [1, 2, 3, 4, 5, 6]
    assert broker.acknowledged == [0, 1, 2, 1, 2, 3, 4, 4, 5]
