"""The commands and programs that stand in README and docs, taken from there as they are printed."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "data/README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUNNABLE = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-W", "error", "-c"]}
# in these languages a block is an example of a file or of an output, and not to be run
QUIET = {"text", "yaml", "json", "proto"}
DEADLINE_SECONDS = 240.0
_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]+) -->\n)?```(?P<language>[a-z]*|\{[a-z-]+\})\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, the line where it stands, and the comment right before it."""

    page: Path
    line: int
    language: str
    text: str
    mark: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """Those of a page, from top to bottom."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, found["language"], found["text"], found["mark"] or "")


def folder_like_the_clone(folder: Path) -> Path:
    """A folder that looks like the repository's own, so that what commands write stays out of that."""
    for entry in [*ROOT.iterdir()]:
        if entry.name not in {".git", ".streams", "build"}:
            (folder / entry.name).symlink_to(entry)
    return folder


def run(block: Block, folder: Path, grpc: str, http: str) -> str:
    """Run a block as printed, but for the ports; gives what it printed. Raises AssertionError where it fails."""
    text = block.text.replace("localhost:8081", grpc).replace("localhost:8080", http)
    process = subprocess.Popen(
        [*RUNNABLE[block.language], text],
        cwd=folder,
        env=environment(grpc),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        if block.mark == "endless":
            return _until_it_speaks(block, process)
        said, _ = process.communicate(timeout=DEADLINE_SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert process.returncode == 0, f"{block} ended with {process.returncode}:\n{said}"
    return said


def environment(grpc: str) -> dict[str, str]:
    """With the commands of this environment, which by default ask the predictor at `grpc`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "STREAM_FILTERS_TARGET": grpc, "COLUMNS": "110"}


def _until_it_speaks(block: Block, process: subprocess.Popen[str]) -> str:
    """What an endless command says first; it is then interrupted as with Ctrl-C, and has to end."""
    assert process.stdout is not None
    said = process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    deadline = time.monotonic() + DEADLINE_SECONDS
    rest, _ = process.communicate(timeout=DEADLINE_SECONDS)
    assert time.monotonic() < deadline
    assert process.returncode in {0, 130}, f"{block} ended with {process.returncode}:\n{said}{rest}"
    return said + rest
