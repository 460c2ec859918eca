"""A start that has to compile says so, for each filter, and one that finds everything says nothing."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
import numpy as np
from numba import njit
from stream_filters.compiling import compile_filters

@njit(cache=True)
def double(x):
    return 2.0 * x

@njit(cache=True)
def shifted(x):
    return double(x) + 1.0

class Bound:
    def warm_up(self):
        assert shifted(1.0) == 3.0

compile_filters({"first": Bound(), "second": Bound()})
"""


def test_it_says_what_it_compiles_and_nothing_when_all_is_there(tmp_path: Path) -> None:
    file = tmp_path / "start.py"
    file.write_text(SCRIPT)
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    first, second = (
        subprocess.run(
            [sys.executable, str(file)], env={**os.environ, **cache}, capture_output=True, text=True, check=True
        ).stderr.splitlines()
        for _ in range(2)
    )
    assert second == []
    announced, progress, end = first
    assert "compiled for this processor" in announced
    assert progress.startswith("stream-filters: compiling first (1 of 2): 1 functions")
    assert end.startswith("stream-filters: compiled 2 functions in ")
