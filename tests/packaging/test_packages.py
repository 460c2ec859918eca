"""Both packages as others get them: the source is built, the wheel from it, and the wheel runs where it is alone."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.conftest import StartPredictor
from tools.processes import FREE_PORTS, running, said_until_ready
from tools.version import ROOT, VERSION

TOOLS = Path(sys.executable).parent
# name: its folder, the requirements that it is installed with, its command
PACKAGES = {
    "stream_filters": ("predictor", "predictor.txt", "stream-filters-predictor"),
    "stream_filters_client": ("client", "client.txt", "stream-filters"),
}
pytestmark = pytest.mark.timeout(900)


def _run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=PACKAGES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def built(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the source of one package, and the wheel that was built of that source."""
    folder = tmp_path_factory.mktemp(name)
    _run(TOOLS / "uv", "build", "--quiet", "--python", sys.executable, "--no-build-isolation",
         "--out-dir", folder, PACKAGES[name][0])  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def installed(name: str, built: Path) -> Path:
    """The commands of an environment that holds the wheel and what it requires, and nothing else."""
    environment = built / "environment"
    python = environment / "bin/python"
    _run(TOOLS / "uv", "venv", "--quiet", "--python", sys.executable, environment)
    requirements = ROOT / "requirements" / PACKAGES[name][1]
    _run(TOOLS / "uv", "pip", "sync", "--quiet", "--python", python, "--require-hashes", requirements)
    _run(TOOLS / "uv", "pip", "install", "--quiet", "--python", python, "--no-deps", *built.glob("*.whl"))
    return python.parent


def test_source_and_wheel_hold_the_package_and_its_licence_and_nothing_else(name: str, built: Path) -> None:
    with zipfile.ZipFile(built / f"{name}-{VERSION}-py3-none-any.whl") as wheel:
        inside = wheel.namelist()
        metadata = wheel.read(f"{name}-{VERSION}.dist-info/METADATA").decode()
    assert f"{name}-{VERSION}.dist-info/licenses/LICENSE" in inside
    assert {entry.split("/")[0] for entry in inside} == {name, f"{name}-{VERSION}.dist-info"}
    assert not [entry for entry in inside if entry.endswith((".nbi", ".nbc", ".pyc"))]
    for line in ("License-Expression: Apache-2.0", "Author: stream-filters contributors", "Keywords: "):
        assert line in metadata
    with tarfile.open(built / f"{name}-{VERSION}.tar.gz") as source:
        top = {entry.split("/")[1] for entry in source.getnames()}
    # hatchling adds the repository's list of what to leave out
    assert top - {".gitignore"} == {name, "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}


def test_the_command_says_its_version_and_its_help(name: str, installed: Path) -> None:
    command = installed / PACKAGES[name][2]
    assert VERSION in _run(command, "--version")
    assert "usage" in _run(command, "--help").lower()


@pytest.mark.parametrize("name", ["stream_filters_client"], indirect=True)
def test_the_client_replays_a_file(installed: Path, start_predictor: StartPredictor) -> None:
    target = start_predictor().grpc_address
    words = [
        "replay",
        "--model",
        "streaming_kalman",
        "--file",
        "data/nile.csv",
        "--column",
        "volume",
        "--plain",
        "--target",
    ]
    assert "streaming_kalman" in _run(installed / "stream-filters", *words, target)


@pytest.mark.parametrize("name", ["stream_filters"], indirect=True)
def test_the_first_start_says_that_it_compiles_and_the_second_does_not(installed: Path) -> None:
    models = '[{"name": "position", "filter": "streaming_kalman"}]'
    command = [str(installed / "stream-filters-predictor"), "--models", models, "--store", "memory://", *FREE_PORTS]
    said = []
    for _ in range(2):
        with running(command) as (process, log):
            said.append(said_until_ready(process, log))
    assert "compiled for this processor" in said[0]
    assert "compil" not in said[1]
