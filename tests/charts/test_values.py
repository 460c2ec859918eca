"""The chart's values: closed, described, and refused with a reason where they cannot work."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from stream_filters.command_line import read_settings
from stream_filters.filters import REGISTRY

from tests.charts.rendering import CHART, environment, refusal, render, rendered, script
from tests.charts.variants import VARIANTS, Values


def test_the_readme_and_the_schema_are_those_of_the_values() -> None:
    for file, text in script("chart_docs").written().items():
        assert file.read_text() == text, f"{file.name} is not what values.yaml says; run `make chart-docs`"


def test_a_value_without_a_description_is_refused() -> None:
    with pytest.raises(ValueError, match=r"store\.url has no description"):
        list(script("chart_docs").read_values("store:\n  url: memory://\n"))


def _objects(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield path, schema
        for name, value in schema.items():
            yield from _objects(value, f"{path}/{name}")
    elif isinstance(schema, list):
        for item in schema:
            yield from _objects(item, path)


def test_no_object_of_the_schema_takes_unknown_keys() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    for path, found in _objects(schema):
        if path != "/properties/global":
            assert found.get("additionalProperties") in (False, {"type": "string"}), path


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"replica": 2}, "replica"),
        ({"store": {"uri": "memory://"}}, "uri"),
        ({"valkey": {"persistence": {"sizes": "1Gi"}}}, "sizes"),
        ({"settings": {"ttl_second": 5}}, "ttl_second"),
        ({"models": [{"name": "a", "filter": "streaming_kalman", "configuration": {}}]}, "configuration"),
        ({"models": [{"name": "a", "filter": "streaming_kalman", "config": {"intervall": 0.9}}]}, "intervall"),
    ],
)
def test_a_misspelt_value_fails_the_install_by_its_name(values: Values, named: str) -> None:
    assert named in refusal(values)


@pytest.mark.parametrize(
    "values",
    [
        {"replicas": 0},
        {"replicas": "2"},
        {"mode": "RawDeployment"},
        {"store": {"url": "sqlite:///data/streams.db"}},
        {"models": [{"name": "a", "filter": "no_such_filter"}]},
        {"models": [{"name": "a", "filter": "streaming_kalman", "config": {"interval": 1.5}}]},
        {"settings": {"log_level": "loud"}},
        {"settings": {"grpc_port": 9000}},
        {"resources": {"limits": {"cpu": "much"}}},
        {"autoscaling": {"class": "kpa"}},
        {"name": "Tracker"},
    ],
)
def test_a_value_that_cannot_work_fails_the_install(values: Values) -> None:
    assert "values don't meet the specifications of the schema" in refusal(values)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"replicas": 2}, "more than one replica needs a shared store"),
        ({"autoscaling": {"class": "hpa"}}, "more than one replica needs a shared store"),
        ({"mode": "Knative", "replicas": 2}, "more than one replica needs a shared store"),
        ({"valkey": {"enabled": True}, "store": {"secretName": "s"}}, "the streams can be in one of them"),
        ({"store": {"url": "valkey://host", "secretName": "s"}}, "leave one of them"),
        ({"runtime": {"storageUri": "s3://bucket"}}, "needs runtime.enabled"),
        ({"runtime": {"enabled": True}, "mode": "Knative"}, "Knative takes one"),
        ({"mode": "Knative", "autoscaling": {"class": "external", "maxReplicas": 1}}, "needs mode Standard"),
        ({"mode": "Knative", "monitor": {"kind": "PodMonitor"}}, "need mode Standard"),
        ({"mode": "Knative", "headlessService": {"enabled": True}}, "need mode Standard"),
        ({"mode": "Knative", "tls": {"secretName": "tls"}}, "let the gateway end TLS"),
        ({"tls": {"secretName": "tls", "clientCaKey": "ca.crt"}}, "no pod becomes ready"),
    ],
)
def test_values_that_contradict_each_other_are_refused_with_the_reason(values: Values, reason: str) -> None:
    assert reason in " ".join(refusal(values).split())


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_predictor_takes_the_environment_that_it_is_given(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(variant).items():
        # files are checked to be there, and are not here
        if not name.endswith("_FILE") and value is not None:
            monkeypatch.setenv(name, value)
    settings = read_settings([])
    values = VARIANTS[variant]
    assert [model.name for model in settings.models] == [model["name"] for model in values.get("models", ())] or [
        *REGISTRY
    ]
    for name, value in values.get("settings", {}).items():
        assert getattr(settings, name) == value


def test_a_large_setting_keeps_its_digits() -> None:
    text = render({"settings": {"ttl_seconds": 31_536_000, "max_streams": 20_000_000, "store_check_seconds": 0.25}})
    assert 'value: "31536000"' in text
    assert 'value: "20000000"' in text
    assert 'value: "0.25"' in text


@pytest.mark.parametrize(("cpu", "threads"), [("2", 2), ("2500m", 3), ("500m", 1), ("0.5", 1), (".5", 1)])
def test_the_predictor_has_a_thread_for_each_core_of_its_limit(cpu: str, threads: int) -> None:
    text = render({"resources": {"limits": {"cpu": cpu}}})
    assert f'name: STREAM_FILTERS_COMPUTE_THREADS\n            value: "{threads}"' in text


@pytest.mark.parametrize(
    "variant", [name for name, values in VARIANTS.items() if "password" in name or "secret" in name]
)
def test_no_password_is_written_into_the_manifests(variant: str) -> None:
    assert "kind: Secret\n" not in rendered(variant)
    store = environment(variant)["STREAM_FILTERS_STORE"]
    assert store is None or ":$(VALKEY_PASSWORD)@" in store
