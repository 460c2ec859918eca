"""The programs that `make tools` installs."""

from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[1] / ".tools/bin"


def tool(name: str) -> str:
    """A tool of the repository's own; its absence fails the test."""
    path = TOOLS / name
    if not path.exists():
        pytest.fail(f"{name} is missing: run `make tools`, which installs it into .tools/bin (it needs Go)")
    return str(path)
