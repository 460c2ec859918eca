"""The command line of the checks: `python -m stream_filters.checks package.module:Filter`."""

import argparse
import importlib
import sys

from stream_filters.checks import CHECKS, failures


def main() -> int:
    """Check the filter that the command line names. Returns 1 when a check fails."""
    parser = argparse.ArgumentParser(
        prog="python -m stream_filters.checks", description="What every filter is held to, yours too."
    )
    parser.add_argument("filter", help="package.module:Class")
    parser.add_argument("--config", default="{}", help="settings of the filter, as JSON")
    arguments = parser.parse_args()
    module, _, name = arguments.filter.partition(":")
    kind = getattr(importlib.import_module(module), name)
    found = list(failures(kind(kind.config_type.model_validate_json(arguments.config))))
    for check, sentence in found:
        sys.stdout.write(f"FAILED {check}: {sentence}\n")
    sys.stdout.write(f"{len(CHECKS) + 1 - len(found)} passed, {len(found)} failed\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
