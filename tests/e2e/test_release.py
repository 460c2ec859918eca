"""The chart's release as KServe runs it."""

import itertools
import json
import subprocess
import urllib.request

import numpy as np
from stream_filters_client import Patience, StreamClient

from tests.e2e.cluster import RELEASE, ROOT, Cluster, until

MODELS = ("streaming_kalman", "online_ar_learning", "adaptive_mixture")


def test_the_release_passes_its_own_tests(cluster: Cluster) -> None:
    assert "Succeeded" in cluster.chart("test", RELEASE, "--logs")


def test_kserves_service_has_rest_on_80_and_grpc_on_8081(cluster: Cluster) -> None:
    ports = cluster.get("service", f"{RELEASE}-predictor")["spec"]["ports"]
    found = [(port["port"], port["targetPort"], port.get("appProtocol")) for port in ports]
    assert found == [(80, 8080, None), (8081, 8081, "kubernetes.io/h2c")]


def test_the_headless_service_knows_every_pod(cluster: Cluster) -> None:
    slices = cluster.get("endpointslices", "-l", f"kubernetes.io/service-name={RELEASE}-pods")["items"]
    addresses = {address for found in slices for endpoint in found["endpoints"] for address in endpoint["addresses"]}
    assert addresses == {pod["status"]["podIP"] for pod in cluster.predictor_pods()}


def test_every_model_answers_through_a_port_forward(cluster: Cluster) -> None:
    with cluster.forwarded(f"service/{RELEASE}-predictor", 8081) as target, StreamClient(target) as client:
        assert client.check(MODELS).passed


def test_metrics_count_observations(cluster: Cluster) -> None:
    pod = cluster.predictor_pods()[0]["metadata"]["name"]
    with cluster.forwarded(f"pod/{pod}", 8080) as target:
        text = urllib.request.urlopen(f"http://{target}/metrics", timeout=10).read().decode()
    assert "stream_filters_observations_total" in text


def test_kserves_webhook_admits_every_manifest(cluster: Cluster) -> None:
    for folder in ("manifests", "manifests/with-valkey"):
        command = ("apply", "--dry-run=server", "-n", cluster.namespace, "-f", str(ROOT / folder), "-o", "name")
        assert "inferenceservice.serving.kserve.io/stream-filters" in cluster.kube(*command)


def test_a_stream_goes_on_to_the_same_bits_when_its_pod_is_deleted(cluster: Cluster) -> None:
    observations = np.random.default_rng(7).normal(size=60).cumsum()
    with cluster.forwarded(f"service/{RELEASE}-predictor", 8081) as target, StreamClient(target) as client:
        whole = client.infer("streaming_kalman", observations)
        with client.stream("streaming_kalman", keep=True) as stream:
            first = stream.send(observations[:30])
            name = stream.sequence_id
    gone = cluster.predictor_pods()[0]["metadata"]["name"]
    cluster.kube("delete", "pod", "-n", cluster.namespace, gone, "--wait=true")
    cluster.wait_until_ready()
    with cluster.forwarded(f"service/{RELEASE}-predictor", 8081) as target:
        client = StreamClient(target, patience=Patience(first_seconds=60))
        with client, client.stream("streaming_kalman", sequence_id=name, offset=30) as stream:
            second = stream.send(observations[30:])
    for output in ("position_mean", "log_evidence"):
        joined = np.concatenate([first[output], second[output]])
        assert np.array_equal(joined, whole[output], equal_nan=True)


def test_an_unchanged_upgrade_restarts_no_pod(cluster: Cluster) -> None:
    before = {pod["metadata"]["uid"] for pod in cluster.predictor_pods()}
    cluster.install()
    assert {pod["metadata"]["uid"] for pod in cluster.predictor_pods()} == before


def test_kserve_keeps_what_the_chart_made(cluster: Cluster) -> None:
    for kind, name in (("service", f"{RELEASE}-pods"), ("statefulset", f"{RELEASE}-valkey")):
        assert cluster.get(kind, name)["metadata"]["name"] == name


def test_two_replicas_share_every_stream(cluster: Cluster) -> None:
    cluster.install(replicas="2")
    until(lambda: len(cluster.predictor_pods()) == 2)
    names = [pod["metadata"]["name"] for pod in cluster.predictor_pods()]
    with cluster.forwarded(f"pod/{names[0]}", 8081) as one, cluster.forwarded(f"pod/{names[1]}", 8081) as other:
        stream_id = f"shared-{names[0]}"
        for turn, target in zip(range(6), itertools.cycle((one, other)), strict=False):
            with StreamClient(target) as client:
                offset = turn or None
                with client.stream("adaptive_mixture", sequence_id=stream_id, keep=turn < 5, offset=offset) as stream:
                    assert stream.send([float(turn)]).next_offset == turn + 1


def test_replicas_without_a_shared_store_are_refused_before_anything_changes(cluster: Cluster) -> None:
    command = [cluster.helm, "upgrade", RELEASE, str(ROOT / "charts/stream-filters"), "-n", cluster.namespace]
    command += ["--kube-context", cluster.context, "--set", "replicas=2,valkey.enabled=false"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "more than one replica needs a shared store" in told.stderr
    assert json.loads(cluster.chart("status", RELEASE, "-o", "json"))["info"]["status"] == "deployed"
