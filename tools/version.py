"""The version in VERSION, written wherever else one has to stand: `make version`."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSION = (ROOT / "VERSION").read_text().strip()
# file: what stands before the version
PLACES = {
    "charts/stream-filters/Chart.yaml": ("version: ", "appVersion: "),
    "compose.yaml": ("stream-filters:", "stream-filters-client:"),
}


def written(text: str, places: tuple[str, ...]) -> str:
    """The text with the version at these places."""
    for before in places:
        text = re.sub(rf"(?<![\w-]){re.escape(before)}\d+\.\d+\.\d+\S*?(?=[}}\s]|$)", before + VERSION, text)
    return text


def main() -> None:
    """Write every place."""
    for name, places in PLACES.items():
        file = ROOT / name
        file.write_text(written(file.read_text(), places))
    sys.stdout.write(f"{VERSION}; manifests/ follow with `make manifests`\n")


if __name__ == "__main__":
    main()
