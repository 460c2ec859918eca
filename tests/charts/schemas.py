"""Schemas for kubeconform, from the API's own sources: python -m tests.charts.schemas FOLDER MODULE@VERSION...

Every object is closed: a key that the API does not know is an error.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from tools.programs import program

Schema = dict[str, Any]

# Of Kubernetes itself, what the chart can render.
_KINDS = {"ConfigMap", "NetworkPolicy", "Pod", "PodDisruptionBudget", "Secret", "Service", "StatefulSet"}
_SOURCES = (
    *("config/crd/full/*.yaml", "config/crd/bases/*.yaml", "example/prometheus-operator-crd/*.yaml"),
    *("charts/gateway-helm/crds/generated/*.yaml", "kubernetes/customresourcedefinitions.gen.yaml"),
)


class _Loader(yaml.CSafeLoader):
    """YAML 1.1 gives a lone = a meaning; the operators' lists of operators mean the sign."""


_Loader.add_constructor("tag:yaml.org,2002:value", _Loader.construct_yaml_str)


def main(folder: Path, modules: list[str]) -> None:
    """Write a file for each kind, named as kubeconform looks for it."""
    folder.mkdir(parents=True, exist_ok=True)
    for module in modules:
        found = dict(schemas(_download(module)))
        for name, schema in found.items():
            (folder / f"{name}.json").write_text(json.dumps(schema))
        sys.stdout.write(f"{module}: {len(found)} schemas\n")


def _download(module: str) -> Path:
    command = [program("go") or "go", "mod", "download", "-json", module]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    answer = json.loads(told.stdout or "{}")
    if "Dir" not in answer:
        raise SystemExit(f"{module} cannot be downloaded: {answer.get('Error') or told.stderr}")
    return Path(answer["Dir"])


def schemas(module: Path) -> Iterator[tuple[str, Schema]]:
    """File names and schemas of a module's kinds. Raises SystemExit where there are none."""
    swagger = module / "api/openapi-spec/swagger.json"
    if swagger.exists():
        yield from _kubernetes(json.loads(swagger.read_text())["definitions"])
        return
    files = [file for pattern in _SOURCES for file in module.glob(pattern) if file.name != "kustomization.yaml"]
    if not files:
        raise SystemExit(f"{module} holds no CustomResourceDefinitions where they are looked for: {_SOURCES}")
    for file in files:
        for definition in yaml.load_all(file.read_text(), Loader=_Loader):
            spec = definition["spec"]
            for version in spec["versions"]:
                name = _name(spec["names"]["kind"], spec["group"], version["name"])
                yield name, _as_resource(_closed(version["schema"]["openAPIV3Schema"], {}))


def _kubernetes(definitions: Schema) -> Iterator[tuple[str, Schema]]:
    for definition in definitions.values():
        for kind in definition.get("x-kubernetes-group-version-kind", ()):
            if kind["kind"] in _KINDS and kind["group"] in ("", "apps", "policy", "networking.k8s.io"):
                yield _name(kind["kind"], kind["group"], kind["version"]), _closed(definition, definitions)


def _name(kind: str, group: str, version: str) -> str:
    return "-".join(part for part in (kind.lower(), group.partition(".")[0], version) if part)


def _closed(schema: Any, definitions: Schema) -> Any:
    """The schema with its references resolved and its objects closed, unless they say that they are open."""
    if isinstance(schema, list):
        return [_closed(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _closed(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if schema.get("format") == "int-or-string":
        return {"type": ["string", "integer"]}
    closed: Schema = {}
    for name, value in schema.items():
        if name == "properties":
            closed[name] = {key: _closed(item, definitions) for key, item in value.items()}
        elif name not in ("description", "default", "format"):
            closed[name] = _closed(value, definitions)
    if "properties" in closed and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed


def _as_resource(schema: Schema) -> Schema:
    """With what every object has, of which a definition need not speak."""
    for name in ("apiVersion", "kind"):
        schema["properties"].setdefault(name, {"type": "string"})
    schema["properties"].setdefault("metadata", {"type": "object"})
    return schema


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
