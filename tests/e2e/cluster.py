"""One release of the chart in one namespace, driven with kubectl and Helm."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

ROOT = Path(__file__).parents[2]
VERSION = (ROOT / "VERSION").read_text().strip()
RELEASE = "e2e"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster with KServe, and the release under test in it."""

    helm: str
    kubectl: str
    context: str
    namespace: str

    @classmethod
    def from_environment(cls) -> "Cluster":
        """The cluster that the environment names. Fails the test where there is none, or no KServe in it."""
        helm = ROOT / ".tools/bin/helm"
        kubectl = shutil.which("kubectl")
        if not helm.exists() or kubectl is None:
            pytest.fail("kubectl or Helm is missing: install kubectl, and run `make tools` for Helm")
        context = os.environ.get("E2E_CONTEXT") or _run(kubectl, "config", "current-context").strip()
        cluster = cls(str(helm), kubectl, context, os.environ.get("E2E_NAMESPACE", "stream-filters-e2e"))
        if "inferenceservices" not in cluster.kube("api-resources", "--api-group=serving.kserve.io", "-o", "name"):
            pytest.fail(f"context {context} has no KServe: make kserve-install, or name another with E2E_CONTEXT")
        return cluster

    def kube(self, *arguments: str) -> str:
        """What kubectl answers."""
        return _run(self.kubectl, "--context", self.context, *arguments)

    def get(self, *arguments: str) -> Any:
        """Objects of the release's namespace."""
        return json.loads(self.kube("get", "-n", self.namespace, "-o", "json", *arguments))

    def chart(self, *arguments: str) -> str:
        """A Helm command in the release's namespace."""
        return _run(self.helm, "--kube-context", self.context, "--namespace", self.namespace, *arguments)

    def install(self, **values: str) -> None:
        """Install or change the release, and wait until KServe says that it is ready."""
        images = {
            "image": os.environ.get("E2E_IMAGE", f"stream-filters:{VERSION}"),
            "clientImage": os.environ.get("E2E_CLIENT_IMAGE", f"stream-filters-client:{VERSION}"),
        }
        # a small node has room for two pods of this
        small = {"resources.requests.cpu": "100m", "valkey.resources.requests.cpu": "50m"}
        sets = {"valkey.enabled": "true", "headlessService.enabled": "true", **small, **values}
        if valkey := os.environ.get("E2E_VALKEY_IMAGE"):
            sets["valkey.image"] = valkey
        for name, image in images.items():
            sets[f"{name}.repository"], _, sets[f"{name}.tag"] = image.rpartition(":")
        options = [part for name, value in sets.items() for part in ("--set", f"{name}={value}")]
        self.chart("upgrade", "--install", RELEASE, str(ROOT / "charts/stream-filters"), "--create-namespace", *options)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait for the roll-out and for KServe's word; explain where they do not come."""
        try:
            self.kube("rollout", "status", "-n", self.namespace, f"statefulset/{RELEASE}-valkey", "--timeout=5m")
            until(lambda: self.get("deployments", "-l", f"serving.kserve.io/inferenceservice={RELEASE}")["items"])
            self.kube("rollout", "status", "-n", self.namespace, f"deployment/{RELEASE}-predictor", "--timeout=5m")
            ready = ("wait", "-n", self.namespace, "--for=condition=Ready", f"inferenceservice/{RELEASE}")
            self.kube(*ready, "--timeout=5m")
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self._explanation()}") from failure

    def _explanation(self) -> str:
        told = [self.kube("get", "pods,events", "-n", self.namespace)]
        for pod in self.get("pods")["items"]:
            with contextlib.suppress(AssertionError):
                told.append(self.kube("logs", "-n", self.namespace, pod["metadata"]["name"], "--tail=30"))
        return "\n".join(told)

    def remove(self) -> None:
        """Take everything away again."""
        self.kube("delete", "namespace", self.namespace, "--wait=true", "--timeout=3m")

    def predictor_pods(self) -> list[Any]:
        """The predictor's pods that are not on their way out."""
        labels = f"serving.kserve.io/inferenceservice={RELEASE},component=predictor"
        return [pod for pod in self.get("pods", "-l", labels)["items"] if "deletionTimestamp" not in pod["metadata"]]

    @contextlib.contextmanager
    def forwarded(self, what: str, port: int) -> Iterator[str]:
        """host:port on this machine that leads to a port of a pod or Service."""
        command = [self.kubectl, "--context", self.context, "port-forward", "-n", self.namespace, what, f":{port}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                found = re.search(r"Forwarding from (127\.0\.0\.1:\d+)", line)
                assert found is not None, line
                yield found[1]
            finally:
                process.terminate()


def until(look: Callable[[], T], seconds: float = 60.0) -> T:
    """What `look` finds, asked until it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.5)
    return found


def _run(*command: str) -> str:
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, f"{' '.join(command)}\n{told.stdout}{told.stderr}"
    return told.stdout
