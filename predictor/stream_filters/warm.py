"""Compile the kernels of every filter into numba's cache, so that no server has to: `python -m stream_filters.warm`."""

import sys
import time

from stream_filters.filters import REGISTRY


def main() -> None:
    """Warm every registered filter up, under its own defaults."""
    for name, kind in REGISTRY.items():
        began = time.perf_counter()
        kind(kind.config_type()).warm_up()
        sys.stdout.write(f"{name}: {time.perf_counter() - began:.1f} s\n")


if __name__ == "__main__":
    main()
