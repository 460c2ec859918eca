"""Every measurement that the docs claim, in one run: `make bench`."""

import importlib.util
import subprocess
import sys

_SECTIONS = (
    "benchmarks.kernels.streaming_kalman",
    "benchmarks.kernels.online_ar_learning",
    "benchmarks.kernels.adaptive_mixture",
    "benchmarks.serving",
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
    for section in _SECTIONS:
        print(f"\n=== {section}", flush=True)
        if subprocess.run([sys.executable, "-m", section], check=False).returncode:
            failed.append(section)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
