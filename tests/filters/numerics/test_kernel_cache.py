"""Each test runs kernels of a copy of the package's numerics, in processes of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import stream_filters

_OUTER = """
from stream_filters.filters.inner import double
from stream_filters.filters.numerics.compiled import compiled

@compiled
def outer(x: float) -> float:
    return double(x)
"""
_INNER = """
from stream_filters.filters.constants import (
    FACTOR,  # two
)
from stream_filters.filters.numerics.compiled import inlined

@inlined
def double(x: float) -> float:
    return FACTOR * x
"""
_PRINT = """
from stream_filters.filters.outer import outer
print(outer(3.0), sum(outer.stats.cache_hits.values()))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The folder of a package with a kernel that has another inlined, which has a constant of a third module."""
    filters = tmp_path / "stream_filters" / "filters"
    own = Path(stream_filters.__file__).parent / "filters"
    shutil.copytree(own / "numerics", filters / "numerics", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(own / "base.py", filters)
    for folder in (filters, filters.parent):
        (folder / "__init__.py").touch()
    (filters / "outer.py").write_text(_OUTER)
    (filters / "inner.py").write_text(_INNER)
    (filters / "constants.py").write_text("FACTOR = 2.0\n")
    return filters


def _environment(package: Path, kernels: Path | None) -> dict[str, str]:
    own = {"PYTHONPATH": str(package.parents[1]), "NUMBA_CACHE_DIR": str(kernels or "")}
    return {**os.environ, **own, "PYTHONDONTWRITEBYTECODE": "1"}


def _run(package: Path, kernels: Path | None, program: str = _PRINT) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", program], env=_environment(package, kernels), capture_output=True, text=True, check=True
    )
    return [float(value) for value in done.stdout.split()]


@pytest.mark.parametrize("beside_sources", [True, False])
def test_a_change_in_what_a_kernel_inlines_is_seen(package: Path, tmp_path: Path, beside_sources: bool) -> None:
    kernels = None if beside_sources else tmp_path / "kernels"
    assert _run(package, kernels) == [6.0, 0]
    assert _run(package, kernels) == [6.0, 1]

    (package / "inner.py").write_text(_INNER.replace("FACTOR * x", "FACTOR * x + 1.0"))
    assert _run(package, kernels) == [7.0, 0]

    (package / "constants.py").write_text("FACTOR = 5.0\n")
    assert _run(package, kernels) == [16.0, 0]

    # what was compiled before is still there for who goes back
    (package / "constants.py").write_text("FACTOR = 2.0\n")
    assert _run(package, kernels) == [7.0, 1]


def test_a_change_that_no_kernel_sees_compiles_nothing_anew(package: Path, tmp_path: Path) -> None:
    kernels = tmp_path / "kernels"
    assert _run(package, kernels) == [6.0, 0]

    (package / "another.py").write_text("FACTOR = 9.0\n")
    (package / "base.py").write_text((package / "base.py").read_text() + "\nANOTHER = 1\n")
    os.utime(package / "inner.py", (1, 1))

    assert _run(package, kernels) == [6.0, 1]


def test_processes_of_two_versions_share_a_folder(package: Path, tmp_path: Path) -> None:
    kernels = tmp_path / "kernels"
    other = tmp_path / "other" / "stream_filters"
    shutil.copytree(package.parent, other)
    (other / "filters" / "constants.py").write_text("FACTOR = 4.0\n")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PRINT], env=_environment(path, kernels), stdout=subprocess.PIPE, text=True
        )
        for path in (package, other / "filters", package, other / "filters")
    ]

    assert [process.communicate()[0].split()[0] for process in processes] == ["6.0", "12.0", "6.0", "12.0"]
    assert _run(package, kernels) == [6.0, 1]


def test_kernels_of_other_sources_can_be_dropped(package: Path, tmp_path: Path) -> None:
    kernels = tmp_path / "kernels"
    _run(package, kernels)
    before = set(kernels.rglob("*.nb[ic]"))
    (package / "constants.py").write_text("FACTOR = 4.0\n")
    drop = "from stream_filters.filters.numerics.kernel_cache import drop_stale\nprint(drop_stale())\n"

    assert _run(package, kernels, _PRINT + drop) == [12.0, 0, len(before)]

    assert before.isdisjoint(kernels.rglob("*.nb[ic]"))
    assert _run(package, kernels) == [12.0, 1]
