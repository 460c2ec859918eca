"""What happens to requests can be read from /metrics, by model and never by stream."""

import re
import urllib.request

import numpy as np
import pytest

from tests.predictor.models import MEAN
from tests.predictor.process import PredictorProcess
from tests.predictor.v2 import Caller, Refused, add_input, message

NAME = re.compile(r"^[a-z_][a-z0-9_]*$")


def metrics(served: PredictorProcess) -> dict[str, float]:
    """Our samples: name and labels -> value."""
    with urllib.request.urlopen(f"{served.http_url}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    found = (line.rpartition(" ") for line in lines if line.startswith(("stream_filters", '{"stream_filters')))
    return {name: float(value) for name, _, value in found}


def counted(served: PredictorProcess, outcome: str) -> float:
    wanted = f'stream_filters_requests_total{{model_name="{MEAN}",outcome="{outcome}"}}'
    return metrics(served).get(wanted, 0.0)


def test_every_metric_has_a_name_that_prometheus_always_took(served: PredictorProcess) -> None:
    found = metrics(served)
    assert found
    for sample in found:
        assert NAME.match(sample.partition("{")[0]), sample


def test_requests_are_counted_by_their_outcome(served: PredictorProcess, caller: Caller, sequence: str) -> None:
    before = {name: counted(served, name) for name in ("applied", "replayed", "WrongOffset", "NotFound")}
    begin = message(MEAN, {"observations": [1.0]}, sequence_id=sequence, sequence_start=True, offset=0)
    caller.send(begin)
    caller.send(begin)
    assert isinstance(caller.outcome(message(MEAN, {"observations": [1.0]}, sequence_id=sequence, offset=9)), Refused)
    assert isinstance(caller.outcome(message(MEAN, {"observations": [1.0]}, sequence_id=f"{sequence} x")), Refused)
    for name, count in before.items():
        assert counted(served, name) == count + 1, name


def test_every_stream_of_a_request_is_counted(served: PredictorProcess, caller: Caller, sequence: str) -> None:
    before = counted(served, "applied"), counted(served, "NotFound")
    names = [f"{sequence} {index}".encode() for index in range(3)]
    request = message(MEAN, {"observations": np.ones((3, 1)), "sequence_ids": names})
    add_input(request, "starts", np.array([True, True, False]))
    caller.send(request)
    assert (counted(served, "applied"), counted(served, "NotFound")) == (before[0] + 2, before[1] + 1)


def test_observations_are_counted(served: PredictorProcess, caller: Caller, sequence: str) -> None:
    name = f'stream_filters_observations_total{{model_name="{MEAN}"}}'
    before = metrics(served)[name]
    caller.infer(MEAN, np.ones(7), sequence_id=sequence, sequence_start=True)
    assert metrics(served)[name] == before + 7


@pytest.mark.parametrize("label", ["sequence_id", "stream"])
def test_no_metric_names_a_stream(served: PredictorProcess, caller: Caller, sequence: str, label: str) -> None:
    caller.infer(MEAN, [1.0], sequence_id=sequence, sequence_start=True)
    assert not any(f'{label}="' in sample or sequence in sample for sample in metrics(served))
