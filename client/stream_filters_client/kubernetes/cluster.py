"""What the Kubernetes API tells of an InferenceService, and connections to its pods through it.

Needs the package `kubernetes`, which is imported where it is used: the rest of the client does without.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stream_filters_client import errors

GRPC_PORT = 8081
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TIMEOUT_SECONDS = 10.0
_NO_PACKAGE = (
    "--isvc from outside of the cluster needs the package kubernetes; "
    "install it with: pip install 'stream-filters-client[cluster]'"
)


def inside() -> bool:
    """Whether this process runs in a pod: the kubelet tells every container where the API is."""
    return "KUBERNETES_SERVICE_HOST" in os.environ


def own_namespace() -> str | None:
    """The namespace of the pod that this process runs in, None without a service account."""
    try:
        return (_SERVICE_ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that is ready, and its gRPC port."""

    name: str
    port: int


class Cluster:
    """The API of the cluster that the kubeconfig's current context names, or that this process runs in.

    namespace: to look in; the context's own if None. Every method raises InvalidRequest, Unauthorized or
    ServerUnavailable, the last where the same may succeed later.
    """

    def __init__(self, namespace: str | None = None) -> None:
        try:
            from kubernetes import client, config  # noqa: PLC0415 - an extra, and slow to import
        except ImportError as error:
            raise errors.InvalidRequest(_NO_PACKAGE) from error
        self._configuration = client.Configuration()
        default = own_namespace()
        try:
            if inside() and default is not None:
                config.load_incluster_config(client_configuration=self._configuration)
            else:
                file = os.environ.get("KUBECONFIG")
                config.load_kube_config(config_file=file, client_configuration=self._configuration)
                _, context = config.list_kube_config_contexts(config_file=file)
                default = context["context"].get("namespace")
        except config.ConfigException as error:
            reason = str(error).removesuffix(".")
            raise errors.InvalidRequest(
                f"there is no usable kubeconfig ({reason}); set KUBECONFIG to one with a current context, "
                "or name the predictor's address with --target"
            ) from error
        self.namespace = namespace or default or "default"
        # the callers try again themselves
        self._configuration.retries = False
        api = client.ApiClient(self._configuration)
        self._objects, self._core = client.CustomObjectsApi(api), client.CoreV1Api(api)

    def inference_service(self, name: str) -> dict[str, Any]:
        """The InferenceService, as the API has it."""
        with _told(f"get inferenceservices in {self.namespace}", f"InferenceService {name} in {self.namespace}"):
            found: dict[str, Any] = self._objects.get_namespaced_custom_object(
                "serving.kserve.io", "v1beta1", self.namespace, "inferenceservices", name,
                _request_timeout=_TIMEOUT_SECONDS,
            )  # fmt: skip
        return found

    def ready_pods(self, name: str) -> list[Pod]:
        """The predictor's pods that are ready and not about to end."""
        with _told(f"list pods in {self.namespace}", f"namespace {self.namespace}"):
            pods = self._core.list_namespaced_pod(
                self.namespace,
                label_selector=f"serving.kserve.io/inferenceservice={name},component=predictor",
                _request_timeout=_TIMEOUT_SECONDS,
            )
        return [
            Pod(pod.metadata.name, _grpc_port(pod.spec))
            for pod in pods.items
            if pod.metadata.deletion_timestamp is None
            and any(it.type == "Ready" and it.status == "True" for it in pod.status.conditions or ())
        ]

    def connect(self, pod: Pod) -> "PodPipe":
        """A connection to the pod's gRPC port, through the API."""
        from kubernetes.stream import ws_client  # noqa: PLC0415

        # The package's own PortForward leaves its caller waiting when the websocket is reset: pipes carry it here.
        headers = {it["key"].lower(): it["value"] for it in self._configuration.auth_settings().values()}
        headers["sec-websocket-protocol"] = "v4.channel.k8s.io"
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod.name}/portforward"
        url = ws_client.get_websocket_url(self._configuration.host + path, [("ports", pod.port)])
        with _told(f"get and create pods/portforward in {self.namespace}", f"pod {pod.name} in {self.namespace}"):
            return PodPipe(ws_client.create_websocket(self._configuration, url, headers))


class PodPipe:
    """Bytes to and from a pod's port, over the API's websocket: channel 0 carries them, 1 what went wrong."""

    def __init__(self, websocket: Any) -> None:
        self._websocket = websocket
        # each channel begins with a frame that repeats the port
        self._begun: set[int] = set()

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError when the connection is gone."""
        with _lost():
            self._websocket.send_binary(b"\0" + data)

    def fileno(self) -> int:
        """What to wait on until `receive` has something to read."""
        return int(self._websocket.sock.fileno())

    def pending(self) -> bool:
        """Whether TLS holds bytes that it has decrypted already."""
        connection = self._websocket.sock
        return isinstance(connection, ssl.SSLSocket) and connection.pending() > 0

    def receive(self) -> bytes | None:
        """The next frame's bytes for us, maybe none; None at the end. Raises OSError when the connection is gone."""
        from websocket import ABNF  # noqa: PLC0415

        with _lost():
            opcode, frame = self._websocket.recv_data_frame(True)
        if opcode == ABNF.OPCODE_CLOSE:
            return None
        if opcode != ABNF.OPCODE_BINARY or not frame.data:
            return b""
        channel, data = frame.data[0], bytes(frame.data[1:])
        if channel not in self._begun:
            self._begun.add(channel)
            return b""
        return data if channel == 0 else None

    def close(self) -> None:
        """End the connection."""
        self._websocket.shutdown()


@contextmanager
def _lost() -> Iterator[None]:
    from websocket import WebSocketException  # noqa: PLC0415

    try:
        yield
    except WebSocketException as error:
        raise ConnectionResetError("the API ended the connection") from error


def _grpc_port(spec: Any) -> int:
    ports = (port for container in spec.containers for port in container.ports or ())
    named = (port.container_port for port in ports if (port.name or "").startswith(("grpc", "h2c")))
    return next(named, GRPC_PORT)


@contextmanager
def _told(permission: str, what: str) -> Iterator[None]:
    """Tell a failed request to the API as one of our errors."""
    from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415
    from websocket import WebSocketBadStatusException, WebSocketException  # noqa: PLC0415

    try:
        yield
    except (ApiException, WebSocketBadStatusException) as error:
        status = error.status if isinstance(error, ApiException) else error.status_code
        # 0 is the package's word for TLS that failed
        raise (_refusal(status, permission, what) if status else _away("TLS failed")) from error
    except (HTTPError, WebSocketException, OSError) as error:
        raise _away(type(error).__name__) from error


def _away(reason: str) -> errors.StreamFiltersError:
    return errors.ServerUnavailable(
        f"the Kubernetes API does not answer ({reason}); see whether `kubectl version` reaches it"
    )


def _refusal(status: int, permission: str, what: str) -> errors.StreamFiltersError:
    if status == 404:
        return errors.InvalidRequest(
            f"there is no {what}; see `kubectl get inferenceservices -A`, and name the namespace with -n"
        )
    if status == 401:
        return errors.Unauthorized("the Kubernetes API does not know you; log in again, and see `kubectl auth whoami`")
    if status == 403:
        return errors.Unauthorized(f"you may not {permission}; ask for a Role that allows it, docs/client.md has one")
    return errors.ServerUnavailable(f"the Kubernetes API answered {status} for {what}; try again, or see its log")
