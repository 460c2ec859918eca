"""The pictures of the docs, from real runs: `make pictures`. Needs Chromium for SVG to PNG.

python -m tools.pictures CLIENT FOLDER SCENARIO ...
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.processes import predictor

_FONT = "DejaVu Sans Mono"
_QUIET = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def main() -> int:
    """Replay each scenario with the client's command, and keep the last frame of its live view as PNG."""
    client, folder, *scenarios = sys.argv[1:]
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is needed for the pictures: install the package chromium")
    with predictor() as (grpc, _), tempfile.TemporaryDirectory() as scratch:
        for scenario in scenarios:
            svg = Path(scratch, f"{scenario}.svg")
            options = ["--target", grpc, "--length", "600", "--rate", "150", "--screenshot", str(svg)]
            subprocess.run([client, "replay", scenario, *options], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
            width, height = _without_web_fonts(svg)
            size = [f"--window-size={width},{height}", "--hide-scrollbars", "--force-device-scale-factor=1"]
            target = Path(folder, f"{scenario}.png")
            shot = [f"--screenshot={target}", f"--user-data-dir={scratch}/{scenario}", svg.as_uri()]
            subprocess.run([chromium, "--headless", "--no-sandbox", "--disable-gpu", *_QUIET, *size, *shot], check=True)  # noqa: S603
            print(target)  # noqa: T201
    return 0


def _without_web_fonts(svg: Path) -> tuple[int, int]:
    """Let the picture use a font of this machine; returns its size."""
    text = re.sub(r"@font-face \{.*?\}\s*", "", svg.read_text(), flags=re.DOTALL).replace("Fira Code", _FONT)
    svg.write_text(text)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    if box is None:
        raise ValueError(f"{svg} has no size")
    return round(float(box[1])), round(float(box[2]))


if __name__ == "__main__":
    sys.exit(main())
