"""Every command and every program in README and docs runs, as printed, or says why no test can run it."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.blocks import PAGES, QUIET, ROOT, RUNNABLE, Block, blocks, environment, folder_like_the_clone, run
from tests.predictor.process import PredictorProcess
from tools import readme_summary
from tools.processes import free_port, said_until_ready

README = ROOT / "README.md"
# what a block may be marked with in place of being run here
_ELSEWHERE = re.compile(r"needs a cluster|needs containers|needs a server of one's own|run by (?P<file>\S+)")


def _is_here(block: Block) -> bool:
    return block.language in RUNNABLE and not _ELSEWHERE.fullmatch(block.mark)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_has_a_language_and_is_run_or_marked(page: Path) -> None:
    for block in blocks(page):
        elsewhere = _ELSEWHERE.fullmatch(block.mark)
        # in braces: directives of the site
        is_known = block.language in RUNNABLE or block.language in QUIET or block.language.startswith("{")
        assert is_known or elsewhere, f"{block} has no known language"
        if elsewhere and elsewhere["file"]:
            assert (ROOT / elsewhere["file"]).exists(), f"{block} names {elsewhere['file']}, which is not there"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page != README and any(map(_is_here, blocks(page)))], ids=lambda page: page.name
)
def test_the_blocks_of_a_page_run_from_top_to_bottom(page: Path, served: PredictorProcess, tmp_path: Path) -> None:
    folder = folder_like_the_clone(tmp_path)
    for block in filter(_is_here, blocks(page)):
        run(block, folder, served.grpc_address, served.http_url.removeprefix("http://"))


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return folder_like_the_clone(tmp_path)


@pytest.fixture
def served_by_make(clone: Path) -> Iterator[tuple[str, str]]:
    """The predictor that README's first command under "Use it" starts, but for the ports."""
    (command,) = [block.text for block in blocks(README) if "make serve" in block.text]
    grpc, http = free_port(), free_port()
    ports = {"STREAM_FILTERS_GRPC_PORT": str(grpc), "STREAM_FILTERS_HTTP_PORT": str(http)}
    log = (clone / "serve.log").open("w+")
    process = subprocess.Popen(
        # the environments are those of this run, which others use at the same time: nothing is set up
        ["bash", "-euc", command.replace("make", "make -o setup")],
        cwd=clone,
        env={**environment(""), **ports},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    with log:
        try:
            said_until_ready(process, log)
            yield f"localhost:{grpc}", f"localhost:{http}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def test_use_it_runs_from_top_to_bottom(clone: Path, served_by_make: tuple[str, str]) -> None:
    text = README.read_text()
    begins, ends = (text.count("\n", 0, text.index(heading)) for heading in ("## Use it", "## Go on"))
    use_it = [block for block in blocks(README) if begins < block.line < ends]
    assert "make serve" in use_it[0].text
    replayed, asked, told = (run(block, clone, *served_by_make) for block in use_it[1:])
    assert "adaptive_mixture is ready" in replayed
    assert "observations in 90 % interval" in replayed
    assert (clone / "nile.html").stat().st_size > 10_000
    answer = json.loads(asked)
    assert answer["parameters"]["next_offset"] == 10
    values = [value for output in answer["outputs"] for value in output["data"]]
    assert len(values) == 9
    assert all(700 < value < 1600 for value in values)
    assert re.search(r"another regime since 1(89|90)\d\nthe next years: \[8\d\d\. ", told)
    assert (clone / ".streams/stream-filters/streams.db").exists()


def test_the_summary_in_readme_has_the_rows_of_a_demo(served: PredictorProcess, tmp_path: Path) -> None:
    demo = re.search(r"^DEMO := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert demo
    (printed,) = [block.text for block in blocks(README) if block.language == "text"]
    script = f"stream-filters replay {demo[1]} --plain 2>/dev/null"
    said = run(Block(README, 0, "sh", script, ""), tmp_path, served.grpc_address, "")
    there = [readme_summary.label(line) for line in readme_summary.shortened(said).splitlines()]
    assert [readme_summary.label(line) for line in printed.splitlines()] == there, "run `make readme`"
