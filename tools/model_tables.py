"""The tables of docs/models.md, from the filters' own declarations: `make model-tables`."""

import re
import sys
from pathlib import Path
from typing import Any

from stream_filters.filters import REGISTRY
from stream_filters.filters.base import Filter

PAGE = Path(__file__).parents[1] / "docs" / "models.md"


def tables(kind: type[Filter[Any]]) -> str:
    """Outputs and settings of one filter, as Markdown."""
    bound = kind(kind.config_type())
    lines = ["| output | type and shape | meaning | unit |", "|---|---|---|---|"]
    for output in bound.outputs:
        name = f"**`{output.name}`**" if output.default and not output.on_horizon else f"`{output.name}`"
        shape = ", ".join(str(size) for size in output.shape)
        lines.append(f"| {name} | {output.datatype} `[{shape}]` | {output.description} | {output.unit} |")
    lines += ["", "| setting | default | meaning |", "|---|---|---|"]
    for name, field in kind.config_type.model_fields.items():
        default = bound.config.model_dump(mode="json")[name]
        lines.append(f"| `{name}` | `{default}` | {field.description} |")
    lines += ["", f"State under the default settings: {bound.state_dtype.itemsize} bytes."]
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with every filter's tables in their places."""
    for name, kind in REGISTRY.items():
        place = re.compile(rf"<!-- {name} -->.*?(?=\n## |\Z)", re.DOTALL)
        if not place.search(text):
            raise ValueError(f"docs/models.md has no place <!-- {name} -->")
        made = f"<!-- {name} -->\n{tables(kind)}\n"
        text = place.sub(lambda _, made=made: made, text)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
    sys.stdout.write(f"{PAGE.name} is up to date\n")
