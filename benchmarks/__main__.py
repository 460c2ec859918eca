"""Every measurement that the docs claim, in one run: `make bench`."""

import importlib.util
import subprocess
import sys

from tools.processes import end, sigterm_as_exit

_SECTIONS = (
    "benchmarks.kernels.streaming_kalman",
    "benchmarks.kernels.online_ar_learning",
    "benchmarks.kernels.adaptive_mixture",
    "benchmarks.serving",
    "benchmarks.server_cost",
    "benchmarks.batches",
    "benchmarks.responsiveness",
    "benchmarks.overload",
    "benchmarks.stores",
    "benchmarks.store_rates",
    "benchmarks.client_transport",
    "benchmarks.client_size",
)
_PEERS = ("filterpy", "pykalman", "simdkalman", "river", "statsmodels", "hmmlearn")


def main() -> int:
    absent = [peer for peer in _PEERS if importlib.util.find_spec(peer) is None]
    if absent:
        print(f"not compared with {', '.join(absent)}: not installed; `make peers` installs them")
    failed = []
    with sigterm_as_exit():
        for section in _SECTIONS:
            print(f"\n=== {section}", flush=True)
            if _run(section):
                failed.append(section)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


def _run(section: str) -> int:
    """Its exit code. It is told to end when this program is, and ends its own servers then."""
    process = subprocess.Popen([sys.executable, "-m", section])
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            end(process)


if __name__ == "__main__":
    sys.exit(main())
