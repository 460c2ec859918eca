"""Run a command beside a predictor of its own, on free ports of this machine, and end the predictor after it.

    python -m tools.with_predictor [MODULE=NAME] [SETTINGS ...] -- COMMAND ...

In COMMAND, {grpc} and {http} stand for the addresses. MODULE: what to start instead of stream_filters. The exit code
is that of the command.
"""

import subprocess
import sys

from tools.processes import end, predictor


def main() -> int:
    """Run the command line's command."""
    split = sys.argv.index("--")
    settings = sys.argv[1:split]
    module = (
        settings.pop(0).removeprefix("MODULE=") if settings and settings[0].startswith("MODULE=") else "stream_filters"
    )
    sys.stderr.write("starting a predictor\n")
    sys.stderr.flush()
    try:
        with predictor(*settings, module=module) as (grpc, http):
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
        except SystemExit:
            end(child)
            raise


if __name__ == "__main__":
    sys.exit(main())
