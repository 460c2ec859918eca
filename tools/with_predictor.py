"""Run a command beside a predictor of its own, on free ports of this machine, and end the predictor after it.

    python -m tools.with_predictor [SETTINGS ...] -- COMMAND ...

In COMMAND, {grpc} and {http} stand for the addresses. The exit code is the command's.
"""

import subprocess
import sys

from tools.processes import predictor


def main() -> int:
    """Run the command line's command."""
    split = sys.argv.index("--")
    try:
        with predictor(*sys.argv[1:split]) as (grpc, http):
            return _run([part.replace("{grpc}", grpc).replace("{http}", http) for part in sys.argv[split + 1 :]])
    except RuntimeError as error:
        sys.exit(str(error))


def _run(command: list[str]) -> int:
    child = subprocess.Popen(command)  # noqa: S603
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            # the command got it too, and ends in its own way
            continue


if __name__ == "__main__":
    sys.exit(main())
