"""What KServe's controller (0.20) does with an InferenceService, held against every variant of the chart."""

from typing import Any

import pytest

from tests.charts.rendering import (
    containers,
    environment,
    objects,
    of_kind,
    only_service,
    predictor_container,
    render,
    service,
)
from tests.charts.variants import VARIANTS

pytestmark = pytest.mark.parametrize("variant", VARIANTS)


def _is_standard(variant: str) -> bool:
    return VARIANTS[variant].get("mode", "Standard") == "Standard"


def test_the_predictors_container_has_kserves_name_and_comes_first(variant: str) -> None:
    predictor = service(variant)["spec"]["predictor"]
    lists = [predictor["containers"]] if "containers" in predictor else []
    lists += [runtime["spec"]["containers"] for runtime in of_kind(variant, "ServingRuntime")]
    assert lists
    assert all(found[0]["name"] == "kserve-container" for found in lists)


def test_no_container_sets_the_python_path_that_kserve_blocks(variant: str) -> None:
    assert not [
        container["name"]
        for container in containers(variant)
        for variable in container.get("env", ())
        if variable["name"] == "PYTHONPATH"
    ]


def test_the_protocol_variable_is_one_that_kserves_webhook_knows(variant: str) -> None:
    assert environment(variant).get("PROTOCOL", "v2") in ("v1", "v2")


def test_every_port_writes_its_protocol_out(variant: str) -> None:
    found = [port for container in containers(variant) for port in container.get("ports", ())]
    assert found
    assert all(port["protocol"] == "TCP" for port in found)


def test_kserve_makes_the_service_with_rest_on_80_and_grpc_on_8081_as_h2c(variant: str) -> None:
    ports = predictor_container(variant)["ports"]
    if not _is_standard(variant):
        assert [(port["name"], port["containerPort"]) for port in ports] == [("h2c", 8081)]
        return
    assert _service_ports(ports) == [("http1", 80, 8080, None), ("grpc", 8081, 8081, "kubernetes.io/h2c")]


def _service_ports(ports: list[dict[str, Any]]) -> list[tuple[str, int, int, str | None]]:
    """As KServe's createDefaultSvc does: the first port becomes 80, the others keep theirs."""
    return [
        (
            port["name"],
            port["containerPort"] if index else 80,
            port["containerPort"],
            "kubernetes.io/h2c" if "grpc" in port["name"] or "h2c" in port["name"] else None,
        )
        for index, port in enumerate(ports)
    ]


def test_no_timeout_ends_a_stream_at_the_gateway_in_standard_mode(variant: str) -> None:
    assert service(variant)["spec"]["predictor"]["timeout"] == (0 if _is_standard(variant) else 600)


def test_every_container_has_all_four_resource_values(variant: str) -> None:
    for container in containers(variant):
        for kind in ("requests", "limits"):
            assert set(container["resources"][kind]) == {"cpu", "memory"}, container["name"]


def test_kserve_finds_no_stranger_among_what_it_owns(variant: str) -> None:
    for found in objects(variant):
        labels = found["metadata"].get("labels", {})
        owned = "serving.kserve.io/inferenceservice" in labels and labels.get("component") == "predictor"
        assert not owned, f"KServe would delete {found['kind']} {found['metadata']['name']}"


def test_no_label_that_changes_with_the_chart_reaches_the_pods(variant: str) -> None:
    found = service(variant)
    labels = {**found["metadata"]["labels"], **found["spec"]["predictor"].get("labels", {})}
    assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(labels)


def test_no_model_is_without_a_folder_to_fetch(variant: str) -> None:
    # KServe takes it for one of many models of a pod, and adds an agent that finds no configuration and ends
    assert service(variant)["spec"]["predictor"].get("model", {"storageUri": "-"}).get("storageUri")


def test_the_pod_itself_says_what_kserves_own_containers_do_not(variant: str) -> None:
    # a restricted namespace refuses the one that fetches a folder over HTTP otherwise
    predictor = service(variant)["spec"]["predictor"]
    if _is_standard(variant):
        assert predictor["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_a_second_replica_leaves_the_pod_of_the_first_as_it_is(variant: str) -> None:
    shared = {"store": {"url": "valkey://host:6379"}, "valkey": {"enabled": False}}
    one, two = (only_service(render({**VARIANTS[variant], **shared, "replicas": count})) for count in (1, 2))
    for found in (one, two):
        del found["spec"]["predictor"]["minReplicas"], found["spec"]["predictor"]["maxReplicas"]
    assert one == two


def test_no_agent_stands_before_the_probes(variant: str) -> None:
    # KServe's agent takes over HTTP and TCP probes alone
    predictor = service(variant)["spec"]["predictor"]
    assert not {"logger", "batcher"} & set(predictor)


def test_readiness_is_asked_in_a_way_that_the_kubelet_can(variant: str) -> None:
    tls = VARIANTS[variant].get("tls", {})
    (handler,) = {"grpc", "httpGet", "exec"} & set(predictor_container(variant)["readinessProbe"])
    assert handler == ("exec" if "clientCaKey" in tls else "httpGet" if tls else "grpc")


def test_a_roll_out_never_has_fewer_pods_than_asked_for(variant: str) -> None:
    strategy = service(variant)["spec"]["predictor"].get("deploymentStrategy")
    if _is_standard(variant):
        assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    else:
        assert strategy is None, "KServe's webhook refuses it in Knative mode"


def test_the_kubelet_waits_for_the_pause_the_drain_and_the_requests_in_flight(variant: str) -> None:
    if not _is_standard(variant):
        assert "terminationGracePeriodSeconds" not in service(variant)["spec"]["predictor"], "Knative sets its own"
        return
    variables = environment(variant)
    pause = predictor_container(variant)["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain, grace = (float(variables[f"STREAM_FILTERS_{name}_SECONDS"] or 0) for name in ("DRAIN", "GRACE"))
    assert pause > 0
    assert service(variant)["spec"]["predictor"]["terminationGracePeriodSeconds"] > pause + drain + grace


def test_the_autoscaler_class_is_said_and_is_one_that_kserve_knows(variant: str) -> None:
    annotations = service(variant)["metadata"]["annotations"]
    if _is_standard(variant):
        assert annotations["serving.kserve.io/autoscalerClass"] in ("none", "hpa", "keda", "external")
    else:
        assert "autoscaling.knative.dev/class" in annotations


def test_the_deployment_mode_is_said(variant: str) -> None:
    mode = service(variant)["metadata"]["annotations"]["serving.kserve.io/deploymentMode"]
    assert mode == VARIANTS[variant].get("mode", "Standard")


def test_knative_is_given_only_what_it_takes(variant: str) -> None:
    if _is_standard(variant):
        return
    predictor = service(variant)["spec"]["predictor"]
    refused = {"terminationGracePeriodSeconds", "securityContext", "initContainers", "topologySpreadConstraints"}
    assert not refused & set(predictor)
    container = predictor_container(variant)
    assert "lifecycle" not in container
    for variable in container["env"]:
        assert not {"fieldRef", "resourceFieldRef"} & set(variable.get("valueFrom", {}))


def test_no_service_can_change_a_setting_by_its_name(variant: str) -> None:
    assert service(variant)["spec"]["predictor"]["enableServiceLinks"] is False


def test_pods_run_without_root_or_a_writable_image(variant: str) -> None:
    security = predictor_container(variant)["securityContext"]
    assert security["runAsNonRoot"]
    assert security["readOnlyRootFilesystem"]
    assert not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]}
