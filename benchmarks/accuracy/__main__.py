"""Measure every accuracy target: `make accuracy`, or one part, a filter or `field`: `make accuracy FILTER=field`."""

import argparse
import importlib
import sys

from stream_filters.filters import REGISTRY


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "filters", nargs="*", help="names of filters, or `field`: all filters on real series; all by default"
    )
    parser.add_argument("--quick", action="store_true", help="fewer streams, wider limits")
    arguments = parser.parse_args()
    missed = total = 0
    for name in arguments.filters or [*REGISTRY, "field"]:
        targets = importlib.import_module(f"benchmarks.accuracy.{name}").targets
        print(f"\n{name}\n{'target':<64} {'wanted':>16} {'measured':>10}")
        for target in targets(quick=arguments.quick):
            total += 1
            missed += not target.met
            verdict = "ok" if target.met else "MISSED"
            print(f"{target.name:<64} {target.wanted:>16} {target.measured:>10.4g}  {verdict}", flush=True)
    print(f"\n{total - missed} of {total} targets met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
