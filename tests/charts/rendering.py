"""The chart rendered with given values, by the Helm that `make tools` installs."""

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml  # type: ignore[import-untyped]

from tests.charts.variants import VARIANTS, Values
from tests.pinned_tools import tool

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/stream-filters"
Object = dict[str, Any]


def script(name: str) -> ModuleType:
    """One of the programs in charts/, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"charts/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def helm(*arguments: str, values: Values) -> subprocess.CompletedProcess[str]:
    """A Helm command on the chart with these values."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values, file)
        file.flush()
        command = [tool("helm"), *arguments, "--values", file.name]
        return subprocess.run(command, capture_output=True, text=True, check=False)


def refusal(values: Values) -> str:
    """What Helm says when it renders the chart with values that it must refuse."""
    told = helm("template", "demo", str(CHART), values=values)
    assert told.returncode != 0, "the chart was rendered all the same"
    return told.stderr


def render(values: Values) -> str:
    """The manifests of release `demo`, tests included."""
    told = helm("template", "demo", str(CHART), "--namespace", "filters", values=values)
    assert told.returncode == 0, told.stderr
    return told.stdout


@cache
def rendered(variant: str) -> str:
    """The manifests of a variant."""
    return render(VARIANTS[variant])


def objects(variant: str) -> list[Object]:
    """The objects of a variant."""
    return [found for found in yaml.load_all(rendered(variant), Loader=yaml.CSafeLoader) if found]


def of_kind(variant: str, kind: str) -> list[Object]:
    """The objects of one kind."""
    return [found for found in objects(variant) if found["kind"] == kind]


def service(variant: str) -> Object:
    """The one InferenceService of a variant."""
    return only_service(rendered(variant))


def only_service(text: str) -> Object:
    """The InferenceService in these manifests."""
    (found,) = (one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one["kind"] == "InferenceService")
    return dict(found)


def predictor_container(variant: str) -> Object:
    """The container that KServe runs, wherever the variant declares it."""
    predictor = service(variant)["spec"]["predictor"]
    if "model" in predictor:
        (runtime,) = of_kind(variant, "ServingRuntime")
        return dict(runtime["spec"]["containers"][0])
    return dict(predictor["containers"][0])


def environment(variant: str) -> dict[str, str | None]:
    """Variables of the predictor; None where a Secret holds the value."""
    return {variable["name"]: variable.get("value") for variable in predictor_container(variant)["env"]}


def containers(variant: str) -> Iterator[Object]:
    """Every container of every object, wherever it stands."""

    def search(node: Any) -> Iterator[Object]:
        if isinstance(node, list):
            for item in node:
                yield from search(item)
        elif isinstance(node, dict):
            for name, value in node.items():
                if name in ("containers", "initContainers"):
                    yield from value
                else:
                    yield from search(value)

    yield from search(objects(variant))
