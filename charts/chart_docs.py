"""Write the chart's README.md and values.schema.json from the comments of its values.yaml."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from stream_filters.filters import REGISTRY
from stream_filters.settings import Settings

CHART = Path(__file__).parent / "stream-filters"
Schema = dict[str, Any]

# Settings that other values decide.
_DECIDED = (
    *("host", "grpc_port", "http_port", "models", "store", "drain_seconds", "grace_seconds"),
    *("tls_cert_file", "tls_key_file", "tls_client_ca_file", "token_file"),
)
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
_KEY = re.compile(r"^(?P<indent> *)(?P<name>[A-Za-z]+):")

_HEAD = """# stream-filters

{description}.

    helm install demo charts/stream-filters --wait
    helm test demo

The defaults make one InferenceService and nothing else; every other object is a value away. How to size, scale, secure
and watch it is in [docs/deploy.md](../../docs/deploy.md) and [docs/operations.md](../../docs/operations.md).

A key that is not in these tables, or a value of the wrong kind, fails the install.

## Values

| key | type | default | what it does |
|---|---|---|---|
{values}

## Settings of the predictor

Under `settings`, by their own names. Addresses, models, store, TLS, token and shutdown have values of their own above.

| key | type | default | what it does |
|---|---|---|---|
{settings}
"""


@dataclass(frozen=True, slots=True)
class Value:
    """One key of values.yaml: its path, what its comment says, what its hint adds, its default."""

    path: tuple[str, ...]
    description: str
    hint: Any
    default: Any


def main() -> None:
    """Write both files."""
    for file, text in written().items():
        file.write_text(text)


def written() -> dict[Path, str]:
    """The generated files and what they are to hold."""
    values = list(read_values((CHART / "values.yaml").read_text()))
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", **schema_of(values)}
    return {
        CHART / "values.schema.json": json.dumps(schema, indent=2) + "\n",
        CHART / "README.md": _readme(values),
    }


def read_values(text: str) -> Iterator[Value]:
    """The keys of a values file that hold a default. Raises ValueError where one has no description."""
    defaults = yaml.safe_load(text)
    path: list[str] = []
    comments: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("# "):
            comments.append(line.lstrip()[2:])
            continue
        key = _KEY.match(line)
        if key is not None:
            path[len(key["indent"]) // 2 :] = [key["name"]]
            default = defaults
            for name in path:
                default = default[name]
            described = " ".join(comment[3:] for comment in comments if comment.startswith("-- "))
            hints = [comment.removeprefix("@schema: ") for comment in comments if comment.startswith("@schema: ")]
            if described:
                yield Value(tuple(path), described, yaml.safe_load(hints[0]) if hints else {}, default)
            elif not isinstance(default, dict) or not default:
                raise ValueError(f"{'.'.join(path)} has no description: put a comment `# -- ...` above it")
        comments.clear()


def schema_of(values: list[Value]) -> Schema:
    """A schema that admits these keys alone."""
    root: Schema = {"type": "object", "properties": {}, "additionalProperties": False}
    # Helm hands a chart's globals to it whether it wants them or not
    root["properties"]["global"] = {"type": "object", "maxProperties": 0}
    for value in values:
        node = root
        for name in value.path[:-1]:
            empty = {"type": "object", "properties": {}, "additionalProperties": False}
            node = node["properties"].setdefault(name, empty)
        node["properties"][value.path[-1]] = _leaf(value)
    return root


def _leaf(value: Value) -> Schema:
    described = {"description": value.description}
    if isinstance(value.hint, str):
        return {**described, **_NAMED[value.hint]()}
    kind = {} if "enum" in value.hint else {"type": _TYPES[type(value.default)]}
    if kind.get("type") == "object" and "additionalProperties" not in value.hint:
        raise ValueError(f"{'.'.join(value.path)} is an open object: say what it may hold with `# @schema:`")
    return {**described, **kind, **value.hint}


def _settings() -> Schema:
    """The predictor's own settings, less those that other values decide."""
    properties = Settings.model_json_schema()["properties"]
    own = {name: _plain(schema, {}) for name, schema in properties.items() if name not in _DECIDED}
    return {"type": "object", "properties": own, "additionalProperties": False}


def _models() -> Schema:
    """Models as the predictor reads them, each config as its filter declares it."""
    whole = Settings.model_json_schema()
    model = _plain(whole["properties"]["models"]["items"], whole["$defs"])
    properties: Schema = model["properties"]
    properties["filter"]["enum"] = list(REGISTRY)
    properties["config"] = {"description": properties["config"]["description"]}
    configs = []
    for name, kind in REGISTRY.items():
        config = kind.config_type.model_json_schema()
        definitions = config.pop("$defs", {})
        configs.append(
            {
                "if": {"properties": {"filter": {"const": name}}},
                "then": {"properties": {"config": _plain(config, definitions)}},
            }
        )
    return {"type": "array", "items": {**model, "allOf": configs}}


def _tolerations() -> Schema:
    texts = {name: {"type": "string"} for name in ("key", "operator", "value", "effect")}
    one = {**texts, "tolerationSeconds": {"type": "integer"}}
    return {"type": "array", "items": {"type": "object", "properties": one, "additionalProperties": False}}


def _egress() -> Schema:
    """Rules as a NetworkPolicy has them."""
    rule = {"to": {"type": "array"}, "ports": {"type": "array"}}
    return {"type": "array", "items": {"type": "object", "properties": rule, "additionalProperties": False}}


_NAMED = {"egress": _egress, "settings": _settings, "models": _models, "tolerations": _tolerations}


def _plain(schema: Any, definitions: Schema) -> Any:
    """pydantic's schema with its references resolved, without its titles, and without null: Helm drops those keys."""
    if isinstance(schema, list):
        return [_plain(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        rest = {name: value for name, value in schema.items() if name != "$ref"}
        return _plain({**definitions[schema["$ref"].rpartition("/")[2]], **rest}, definitions)
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
        return _plain({**kinds[0], **rest}, definitions)
    unwanted = ("title", "discriminator") if not isinstance(schema.get("title"), dict) else ()
    return {name: _plain(value, definitions) for name, value in schema.items() if name not in unwanted}


def _readme(values: list[Value]) -> str:
    description = yaml.safe_load((CHART / "Chart.yaml").read_text())["description"]
    rows = [_row(".".join(value.path), _leaf(value), value.default) for value in values]
    settings = [
        _row(f"settings.{name}", schema, schema.get("default")) for name, schema in _settings()["properties"].items()
    ]
    return _HEAD.format(description=description, values="\n".join(rows), settings="\n".join(settings))


def _row(key: str, schema: Schema, default: Any) -> str:
    kind = " or ".join(f"`{json.dumps(choice)}`" for choice in schema["enum"]) if "enum" in schema else schema["type"]
    shown = "" if default is None else f"`{json.dumps(default)}`"
    return f"| `{key}` | {kind} | {shown} | {schema['description']} |"


if __name__ == "__main__":
    main()
