"""A test that needs what the machine does not have is told of, and fails where nothing may be missing."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEST = """
from tests.browser import Browser

async def test_of_a_page(browser: Browser) -> None:
    raise AssertionError("there is no browser to run it")
"""


def _run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    file = folder / "test_page.py"
    file.write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
    command += ["-n", "0", "-p", "tests.conftest", "-p", "no:cacheprovider", str(file)]
    there = {name: value for name, value in os.environ.items() if name != "NOTHING_MISSING"}
    where = {"PATH": str(folder), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, env={**there, **where, **environment}, cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_what_was_not_run_is_told_in_the_last_lines(tmp_path: Path) -> None:
    told = _run(tmp_path)
    assert told.returncode == 0, told.stdout
    line = "1 test not run for want of a browser; to have it: apt-get install chromium"
    assert line in told.stdout.splitlines()[-2:]


def test_nothing_is_passed_over_where_nothing_may_be_missing(tmp_path: Path) -> None:
    told = _run(tmp_path, NOTHING_MISSING="1")
    assert told.returncode == 1, told.stdout
    assert "a browser is missing; to have it: apt-get install chromium" in told.stdout
