"""What the client costs: the size of its environment, and the time to import it."""

import statistics
import subprocess
import time
from pathlib import Path

_ENVIRONMENT = Path(".venv-client")


def main() -> None:
    files = [file for file in _ENVIRONMENT.rglob("*") if file.is_file() and not file.is_symlink()]
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    print(f"client environment without extras: {megabytes:.0f} MB")
    for module in ("stream_filters_client", "stream_filters_client.cli"):
        seconds = statistics.median(_import_seconds(module) for _ in range(7))
        print(f"import {module}: {seconds:.2f} s more than Python alone")


def _import_seconds(module: str) -> float:
    python = str(_ENVIRONMENT / "bin" / "python")
    times = []
    for code in ("pass", f"import {module}"):
        began = time.perf_counter()
        subprocess.run([python, "-c", code], check=True)
        times.append(time.perf_counter() - began)
    return times[1] - times[0]


if __name__ == "__main__":
    main()
