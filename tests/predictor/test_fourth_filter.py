"""A filter of one's own is one file and one registration line: everything else follows from what it declares."""

import subprocess
import sys
from pathlib import Path

import pytest
from stream_filters.filters import REGISTRY

from tests.predictor.models import MEAN, posterior_means
from tests.predictor.process import ROOT, PredictorProcess
from tests.predictor.v2 import Caller
from tests.running_mean import RunningMean

LINT = Path(sys.executable).parent / "lint-imports"


def test_it_is_in_no_file_of_the_predictor() -> None:
    sources = list((ROOT / "predictor").rglob("*.py"))
    assert sources
    assert not [file for file in sources if MEAN in file.read_text()]
    assert MEAN not in REGISTRY


def test_it_is_served_beside_the_others(served: PredictorProcess, caller: Caller) -> None:
    assert served.models == [*REGISTRY, MEAN]
    assert caller.infer(MEAN, [1.0, 3.0])["mean"] == pytest.approx(posterior_means([1.0, 3.0]))


def test_its_outputs_are_described_by_what_it_declares(caller: Caller) -> None:
    filter_ = RunningMean(RunningMean.config_type())
    described = {output.name: list(output.shape) for output in caller.ask("ModelMetadata", name=MEAN).outputs}
    assert described == {**{output.name: list(output.wire_shape) for output in filter_.outputs}, "state": [1]}


def test_the_registration_is_one_line() -> None:
    lines = (ROOT / "tests" / "serve_running_mean.py").read_text().splitlines()
    assert len([line for line in lines if "REGISTRY" in line]) == 1


def test_the_layers_keep_to_their_contracts() -> None:
    ended = subprocess.run([LINT, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout
    assert "0 broken" in ended.stdout
