"""The site is made of the pages without a complaint, and the notebook runs and shows what it ships with."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents.blocks import ROOT
from tests.missing import missing
from tests.predictor.process import PredictorProcess


@pytest.fixture(autouse=True)
def _makers() -> None:
    for name in ("sphinx", "nbclient"):
        if importlib.util.find_spec(name) is None:
            missing(name, "make .venv/.docs")


def _run(*arguments: str, **environment: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_site_is_made_without_a_warning_and_has_the_reference(tmp_path: Path) -> None:
    site = tmp_path / "site"
    _run("-m", "sphinx", "-W", "--keep-going", "-q", "-c", "docs", "-d", str(tmp_path / "trees"), ".", str(site))
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / "docs" / f"{page.stem}.html").exists()
    reference = (site / "docs/api.html").read_text()
    assert "Send the next [T] or [T, D] observations, oldest first" in reference
    assert "stream_filters_client.errors.SequenceLost" in reference


def test_the_notebook_runs_and_shows_what_it_ships_with(served: PredictorProcess) -> None:
    script = "import sys, nbformat\nfrom tools.notebook import run\nsys.stdout.write(nbformat.writes(run()))"
    shown = json.loads(_run("-c", script, STREAM_FILTERS_TARGET=served.grpc_address))
    shipped = json.loads((ROOT / "examples/nile.ipynb").read_text())
    kinds = [[sorted(output.get("data", ())) for output in cell.get("outputs", ())] for cell in shown["cells"]]
    assert kinds == [
        [sorted(output.get("data", ())) for output in cell.get("outputs", ())] for cell in shipped["cells"]
    ]
    assert ["text/html", "text/plain"] in [kind for outputs in kinds for kind in outputs]
