"""Streams are taken from store to store, byte for byte, and go on as if they had never moved."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stream_filters_client import cli

from tests.conftest import StartPredictor
from tests.predictor.models import MEAN
from tests.predictor.v2 import Caller
from tests.store.servers import Server

MODELS = ("first", "second")
OWN = '{"prior_std": 3.0}'
NOTHING = np.empty(0)
Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `stream-filters streams`; gives what it prints, its complaint when `code` is not 0."""

    def run(address: str, *arguments: str, code: int = 0) -> str:
        words = ["stream-filters", "streams", *arguments, "--target", address, "--wait", "60"]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        assert (ended.value.code or 0) == code, printed.err
        return printed.err if code else printed.out

    return run


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def start(start_predictor: StartPredictor) -> Callable[[str], str]:
    """Starts a predictor of two models over a store; gives its address."""
    models = json.dumps([{"name": name, "filter": MEAN} for name in MODELS])
    return lambda url: start_predictor("--models", models, "--store", url).grpc_address


@pytest.fixture(scope="module")
def address(start: Callable[[str], str]) -> str:
    return start("memory://")


def begin(address: str, names: list[str], model: str = "first") -> None:
    """Streams of different lengths and two kinds of settings."""
    caller = Caller(address)
    for number, name in enumerate(names):
        more: dict[str, Any] = {"config": OWN} if number % 2 else {}
        rows = np.random.default_rng(number).normal(size=number + 1)
        caller.infer(model, rows, sequence_id=name, sequence_start=True, offset=0, **more)


def state(address: str, name: str, model: str = "first") -> bytes:
    return Caller(address).infer(model, NOTHING, sequence_id=name, outputs=["state"]).state


def test_streams_move_from_memory_to_sqlite_to_valkey_and_go_on_bit_equal(
    run: Run, start: Callable[[str], str], valkey: Server, tmp_path: Path
) -> None:
    urls = ["memory://", f"sqlite://{tmp_path}/streams.db", f"valkey://127.0.0.1:{valkey.port}"]
    addresses = [start(url) for url in urls]
    # more than one request exports, names of every kind
    streams = {"first": [f"s-{number}" for number in range(130)], "second": ["a b", "ü/*", "[x]"]}
    models = [word for model in MODELS for word in ("--model", model)]
    for model, names in streams.items():
        begin(addresses[0], names, model)
    files: list[Path] = []
    for source, target in zip(addresses, [*addresses[1:], None], strict=True):
        files.append(tmp_path / f"{len(files)}.jsonl")
        assert "133 streams" in run(source, "export", str(files[-1]), *models)
        if target:
            assert "133 streams begun" in run(target, "import", str(files[-1]))
    lines = [sorted(file.read_text().splitlines()[:-1]) for file in files]
    assert lines[0] == lines[1] == lines[2]
    for model, names in streams.items():
        for number, name in enumerate(names):
            more: dict[str, Any] = {
                "sequence_id": name,
                "offset": number + 1,
                "outputs": ["mean", "log_evidence", "state"],
            }
            replies = [Caller(address).infer(model, [0.5, -2.0], **more) for address in addresses]
            assert len({b"".join(reply.message.raw_output_contents) for reply in replies}) == 1


def test_list_shows_every_stream(run: Run, address: str) -> None:
    begin(address, ["l-1", "l-2"])
    listed = run(address, "list", "--model", "first").splitlines()
    assert {"first\tl-1\t1\tlive", "first\tl-2\t2\tlive"} <= set(listed)
    found = json.loads(run(address, "list", "l-*", "--model", "first", "--json"))
    assert [(one["model"], one["sequence_id"], one["offset"], one["status"]) for one in found] == [
        ("first", "l-1", 1, "live"),
        ("first", "l-2", 2, "live"),
    ]
    assert found == json.loads(run(address, "list", "l-1", "l-?", "--model", "first", "-o", "json"))
    assert '"prior_std": 3.0' in run(address, "list", "l-2", "--model", "first", "-o", "wide")


def test_show_tells_where_a_stream_is_and_what_it_expects(run: Run, address: str) -> None:
    begin(address, ["x", "shown"])
    shown: dict[str, Any] = json.loads(run(address, "show", "first", "shown", "--horizon", "2", "--json"))
    expected = Caller(address).infer("first", NOTHING, sequence_id="shown", horizon=2, outputs=["forecast_mean"])
    assert shown["forecast_mean"] == expected["forecast_mean"].tolist()
    assert {name: shown[name] for name in ("filter", "offset", "schema_version")} == {
        "filter": MEAN,
        "offset": 2,
        "schema_version": 1,
    }
    assert shown["config"]["prior_std"] == 3.0
    assert "offset:" in run(address, "show", "first", "shown")


def test_show_of_no_stream_says_so(run: Run, address: str) -> None:
    assert "first has no stream 'nobody'; see" in run(address, "show", "first", "nobody", code=1)


def test_delete_forgets_the_streams_named(run: Run, address: str) -> None:
    begin(address, ["d-1", "d-2", "d-3"])
    assert "first has no stream 'nobody'" in run(address, "delete", "first", "d-1", "d-2", "nobody", code=1)
    listed = Caller(address)
    assert state(address, "d-3")
    for name in ("d-1", "d-2"):
        with pytest.raises(Exception, match="there is no stream"):
            listed.infer("first", NOTHING, sequence_id=name)


def test_delete_by_a_pattern_asks_before_it_does(run: Run, address: str) -> None:
    begin(address, ["p-1", "p-2", "q?1", "q-1"])
    complaint = run(address, "delete", "first", "p-*", code=2)
    assert "2 streams of first would be deleted (p-1, p-2); say so with --yes" in complaint
    assert state(address, "p-1")
    assert "2 streams deleted" in run(address, "delete", "first", "p-*", "--yes")
    assert "first has no stream like 'p-*'" in run(address, "delete", "first", "p-*", "--yes", code=1)
    # what is called like a pattern is itself
    assert "1 streams deleted" in run(address, "delete", "first", "q?1")
    assert state(address, "q-1")


def test_a_stream_that_the_server_cannot_read_is_told_about_and_can_be_deleted(
    run: Run, start: Callable[[str], str], valkey: Server, tmp_path: Path
) -> None:
    address = start(f"valkey://127.0.0.1:{valkey.port}?prefix=spoilt:")
    begin(address, ["fine", "spoilt"])
    with valkey.client() as client:
        client.setrange("spoilt:first/spoilt", 40, b"\xff\xff")
    file = tmp_path / "file"
    assert "first spoilt: what is stored" in run(address, "export", str(file), "--model", "first", code=1)
    assert len(file.read_text().splitlines()) == 3
    assert "1 streams deleted" in run(address, "delete", "first", "spoilt")
    assert run(address, "list", "--model", "first").splitlines() == ["first\tfine\t1\tlive"]


def test_an_export_leaves_a_client_its_retry(run: Run, address: str, tmp_path: Path) -> None:
    begin(address, ["retried"])
    run(address, "export", str(tmp_path / "file"), "retried", "--model", "first")
    rows = np.random.default_rng(0).normal(size=1)
    again = Caller(address).infer("first", rows, sequence_id="retried", sequence_start=True, offset=0)
    assert again.parameters["replayed"] is True


def test_an_import_is_repeated_without_harm_and_replaces_only_when_told(run: Run, address: str, tmp_path: Path) -> None:
    file = str(tmp_path / "file")
    begin(address, ["i-1", "i-2"])
    saved = state(address, "i-2")
    run(address, "export", file, "i-1", "i-2", "--model", "first")
    assert "0 streams begun" in run(address, "import", file)
    Caller(address).infer("first", [9.0], sequence_id="i-2", offset=2)
    moved = state(address, "i-2")
    assert "give --replace" in run(address, "import", file, code=2)
    assert state(address, "i-2") == moved
    run(address, "import", file, "i-2", "--replace")
    assert state(address, "i-2") == saved


def test_a_stream_may_begin_from_anothers_belief(run: Run, address: str, tmp_path: Path) -> None:
    file = str(tmp_path / "file")
    begin(address, ["parent", "other"])
    run(address, "export", file, "parent", "other", "--model", "first")
    run(address, "import", file, "parent", "--as", "child", "--into", "second")
    assert state(address, "child", "second") == state(address, "parent")
    assert "--as names one stream, 2" in run(address, "import", file, "--as", "child", code=2)


@pytest.mark.parametrize("change", ["cut", "line lost", "state changed", "newer", "foreign", "empty"])
def test_a_file_that_is_not_whole_begins_nothing(run: Run, address: str, tmp_path: Path, change: str) -> None:
    file = tmp_path / "file"
    name = f"spoilt-{change}"
    begin(address, [name])
    run(address, "export", str(file), name, "--model", "first")
    run(address, "delete", "first", name)
    head, stream, end = file.read_bytes().splitlines(keepends=True)
    spoilt = {
        "cut": head + stream,
        "line lost": head + end,
        "state changed": head + stream.replace(b"AAAA", b"AAAB", 1) + end,
        "newer": head.replace(b'"version": 1', b'"version": 2') + stream + end,
        "foreign": stream + end,
        "empty": b"",
    }
    file.write_bytes(spoilt[change])
    assert str(file) in run(address, "import", str(file), code=2)
    assert name not in run(address, "list", "--model", "first")


def test_a_failed_export_leaves_the_older_file(run: Run, address: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("older")
    run(address, "export", str(file), "nobody", "--model", "first", code=1)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["older"]
