"""The steps to a cluster, with stand-ins that record how kind, kubectl and Helm were called."""

import subprocess
from pathlib import Path

import pytest

from tests.charts.rendering import ROOT

_VERSIONS = {
    "IMAGE": "stream-filters:1",
    "CLIENT_IMAGE": "stream-filters-client:1",
    "KSERVE_VERSION": "v0.20.0",
    "CERT_MANAGER_VERSION": "v1.21.2",
}


class _Machine:
    """A folder of stand-ins, and the calls that they took; `answers` is what a tool prints for a call."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.log = folder / "calls"
        self.log.touch()

    def has(self, tool: str, body: str) -> None:
        script = self._folder / tool
        script.write_text(f'#!/bin/bash\necho "{tool} $*" >>{self.log}\n{body}\n')
        script.chmod(0o755)

    def run(self, step: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self._folder}:/usr/bin:/bin", "HOME": str(self._folder), **_VERSIONS, **variables}
        return subprocess.run(
            [str(ROOT / "deploy/kind"), step], env=environment, capture_output=True, text=True, check=False
        )

    def called(self, beginning: str) -> bool:
        return any(line.startswith(beginning) for line in self.log.read_text().splitlines())


@pytest.fixture
def machine(tmp_path: Path) -> _Machine:
    found = _Machine(tmp_path)
    found.has("kind", "echo other")
    # no deployment is available, no definition is there
    found.has("kubectl", '[[ "$*" == *" get "* ]] && exit 1; exit 0')
    found.has("helm", "")
    found.has("docker", "")
    return found


def test_a_cluster_is_made_where_there_is_none(machine: _Machine) -> None:
    assert machine.run("up").returncode == 0
    assert machine.called("kind create cluster --name stream-filters")


def test_a_cluster_that_is_there_is_used(machine: _Machine) -> None:
    machine.has("kind", "echo stream-filters")
    assert machine.run("up").returncode == 0
    assert not machine.called("kind create")


def test_kserve_is_installed_where_there_is_none(machine: _Machine) -> None:
    told = machine.run("kserve")
    assert told.returncode == 0, told.stderr
    for release in ("cert-manager", "kserve-crd", "kserve"):
        assert machine.called(f"helm --kube-context kind-stream-filters upgrade --install {release} ")


def test_a_kserve_that_is_there_is_used(machine: _Machine) -> None:
    machine.has("kubectl", '[[ "$*" == *availableReplicas* ]] && echo 1; exit 0')
    assert machine.run("kserve").returncode == 0
    assert not machine.called("helm")


def test_a_failed_install_shows_pods_and_events_and_fails(machine: _Machine) -> None:
    machine.has("helm", "exit 1")
    told = machine.run("kserve")
    assert told.returncode != 0
    assert "--- pods and events in cert-manager" in told.stderr
    assert machine.called("kubectl --context kind-stream-filters get events -n cert-manager")


def test_an_image_that_is_missing_is_named_before_anything_is_loaded(machine: _Machine) -> None:
    machine.has("docker", "exit 1")
    told = machine.run("load")
    assert told.returncode != 0
    assert "make image-build" in told.stderr
    assert not machine.called("kind load")


def test_both_images_are_loaded(machine: _Machine) -> None:
    assert machine.run("load").returncode == 0
    for image in ("stream-filters:1", "stream-filters-client:1"):
        assert machine.called(f"kind load docker-image --name stream-filters {image}")


def test_only_a_cluster_that_is_there_is_ended(machine: _Machine) -> None:
    assert machine.run("down").returncode == 0
    assert not machine.called("kind delete")
    machine.has("kind", "echo stream-filters")
    assert machine.run("down").returncode == 0
    assert machine.called("kind delete cluster --name stream-filters")


# a replay whose answers come one by one; `cut` holds what it says when its pod has been killed
_CLIENT = """
output=; while (($#)); do [[ $1 == --output ]] && output=$2; shift; done
[[ -n $output ]] || exit 0
for line in $(seq 150); do echo "answer $line" >>"$output"; [[ $output == *broken ]] && sleep 0.01; done
[[ $output == *broken ]] && until grep -q 'kubectl .* delete pod' {log}; do sleep 0.05; done
[[ $output == *broken ]] && echo {cut}
echo "answer 151{end}" >>"$output"
"""


def _chaos(machine: _Machine, cut: str, end: str = "") -> subprocess.CompletedProcess[str]:
    machine.has("kubectl", "exit 0")
    machine.has("stream-filters", _CLIENT.format(log=machine.log, cut=cut, end=end))
    return machine.run("demo", CHAOS="1")


def test_chaos_kills_the_pod_without_grace_once_answers_flow(machine: _Machine) -> None:
    told = _chaos(machine, "trying again: 1 times so far")

    assert told.returncode == 0, told.stderr
    assert machine.called("kubectl --context kind-stream-filters delete pod")
    assert "--grace-period=0 --force" in machine.log.read_text()
    assert "151 answers, the same to the bit" in told.stdout


def test_chaos_that_cut_no_stream_shows_nothing_and_fails(machine: _Machine) -> None:
    told = _chaos(machine, "all went well")

    assert told.returncode != 0
    assert "no stream was cut" in told.stderr


def test_chaos_with_other_answers_fails(machine: _Machine) -> None:
    told = _chaos(machine, "trying again", end="$( [[ $output == *broken ]] && echo other )")

    assert told.returncode != 0
    assert "the answers differ" in told.stderr
