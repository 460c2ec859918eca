"""Render manifests/ from the chart: python charts/manifests.py HELM."""

import subprocess
import sys
from pathlib import Path

CHART = Path(__file__).parent / "stream-filters"
MANIFESTS = Path(__file__).parents[1] / "manifests"
_NAME = "stream-filters"

# The file of each variant, what is said at its top, and the values that make it.
VARIANTS: dict[str, tuple[str, dict[str, str]]] = {
    "stream-filters.yaml": (
        "The least: one InferenceService, every filter, streams in the pod's memory.",
        {},
    ),
    "with-valkey/stream-filters.yaml": (
        "Two replicas over one Valkey with a volume: streams outlive pods, and any replica can serve any stream.",
        {
            "replicas": "2",
            "valkey.enabled": "true",
            "headlessService.enabled": "true",
            "podDisruptionBudget.enabled": "true",
        },
    ),
    "knative/stream-filters.yaml": (
        "For clusters where KServe has Knative alone. One port: gRPC, no REST and no metrics from outside of the pod;\n"
        "# a streaming call ends after 600 s, Knative's longest request; no preStop pause, no settings for roll-outs.",
        {"mode": "Knative"},
    ),
}


def rendered(helm: str) -> dict[Path, str]:
    """The files and what they are to hold. Raises CalledProcessError where Helm fails."""
    return {MANIFESTS / name: _render(helm, *variant) for name, variant in VARIANTS.items()}


def _render(helm: str, said: str, values: dict[str, str]) -> str:
    sets = [part for name, value in values.items() for part in ("--set", f"{name}={value}")]
    command = [helm, "template", _NAME, str(CHART), "--skip-tests", *sets]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603  our own chart
    # the namespace is the caller's, with kubectl's -n
    lines = [line for line in told.splitlines() if line != '  namespace: "default"' and "# Source:" not in line]
    body = "\n".join(lines).replace('app.kubernetes.io/managed-by: "Helm"', 'app.kubernetes.io/managed-by: "kubectl"')
    return f"# {said}\n# Rendered from charts/stream-filters by `make manifests`; change it there.\n{body}\n"


def main() -> None:
    """Write every file."""
    for file, text in rendered(sys.argv[1]).items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


if __name__ == "__main__":
    main()
