import subprocess
import sys
from pathlib import Path


def test_too_few_steps_are_refused_before_anything_runs() -> None:
    command = [sys.executable, "-m", "benchmarks.soak", "--steps", "1000"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "--steps: 1000 came, expected 30000 or more, or 0 for none" in done.stderr
    assert not done.stdout
