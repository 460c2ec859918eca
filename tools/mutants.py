"""Put small faults into the rules that keep streams, one at a time, and see whether a test notices: `make mutants`.

mutmut changes the code and runs the tests; here is what is changed, what is run, and which survivors change nothing.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORK = ROOT / "build" / "mutants"
# the rules: what a turn does, what is kept, who comes when, where it is kept
MUTATED = [
    *(f"stream_filters/streams/{name}.py" for name in ("exactly_once", "records", "reading", "queues", "local_copies")),
    *(f"stream_filters/streams/{name}.py" for name in ("sessions", "slices", "portions")),
    *(f"stream_filters/store/{name}.py" for name in ("memory", "sqlite", "sqlite_file", "counts", "versions")),
    "stream_filters/redaction.py",
    "stream_filters/credentials.py",
]
# tests in this process, which need no server and no compiler
TESTS = [
    *(f"tests/predictor/streams/test_{name}.py" for name in ("digests", "ordering", "records", "queues", "sessions")),
    *(f"tests/predictor/streams/test_{name}.py" for name in ("local_copies", "portions", "slices", "stored_states")),
    *(f"tests/store/test_{name}.py" for name in ("memory", "sqlite", "conformance")),
    "tests/predictor/endpoints/test_resumption.py",
    "tests/predictor/test_secrets.py",
]
SETTINGS = {
    "source_paths": ["stream_filters"],
    "only_mutate": MUTATED,
    "also_copy": ["tests", "tools", "stream_filters_client"],
    "mutate_only_covered_lines": True,
    "pytest_add_cli_args": ["-n", "0", "-k", "not valkey and not sentinel and not cluster and not tls and not log_of"],
    "pytest_add_cli_args_test_selection": TESTS,
}


def main() -> int:
    """Run mutmut over a copy of the project; prints its figures and the survivors. Returns mutmut's code."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    shutil.copytree(ROOT / "predictor" / "stream_filters", WORK / "stream_filters")
    shutil.copytree(ROOT / "client" / "stream_filters_client", WORK / "stream_filters_client")
    for folder in ("tests", "tools"):
        shutil.copytree(ROOT / folder, WORK / folder)
    settings = "\n".join(f"{name} = {json.dumps(value)}" for name, value in SETTINGS.items())
    (WORK / "pyproject.toml").write_text(f"{(ROOT / 'pyproject.toml').read_text()}\n[tool.mutmut]\n{settings}\n")
    mutmut = [str(Path(sys.executable).with_name("mutmut"))]
    ran = subprocess.run([*mutmut, "run", *sys.argv[1:]], cwd=WORK, check=False)  # noqa: S603
    told = subprocess.run([*mutmut, "results"], cwd=WORK, check=False, capture_output=True, text=True)  # noqa: S603
    survivors = [line.strip() for line in told.stdout.splitlines() if "survived" in line or "timeout" in line]
    sys.stdout.write("\n".join([*survivors, f"{len(survivors)} survived"]) + "\n")
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main())
