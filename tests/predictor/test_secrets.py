"""No wrong setting, alone or with others, puts a secret where others read: on standard error, and in the log."""

import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from stream_filters.__main__ import main
from stream_filters.filters import REGISTRY
from stream_filters.redaction import without_secrets
from stream_filters.settings import PREFIX

from tests.authority import Authority
from tests.predictor.models import MEAN
from tests.predictor.process import PredictorProcess
from tests.predictor.test_settings import WRONG
from tests.running_mean import RunningMean
from tests.store.servers import free_port

SECRET = "S3CRETpw"  # noqa: S105
URLS = [
    f"valkey://user:{SECRET}@127.0.0.1:1/0",
    f"valkey://user:{SECRET}/x@127.0.0.1:1/0",
    f"valkey://user:{SECRET}?a=b@127.0.0.1/0",
    f"valkey+sentinel://127.0.0.1:1/main?sentinel_password={SECRET}&colour=red",
    f"valkeys://127.0.0.1:1?ssl_password={SECRET}&socket_timeout=x",
    f"mongo://user:{SECRET}@host",
    f"redis://:{SECRET}@host:port",
]
# ways to say the store, right or not
SAID = ["--store", "--stoer", "--store=", "environment", "file", "file, misspelt", "file, not YAML", "file, a list"]


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setitem(REGISTRY, RunningMean.name, RunningMean)


def wrong_files(folder: Path) -> list[list[str]]:
    """Flags of files that hold something else than they should, and the secret too."""
    for name, data in (("empty", b""), ("binary", b"\xff\xfe\0" + SECRET.encode()), ("words", f"{SECRET} x".encode())):
        (folder / name).write_bytes(data)
    (folder / "junk.pem").write_text(SECRET)
    certificate, key = map(str, Authority(folder / "ca").issue("server"))
    junk = str(folder / "junk.pem")
    return [
        *(["--token-file", str(folder / name)] for name in ("empty", "binary", "words", "missing")),
        ["--tls-cert-file", junk, "--tls-key-file", junk],
        ["--tls-cert-file", certificate],
        ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-client-ca-file", junk],
        ["--tls-client-ca-file", junk],
    ]


def said(way: str, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    if way == "environment":
        monkeypatch.setenv(f"{PREFIX}STORE", url)
        return []
    if way.startswith("file"):
        file = folder / "settings.yaml"
        texts = {
            "file": f"store: '{url}'\n",
            "file, misspelt": f"stoer: '{url}'\n",
            "file, not YAML": f"max_rows: [\nstore: '{url}'\n",
            "file, a list": f"store: ['{SECRET}']\n",
        }
        file.write_text(texts[way])
        monkeypatch.setenv(f"{PREFIX}FILE", str(file))
        return []
    return [f"{way}{url}"] if way.endswith("=") else [way, url]


@pytest.mark.parametrize("seed", range(60))
def test_no_combination_of_wrong_settings_tells_a_secret(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(seed)
    arguments = said(SAID[seed % len(SAID)], chance.choice(URLS), tmp_path, monkeypatch)
    wrong = [flags for flags, _ in WRONG.values() if "--store" not in flags] + wrong_files(tmp_path)
    for flags in chance.sample(wrong, chance.randint(1, 2)):
        arguments += flags
    monkeypatch.setattr(sys, "argv", ["stream_filters", *arguments])
    assert _code() == 2
    came = capsys.readouterr()
    assert SECRET not in came.err + came.out
    assert "Traceback" not in came.err


@pytest.mark.parametrize("number", range(8))
def test_a_file_that_is_not_what_it_should_be_is_one_sentence_that_names_it(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = wrong_files(tmp_path)[number]
    monkeypatch.setattr(sys, "argv", ["stream_filters", *flags])
    assert _code() == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert SECRET not in told
    assert flags[-1] in told or "--tls" in told


def _code() -> Any:
    """The exit code of `main`, or of the parser of flags, which exits by itself."""
    try:
        return main()
    except SystemExit as end:
        return end.code


def test_the_log_of_a_server_whose_store_is_away_tells_no_secret(tmp_path: Path) -> None:
    url = f"valkey://user:{SECRET}@127.0.0.1:{free_port()}/0"
    models = json.dumps([{"name": MEAN, "filter": MEAN}])
    flags = ("--models", models, "--store", url, "--log-level", "debug", "--store-check-seconds", "0.1")
    predictor = PredictorProcess(tmp_path, *flags, store_is_away=True)
    assert predictor.stop() == 0
    assert "the store is away" in predictor.log
    assert SECRET not in predictor.log


@pytest.mark.parametrize("url", URLS)
def test_credentials_are_left_out_of_any_sentence(url: str) -> None:
    assert SECRET not in without_secrets(f"--store {url!r} came, and {{'store': '{url}'}} too")
