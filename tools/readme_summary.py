"""The summary in README.md, from what the demo prints: `make readme`."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "README.md"
# rows that say most; where others are left out stands a line of dots
ROWS = (
    "model",
    "observations",
    "position RMSE over oracle's",
    "coefficients RMSE over oracle's",
    "regime right",
    "changes found",
    "observations until found",
    "observations in 90 % interval",
    "log score less oracle's",
    "PIT off uniform (5 % limit)",
    "position in 90 % band",
    "coefficients in 90 % band",
    "median answer in ms",
    "99 % of answers within ms",
    "observations a second",
)
DOTS = "..."
_PLACE = re.compile(r"```text\n.*?```\n", re.DOTALL)


def label(line: str) -> str:
    """The first column of a row."""
    return re.split(r"\s{2,}", line.rstrip())[0]


def shortened(printed: str) -> str:
    """The tables of a summary with the rows of ROWS alone."""
    kept: list[str] = []
    begun = False
    for line in printed.splitlines():
        begun |= line.startswith(" ")
        if begun and (line.startswith(" ") or label(line) in ROWS):
            kept.append(line.rstrip())
        elif begun and kept[-1] != DOTS:
            kept.append(DOTS)
    return "\n".join(kept) + "\n"


def main() -> None:
    """Run the command line's command, and write what it prints."""
    printed = subprocess.run(sys.argv[1:], check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603
    text = PAGE.read_text()
    PAGE.write_text(_PLACE.sub(lambda _: f"```text\n{shortened(printed)}```\n", text, count=1))
    sys.stdout.write(f"{PAGE.name} is up to date\n")


if __name__ == "__main__":
    main()
