"""The metrics are those that docs/metrics.md names, count what happens, and know no stream."""

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import StartPredictor
from tests.predictor.models import MEAN
from tests.predictor.process import ROOT, PredictorProcess
from tests.predictor.v2 import Caller, message
from tests.store.servers import Server

ONLY = ("--models", json.dumps([{"name": MEAN, "filter": MEAN}]))
ROW = re.compile(r"^\| `(stream_filters_\w+)` \| (\w+) \| (.*?) \|", re.MULTILINE)
OWN = "stream_filters_"
Samples = dict[tuple[str, ...], float]


@pytest.fixture
def predictor(start_predictor: StartPredictor) -> PredictorProcess:
    """One whose numbers no other test moves, with streams that live for a second."""
    return start_predictor(*ONLY, "--ttl-seconds", "1", "--store-check-seconds", "0.2")


def scrape(predictor: PredictorProcess) -> str:
    with urllib.request.urlopen(f"{predictor.http_url}/metrics", timeout=60) as response:
        text: str = response.read().decode()
        return text


def samples(predictor: PredictorProcess) -> Samples:
    """Values of running_mean's samples by name, and by a further label's value where there is one."""
    found = {}
    for family in text_string_to_metric_families(scrape(predictor)):
        for sample in family.samples:
            labels = dict(sample.labels)
            if labels.pop("model_name", "") == MEAN and not sample.name.endswith(("_bucket", "_created")):
                found[sample.name.removeprefix(OWN), *labels.values()] = sample.value
    return found


def test_docs_and_server_name_the_same_metrics(predictor: PredictorProcess) -> None:
    caller = Caller(predictor.grpc_address)
    caller.infer(MEAN, [1.0], sequence_id="documented", sequence_start=True)
    served = set()
    for family in text_string_to_metric_families(scrape(predictor)):
        if family.name.startswith(OWN) and not family.name.endswith("_created"):
            labels = {label for sample in family.samples for label in sample.labels}
            assert "model_name" in labels, family.name
            name = f"{family.name}_total" if family.type == "counter" else family.name
            served.add((name, family.type, *sorted(labels - {"model_name", "le"})))
    table = ROW.findall(Path(ROOT, "docs", "metrics.md").read_text())
    assert served == {(name, kind, *re.findall(r"`(\w+)`", labels)) for name, kind, labels in table}


def test_what_happens_is_counted(predictor: PredictorProcess) -> None:
    caller = Caller(predictor.grpc_address)
    before = samples(predictor)
    first = message(MEAN, {"observations": [1.0, 2.0]}, sequence_id="counted", sequence_start=True, offset=0)
    caller.send(first)
    caller.send(first)
    caller.infer(MEAN, np.empty(0), sequence_id="counted")
    caller.refused(message(MEAN, {"observations": [1.0]}, sequence_id="counted", offset=9))
    caller.refused(message(MEAN, {"observations": [1.0]}, sequence_id="nobody"))
    after = samples(predictor)
    grown = {
        key: after[key] - before.get(key, 0.0) for key in after if key[0] in ("observations_total", "requests_total")
    }
    assert {key: change for key, change in grown.items() if change} == {
        ("observations_total",): 2.0,
        ("requests_total", "applied"): 2.0,
        ("requests_total", "replayed"): 1.0,
        ("requests_total", "WrongOffset"): 1.0,
        ("requests_total", "NotFound"): 1.0,
    }
    assert after["store_seconds_count", "write"] - before["store_seconds_count", "write"] == 1.0
    assert after["store_seconds_count", "read"] > before["store_seconds_count", "read"]


def test_live_streams_and_local_copies_come_and_expire(predictor: PredictorProcess) -> None:
    caller = Caller(predictor.grpc_address)
    ids = [b"live-%d" % number for number in range(20)]
    starts = {"sequence_ids": ids, "observations": np.ones((20, 1)), "starts": np.ones(20, bool)}
    caller.send(message(MEAN, starts))
    seen = samples(predictor)
    assert seen["live_streams",] >= 20
    assert seen["local_copies",] >= 20
    assert seen["busy_streams",] == 0
    deadline = time.monotonic() + 60.0
    while samples(predictor)["live_streams",]:
        assert time.monotonic() < deadline, "expired streams are still counted"
    # copies are dropped when somebody comes by
    caller.infer(MEAN, [1.0], sequence_id="by", sequence_start=True)
    gone = samples(predictor)
    assert gone["local_copies",] == 1
    assert gone["evictions_total", "expired"] - seen["evictions_total", "expired"] >= 20


def test_no_label_names_a_stream(predictor: PredictorProcess) -> None:
    caller = Caller(predictor.grpc_address)
    for number in range(5):
        caller.infer(MEAN, [1.0], sequence_id=f"secret-{number}", sequence_start=True)
    assert "secret" not in scrape(predictor)


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


def test_metrics_are_served_while_the_store_is_away(start_predictor: StartPredictor, away: Server) -> None:
    predictor = start_predictor(*ONLY, "--store", f"valkey://127.0.0.1:{away.port}", "--store-check-seconds", "0.2")
    assert samples(predictor)["live_streams",] == 0
    away.kill()
    caller = Caller(predictor.grpc_address)
    assert caller.refused(message(MEAN, {"observations": [1.0]}, sequence_id="s", sequence_start=True)).code == (
        "UNAVAILABLE"
    )
    assert samples(predictor)["requests_total", "Unavailable"] == 1
    away.start()
