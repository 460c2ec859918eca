"""The programs that `make test` installs: those of `make tools`, and those that pip brings."""

from pathlib import Path

from tests.missing import missing
from tools import programs

TOOLS = Path(__file__).parents[1] / ".tools/bin"


def tool(name: str) -> str:
    """A tool of the repository's own."""
    path = TOOLS / name
    if not path.exists():
        missing(name, "make tools")
    return str(path)


def program(name: str) -> str:
    """A program that pip brings into the environment."""
    return programs.program(name) or missing(name, "make test-programs")


def store_server() -> str:
    """A Valkey or Redis server."""
    return programs.store_server() or missing("a Valkey or Redis server", "make test-programs")
