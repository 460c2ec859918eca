"""The programs in other languages, as the page has them, each compiled and run by its own tools."""

import json
import subprocess
from pathlib import Path

import playwright
import pytest

from tests.documents.blocks import ROOT, blocks
from tests.missing import missing
from tests.pinned_tools import program, tool
from tests.predictor.process import PredictorProcess
from tools import programs

PAGE = ROOT / "docs/other-languages.md"
# language: file, and what runs it
FILES = {"sh": "ask.sh", "go": "ask.go", "java": "Ask.java", "javascript": "ask.mjs"}


def _command(language: str) -> list[str]:
    if language == "go":
        return [program("go"), "run"]
    if language == "java":
        return [programs.program("java") or missing("a JDK", "apt-get install default-jdk-headless")]
    if language == "javascript":
        # the one that comes with the package that drives browsers
        return [str(Path(playwright.__file__).parent / "driver/node")]
    return ["bash", "-euo", "pipefail"]


@pytest.mark.parametrize("language", FILES)
def test_it_runs_and_gets_its_answer(language: str, served: PredictorProcess, tmp_path: Path) -> None:
    (block,) = [block for block in blocks(PAGE) if block.language == language]
    http = served.http_url.removeprefix("http://")
    text = block.text.replace("localhost:8081", served.grpc_address).replace("localhost:8080", http)
    if language == "sh":
        text = text.replace("grpcurl", tool("grpcurl"), 1)
    file = tmp_path / FILES[language]
    file.write_text(text)
    done = subprocess.run([*_command(language), str(file)], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert answer["outputs"][0]["name"] == "position_mean"
    assert answer["parameters"]["sequence_id" if language == "sh" else "next_offset"]
