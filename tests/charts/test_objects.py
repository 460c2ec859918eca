"""Every rendered object as an API server would read it, and the chart as Helm's own tools do."""

import subprocess
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.charts.rendering import CHART, ROOT, helm, objects, rendered, script
from tests.charts.variants import VARIANTS
from tests.missing import missing
from tests.pinned_tools import tool

SCHEMAS = ROOT / ".tools/schemas"
MANIFESTS = ROOT / "manifests"


def _kubeconform(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    if not SCHEMAS.exists():
        missing("the schemas of Kubernetes' objects", "make tools")
    location = f"{SCHEMAS}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"
    command = [tool("kubeconform"), "-strict", "-schema-location", location, *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_fits_the_schema_of_its_kind(variant: str) -> None:
    told = _kubeconform(text=rendered(variant))
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_schemas_refuse_a_key_that_kserve_does_not_know() -> None:
    told = _kubeconform(text=rendered("default").replace("minReplicas:", "minReplica:"))
    assert "minReplica" in told.stdout


def test_the_manifests_are_those_of_the_chart() -> None:
    found = {file: file.read_text() for file in MANIFESTS.rglob("*.yaml")}
    assert found == script("manifests").rendered(tool("helm")), "run `make manifests`"


def test_the_manifests_fit_their_schemas() -> None:
    told = _kubeconform(str(MANIFESTS))
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_least_manifest_is_one_inference_service() -> None:
    (file,) = MANIFESTS.glob("*.yaml")
    assert [found["kind"] for found in yaml.safe_load_all(file.read_text()) if found] == ["InferenceService"]


def test_the_chart_passes_helms_strict_lint() -> None:
    told = helm("lint", "--strict", str(CHART), values={})
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_charts_own_suites_pass() -> None:
    told = subprocess.run(
        [tool("helm-unittest"), "--strict", str(CHART)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_selector_of_ours_finds_what_it_is_for(variant: str) -> None:
    found = objects(variant)
    (service,) = (one for one in found if one["kind"] == "InferenceService")
    name = service["metadata"]["name"]
    # KServe's own labels of the predictor's pods, and those of the pods that the chart itself makes
    pods = [{"serving.kserve.io/inferenceservice": name, "component": "predictor"}]
    pods += [one["spec"]["template"]["metadata"]["labels"] for one in found if one["kind"] == "StatefulSet"]
    for selector in _selectors(found):
        assert any(selector.items() <= labels.items() for labels in pods), selector


def _selectors(node: Any) -> list[dict[str, str]]:
    if isinstance(node, list):
        return [selector for item in node for selector in _selectors(item)]
    if not isinstance(node, dict):
        return []
    if node.get("kind") == "Service":
        return [node["spec"]["selector"]]
    found = []
    for name, value in node.items():
        if name in ("selector", "podSelector", "labelSelector") and "matchLabels" in value:
            found.append(value["matchLabels"])
        elif name != "namespaceSelector":
            found += _selectors(value)
    return found
