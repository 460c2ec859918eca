"""Run the notebook beside a predictor, and keep what it showed: `make notebook`."""

import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

PAGE = Path(__file__).parents[1] / "examples" / "nile.ipynb"


def run() -> Any:
    """The notebook with its outputs, none of which depends on when or where it was run. Raises nbclient's errors."""
    notebook = nbformat.read(PAGE, as_version=4)
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(PAGE.parent)}}).execute()
    for cell in notebook.cells:
        cell.metadata.clear()
    return notebook


if __name__ == "__main__":
    nbformat.write(run(), PAGE)
    sys.stdout.write(f"{PAGE.name} is up to date\n")
