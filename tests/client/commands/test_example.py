"""The example in the documentation runs, and stays short."""

import subprocess
import sys
from pathlib import Path

from tests.client.fake_predictor import FakePredictor

EXAMPLE = Path(__file__).parents[3] / "examples" / "track.py"


def test_the_example_tracks_a_position(predictor: FakePredictor) -> None:
    done = subprocess.run([sys.executable, EXAMPLE, predictor.target], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 20
    assert lines[-1].startswith(" 200  position")
    assert predictor.applied == 200
    assert all(sequence.ended for sequence in predictor.sequences.values())


def test_the_example_is_under_thirty_lines() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) < 30
