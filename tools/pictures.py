"""The pictures of the docs, from real runs: `make pictures`. Needs Chromium to draw SVG and HTML as PNG.

python -m tools.pictures CLIENT FOLDER SCENARIO ...
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.processes import predictor
from tools.programs import chromium

_FONT = "DejaVu Sans Mono"
_QUIET = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
# of the report: its head, and the first pictures
_REPORT_SIZE = (1000, 1375)


@dataclass(frozen=True)
class Maker:
    """What pictures are made with. scratch: a folder that goes."""

    client: str
    chromium: str
    grpc: str
    scratch: Path

    def live_view(self, scenarios: Sequence[str], target: Path) -> None:
        """Replay scenarios with the client's command, and keep the last frame of their live view."""
        svg = self.scratch / f"{target.stem}.svg"
        self._run("replay", *scenarios, *self._target, "--length", "600", "--rate", "150", "--screenshot", str(svg))
        self._shoot(svg, _without_web_fonts(svg), target)

    def report(self, scenario: str, target: Path) -> None:
        """Replay a scenario, and keep the first screen of the report of it."""
        saved, page = self.scratch / "run.json", self.scratch / "report.html"
        self._run("replay", scenario, *self._target, "--quiet", "--save", str(saved))
        self._run("report", str(saved), "--output", str(page))
        self._shoot(page, _REPORT_SIZE, target)

    @property
    def _target(self) -> list[str]:
        return ["--target", self.grpc]

    def _run(self, *arguments: str) -> None:
        subprocess.run([self.client, *arguments], check=True, stdout=subprocess.DEVNULL)  # noqa: S603

    def _shoot(self, source: Path, size: tuple[int, int], target: Path) -> None:
        """A file as the browser shows it in a window of that size."""
        window = [f"--window-size={size[0]},{size[1]}", "--hide-scrollbars", "--force-device-scale-factor=1"]
        shot = [f"--screenshot={target}", f"--user-data-dir={self.scratch}/{target.stem}", source.as_uri()]
        command = [self.chromium, "--headless", "--no-sandbox", "--disable-gpu", *_QUIET, *window, *shot]
        subprocess.run(command, check=True)  # noqa: S603
        print(target)  # noqa: T201


def main() -> int:
    """Picture each scenario's live view, and the report of the last one."""
    client, folder, *scenarios = sys.argv[1:]
    browser = chromium()
    if browser is None:
        sys.exit("Chromium is needed for the pictures: install the package chromium")
    with predictor() as (grpc, _), tempfile.TemporaryDirectory() as scratch:
        maker = Maker(client, browser, grpc, Path(scratch))
        for scenario in scenarios:
            maker.live_view([scenario], Path(folder, f"{scenario}.png"))
        maker.live_view(scenarios, Path(folder, "demo.png"))
        maker.report(scenarios[-1], Path(folder, "report.png"))
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
