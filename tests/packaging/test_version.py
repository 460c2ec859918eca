"""One version, in VERSION, and the same licence with every package."""

import re

import stream_filters
import stream_filters_client

from tools.version import PLACES, ROOT, VERSION, written


def test_everything_says_the_version() -> None:
    assert stream_filters.__version__ == stream_filters_client.__version__ == VERSION, "run `make setup`"
    for name, places in PLACES.items():
        text = (ROOT / name).read_text()
        assert written(text, places) == text, "run `make version`"
        assert text.count(VERSION) >= len(places)


def test_no_other_file_of_the_build_holds_a_version_of_its_own() -> None:
    for name in ("predictor/pyproject.toml", "client/pyproject.toml", "Makefile", "make/versions.mk", "Dockerfile"):
        assert VERSION not in (ROOT / name).read_text(), name


def test_the_changelog_begins_with_the_version() -> None:
    found = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert found
    assert found[1] == VERSION


def test_each_package_carries_the_licence() -> None:
    licence = (ROOT / "LICENSE").read_bytes()
    assert licence.lstrip().startswith(b"Apache License")
    for package in ("predictor", "client"):
        assert (ROOT / package / "LICENSE").read_bytes() == licence
