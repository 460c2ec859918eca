"""Forged states for every filter: `python -m tests.filters.fuzz COUNT [SEED [FILTER]]`.

Each case is a genuine state with some of its numbers replaced and a right checksum, run and forecast with every output.
A finding is a crash, a case that takes longer than LIMIT_SECONDS, two runs that differ, or a state that a run leaves
and `verify` then refuses. Findings are kept in the corpus, which the tests try.
"""

import faulthandler
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from stream_filters.checks.forging import Case, Change, Forge
from stream_filters.filters import REGISTRY

CORPUS = Path(__file__).parent / "corpus"
LIMIT_SECONDS = 20.0
# filters that forged states do no harm; and those of them whose `verify` also refuses every number that is none
HARMLESS = ["online_ar_learning"]
HARDENED: list[str] = []
# settings under which the states of a filter are of other shapes
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "streaming_kalman": [{}, {"dimension": 2}, {"dimension": 3, "noise": "shared", "process": "diag"}],
    "online_ar_learning": [{}, {"order": 3}, {"window": 32}],
    "adaptive_mixture": [{}, {"regimes": 2, "hypotheses": 8}],
}


def forges(name: str) -> list[Forge]:
    kind = REGISTRY[name]
    return [Forge(kind(kind.config_type(**config))) for config in VARIANTS.get(name, [{}])]


def tried(forge: Forge, case: Case, number: int) -> str:
    """What harm the case does. Ends the process, with a traceback, when it takes too long."""
    faulthandler.dump_traceback_later(LIMIT_SECONDS, exit=True)
    try:
        return forge.harm(case, np.random.default_rng(number))
    finally:
        faulthandler.cancel_dump_traceback_later()


def work(name: str, seed: int, numbers: range, place: Path) -> None:
    """Try the cases of these numbers; print one line of JSON for each that does harm.

    place: where the case in work is told, for whoever is left when the process ends.
    """
    found = forges(name)
    for number in numbers:
        variant = number % len(found)
        case = found[variant].case(np.random.default_rng([seed, number]))
        told = {"variant": variant, "number": number, "case": as_json(case)}
        place.write_text(json.dumps(told))
        if harm := tried(found[variant], case, number):
            print(json.dumps({**told, "harm": harm}), flush=True)


def as_json(case: Case) -> dict[str, Any]:
    return {"rows": case.rows, "changes": [[name, index, bits.hex()] for name, index, bits in case.changes]}


def from_json(told: dict[str, Any]) -> Case:
    return Case(told["rows"], [Change(name, index, bytes.fromhex(bits)) for name, index, bits in told["changes"]])


def findings(name: str, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Every case that does harm, each tried in a process that may be lost."""
    start = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "case.json")
        while start < count:
            arguments = [name, str(seed), str(start), str(count), str(place)]
            ended = subprocess.run(
                [sys.executable, "-m", "tests.filters.fuzz", "--work", *arguments],
                capture_output=True,
                text=True,
                check=False,
            )
            yield from map(json.loads, ended.stdout.splitlines())
            if not ended.returncode:
                return
            if not place.exists():
                raise RuntimeError(f"the filter {name} cannot be tried at all:\n{ended.stderr}")
            lost = json.loads(place.read_text())
            yield {**lost, "harm": f"the process ended with code {ended.returncode}: {ended.stderr[-2000:]}"}
            start = lost["number"] + 1
            place.unlink()


def corpus(name: str) -> list[dict[str, Any]]:
    """The cases that are kept for a filter."""
    file = CORPUS / f"{name}.json"
    kept: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
    return kept


def keep(name: str, found: list[dict[str, Any]]) -> None:
    """Add cases to the corpus."""
    cases = [
        *corpus(name),
        *({"variant": one["variant"], "number": one["number"], "case": one["case"]} for one in found),
    ]
    lines = ",\n".join(json.dumps(case) for case in cases)
    (CORPUS / f"{name}.json").write_text(f"[\n{lines}\n]\n")


def main(count: int, seed: int, only: str) -> int:
    """Fuzz every filter. Returns 1 when something is found."""
    total = 0
    for name in [only] if only else REGISTRY:
        found = []
        for one in findings(name, count, seed):
            found.append(one)
            print(f"{name}: case {one['number']}: {one['harm']}", flush=True)
        keep(name, found[:20])
        total += len(found)
        print(f"{name}: {count} forged states, {len(found)} did harm", flush=True)
    return 1 if total else 0


if __name__ == "__main__":
    if sys.argv[1] == "--work":
        work(sys.argv[2], int(sys.argv[3]), range(int(sys.argv[4]), int(sys.argv[5])), Path(sys.argv[6]))
        sys.exit(0)
    asked, seed, only = [*sys.argv[1:], "0", ""][:3] if len(sys.argv) < 3 else [*sys.argv[1:], ""][:3]
    sys.exit(main(int(asked), int(seed), only))
