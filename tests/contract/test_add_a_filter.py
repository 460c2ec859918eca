"""The guide's filter, taken from the guide: it keeps the contract, and its predictive is the textbook's."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import stats
from stream_filters.filters.base import Batch

GUIDE = Path(__file__).parents[2] / "docs" / "add-a-filter.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the guide's file."""
    found = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found
    folder = tmp_path_factory.mktemp("guide")
    (folder / "steady_level.py").write_text(found[1])
    return folder


@pytest.fixture(scope="module")
def module(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("steady_level", folder / "steady_level.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["steady_level"] = module
    spec.loader.exec_module(module)
    return module


def test_the_guides_filter_passes_the_shipped_checks(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stream_filters.checks", "steady_level:SteadyLevel"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_guides_predictive_is_the_textbooks(module: ModuleType) -> None:
    values = np.random.default_rng(4).normal(3.0, 2.0, 12)
    bound = module.SteadyLevel(module.SteadyLevelConfig())
    names = frozenset(["log_evidence", "predictive_interval"])
    info = bound.run(bound.initial_state(), Batch(values[:, None], np.ones(12)), names).info
    seen = values[:11]
    scale = np.std(seen, ddof=1) * np.sqrt(1.0 + 1.0 / 11)
    textbook = stats.t(df=10, loc=seen.mean(), scale=scale)
    np.testing.assert_allclose(info["log_evidence"][11], textbook.logpdf(values[11]), rtol=1e-9)
    np.testing.assert_allclose(info["predictive_interval"][11], textbook.interval(0.9), rtol=1e-5)
