"""Compile the kernels of every filter into numba's cache, so that no server has to: `python -m stream_filters.warm`.

What was compiled from other sources is dropped.
"""

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

from stream_filters.filters import REGISTRY
from stream_filters.filters.numerics.kernel_cache import drop_stale


def main() -> None:
    """Warm every registered filter up under its own defaults, on all cores."""
    began = time.perf_counter()
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        warming = {pool.submit(warm, name): name for name in REGISTRY}
        for done in as_completed(warming):
            done.result()
            sys.stdout.write(f"{warming[done]}: compiled after {time.perf_counter() - began:.0f} s\n")
    drop_stale()


def warm(name: str) -> None:
    """Warm one filter up."""
    kind = REGISTRY[name]
    kind(kind.config_type()).warm_up()


if __name__ == "__main__":
    main()
