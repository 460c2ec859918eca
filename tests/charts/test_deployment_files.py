"""Scripts, compose file and monitoring configuration, as far as they can be checked without what they drive."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client import REGISTRY
from pydantic import SecretStr
from stream_filters.command_line import read_settings

from tests.charts.rendering import CHART, ROOT
from tests.pinned_tools import program, tool

SCRIPTS = [file for file in (ROOT / "deploy").iterdir() if file.is_file() and file.read_text().startswith("#!")]
SHELL = [file for file in SCRIPTS if "sh" in file.read_text().partition("\n")[0]]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())


@pytest.mark.parametrize("script", SHELL, ids=lambda script: script.name)
def test_shell_scripts_are_without_fault(script: Path) -> None:
    told = subprocess.run([program("shellcheck"), str(script)], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_can_be_run(script: Path) -> None:
    assert script.stat().st_mode & 0o111


@pytest.mark.parametrize("script", ["demo", "kind"])
def test_a_script_says_its_verbs_when_it_is_given_none(script: str) -> None:
    versions = {"IMAGE": "i:1", "CLIENT_IMAGE": "c:1", "KSERVE_VERSION": "v0", "CERT_MANAGER_VERSION": "v1"}
    environment = {"PATH": "/usr/bin:/bin", **versions}
    told = subprocess.run([str(ROOT / "deploy" / script)], env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "up | kserve" in told.stderr or "run | status" in told.stderr


def test_every_container_waits_for_the_health_of_what_it_needs() -> None:
    services = COMPOSE["services"]
    assert services["client"]["depends_on"] == {"predictor": {"condition": "service_healthy"}}
    assert services["predictor"]["depends_on"] == {"valkey": {"condition": "service_healthy"}}
    for name in ("predictor", "valkey"):
        assert "healthcheck" in services[name]


def test_every_file_that_compose_mounts_is_there() -> None:
    mounts = [mount for service in COMPOSE["services"].values() for mount in service.get("volumes", ())]
    sources = [ROOT / mount.partition(":")[0] for mount in mounts if mount.startswith("./")]
    assert sources
    assert all(source.exists() for source in sources)


def test_the_predictor_takes_the_settings_that_compose_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = COMPOSE["services"]["predictor"]["environment"]
    for name, value in variables.items():
        monkeypatch.setenv(name, re.sub(r"\$\{\w+:-(\w+)\}", r"\1", value))
    settings = read_settings([])
    for name, value in variables.items():
        taken = getattr(settings, name.removeprefix("STREAM_FILTERS_").lower())
        assert str(taken.get_secret_value() if isinstance(taken, SecretStr) else taken) in value


def _expressions() -> list[tuple[str, str]]:
    dashboard = json.loads((CHART / "files/dashboard.json").read_text())
    shown = [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel["targets"]]
    alerts = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
    return shown + [(rule["alert"], rule["expr"]) for group in alerts["groups"] for rule in group["rules"]]


@pytest.mark.parametrize(("title", "expression"), _expressions())
def test_panels_and_alerts_ask_for_metrics_that_the_predictor_has(title: str, expression: str) -> None:
    import kserve.metrics  # noqa: F401, PLC0415
    import stream_filters.telemetry  # noqa: F401, PLC0415

    known = {metric.name for metric in REGISTRY.collect()} | {"up"}
    asked = re.findall(r"\b([a-z_]+)\{", expression)
    assert asked, title
    assert {re.sub(r"_(total|bucket|count|sum)$", "", metric) for metric in asked} <= known


@pytest.mark.parametrize(("title", "expression"), _expressions())
def test_the_brackets_of_an_expression_close(title: str, expression: str) -> None:
    plain = re.sub(r'"[^"]*"', '""', expression)
    open_brackets: list[str] = []
    for sign in plain:
        if sign in "([{":
            open_brackets.append(sign)
        elif sign in ")]}":
            assert open_brackets.pop() + sign in ("()", "[]", "{}"), title
    assert not open_brackets


def test_every_alert_has_a_wait_a_severity_and_a_sentence() -> None:
    alerts = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
    operations = (ROOT / "docs/operations.md").read_text()
    for rule in (rule for group in alerts["groups"] for rule in group["rules"]):
        assert rule["for"]
        assert rule["labels"]["severity"] in ("info", "warning", "critical")
        assert rule["annotations"]["summary"]
        assert rule["alert"] in operations, f"docs/operations.md does not say what {rule['alert']} means"


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    dashboard = json.loads((CHART / "files/dashboard.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def _kserves_chart() -> Path:
    versions = (ROOT / "make/versions.mk").read_text()
    version = re.search(r"^KSERVE_VERSION \?= (\S+)$", versions, re.MULTILINE)
    assert version is not None
    command = [program("go"), "mod", "download", "-json", f"github.com/kserve/kserve@{version[1]}"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    return Path(json.loads(told.stdout)["Dir"]) / "charts/kserve-resources"


def test_kserve_is_installed_for_plain_kubernetes() -> None:
    command = [tool("helm"), "template", "kserve", str(_kserves_chart()), "--values", "deploy/kserve-values.yaml"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = [one for one in yaml.load_all(told.stdout, Loader=yaml.CSafeLoader) if one]
    config = next(one["data"] for one in found if one["metadata"]["name"] == "inferenceservice-config")
    assert json.loads(config["deploy"])["defaultDeploymentMode"] == "Standard"
    ingress = json.loads(config["ingress"])
    assert ingress["disableIngressCreation"]
    assert ingress["disableIstioVirtualHost"]
    controller = next(
        one for one in found if one["metadata"]["name"] == "kserve-controller-manager" and one["kind"] == "Deployment"
    )
    policies = {
        container["imagePullPolicy"]
        for container in controller["spec"]["template"]["spec"]["containers"]
        if container["name"] == "manager"
    }
    assert policies == {"IfNotPresent"}
