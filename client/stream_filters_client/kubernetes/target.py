"""Where the predictor of an InferenceService is reached, from wherever this process runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from stream_filters_client import errors
from stream_filters_client.kubernetes import cluster
from stream_filters_client.kubernetes.port_forward import Relay
from stream_filters_client.protocol.calls import Patience

T = TypeVar("T")


class Via(StrEnum):
    """The way to the predictor."""

    AUTO = "auto"
    SERVICE = "service"
    PORT_FORWARD = "port-forward"
    ROUTE = "route"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A predictor's gRPC endpoint.

    target: host:port. authority: the name that it goes by, for TLS and for gateways; the host of `target` if None.
    tls: whether it is known to want TLS.
    """

    target: str
    authority: str | None = None
    tls: bool = False

    @property
    def options(self) -> list[tuple[str, Any]]:
        """Options for a client's channel."""
        if self.authority is None:
            return []
        return [("grpc.default_authority", self.authority), ("grpc.ssl_target_name_override", self.authority)]


@contextmanager
def reach(
    name: str,
    namespace: str | None = None,
    via: Via = Via.AUTO,
    *,
    gateway: str | None = None,
    patience: Patience | None = None,
) -> Iterator[Endpoint]:
    """The endpoint of an InferenceService's predictor, for as long as the context lasts.

    namespace: this pod's, or the kubeconfig context's, if None. via: AUTO is SERVICE in a pod, else PORT_FORWARD.
    gateway: host:port to connect to for ROUTE, where the route's host has no address of its own.
    patience: how long to wait for a predictor that is not ready.
    Raises InvalidRequest, Unauthorized, ServerUnavailable.
    """
    if gateway is not None and via is not Via.ROUTE:
        raise errors.InvalidRequest("--target goes with --isvc for --via route alone, as the gateway's address")
    if via is Via.SERVICE or (via is Via.AUTO and cluster.inside()):
        yield Endpoint(f"{service_host(name, namespace or cluster.own_namespace())}:{cluster.GRPC_PORT}")
        return
    api = cluster.Cluster(namespace)
    if via is Via.ROUTE:
        yield _patiently(patience, lambda: _route(api, name, gateway))
        return
    # what is wrong before the first connection is told here; later ones are tried again by the client
    _patiently(patience, lambda: api.inference_service(name))
    _patiently(patience, lambda: api.connect(_find(api, name))).close()
    with Relay(lambda: api.connect(_find(api, name))) as relay:
        yield Endpoint(relay.target, service_host(name, api.namespace))


def service_host(name: str, namespace: str | None) -> str:
    """The DNS name of the predictor's Service. Raises InvalidRequest."""
    if not namespace:
        raise errors.InvalidRequest("--isvc needs a namespace here; name it with -n")
    return f"{name}-predictor.{namespace}.svc.cluster.local"


def _patiently(patience: Patience | None, attempt: Callable[[], T]) -> T:
    for again in (patience or Patience()).attempts():
        with again:
            return attempt()
    raise AssertionError("attempts end with a result or its failure")


def _find(api: cluster.Cluster, name: str) -> cluster.Pod:
    """A pod that is ready now."""
    pods = api.ready_pods(name)
    if not pods:
        why = _not_ready(api.inference_service(name))
        raise errors.ServerUnavailable(
            f"InferenceService {name} in {api.namespace} has no ready predictor pod ({why}); "
            f"see `kubectl describe inferenceservice {name} -n {api.namespace}`, or wait longer with --wait"
        )
    return pods[0]


def _not_ready(service: dict[str, Any]) -> str:
    """Why the InferenceService is not ready, in its own words."""
    conditions = service.get("status", {}).get("conditions", [])
    ready: dict[str, Any] = next((condition for condition in conditions if condition.get("type") == "Ready"), {})
    return str(ready.get("message") or ready.get("reason") or "its status gives no reason")


def _route(api: cluster.Cluster, name: str, gateway: str | None) -> Endpoint:
    service = api.inference_service(name)
    url = urlsplit(service.get("status", {}).get("url", ""))
    if not url.hostname:
        raise errors.ServerUnavailable(
            f"InferenceService {name} in {api.namespace} has no route yet ({_not_ready(service)}); "
            "wait longer with --wait, or use --via port-forward"
        )
    tls = url.scheme == "https"
    port = url.port or (443 if tls else 80)
    return Endpoint(gateway or f"{url.hostname}:{port}", url.hostname, tls)
