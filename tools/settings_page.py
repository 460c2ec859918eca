"""The table of docs/settings.md, from the settings' own declarations: `make settings-page`."""

import re
import sys
from pathlib import Path

from stream_filters.command_line import described

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
_PLACE = re.compile(r"<!-- settings -->.*?(?=\n## |\Z)", re.DOTALL)


def table() -> str:
    """Every setting as a row of Markdown."""
    lines = ["| flag | variable | in the file | default | meaning |", "|---|---|---|---|---|"]
    for one in described():
        default = f"`{one.default}`" if one.default else ""
        lines.append(f"| `{one.flag}` | `{one.variable}` | `{one.name}` | {default} | {one.meaning} |")
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with the table in its place."""
    return _PLACE.sub(lambda _: f"<!-- settings -->\n{table()}\n", text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
    sys.stdout.write(f"{PAGE.name} is up to date\n")
