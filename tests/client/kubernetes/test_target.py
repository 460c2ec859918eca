"""The predictor found by the name of its InferenceService, through a Kubernetes API on a real socket."""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stream_filters_client import cli, errors
from stream_filters_client.kubernetes import cluster
from stream_filters_client.kubernetes.target import Endpoint, Via, reach
from stream_filters_client.protocol.calls import Patience
from stream_filters_client.stream import StreamClient

from tests.authority import Authority
from tests.client.fake_cluster import FakeCluster, tls_front
from tests.client.fake_predictor import FakePredictor

ONCE = Patience(retry_seconds=0)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    fake = FakeCluster()
    with fake.serving():
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        monkeypatch.setenv("KUBECONFIG", str(fake.kubeconfig(tmp_path / "kubeconfig")))
        yield fake


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["stream-filters", *arguments])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        return (int(exit_.value.code or 0), *capsys.readouterr())

    monkeypatch.setenv("COLUMNS", "120")
    return run


def test_every_command_reaches_the_pod_by_its_inference_service(
    api: FakeCluster, predictor: FakePredictor, run: Run, tmp_path: Path
) -> None:
    api.add_pod("demo-1", predictor.port)
    by_name = ("--isvc", "demo", "-n", "team")
    code, out, _ = run("check", *by_name)
    assert (code, "InferenceService demo in team is ready" in out) == (0, True)
    assert run("list", "--isvc", "demo")[0] == 0
    files = [tmp_path / name for name in ("named", "direct")]
    for file, where in zip(files, (by_name, ("--target", predictor.target)), strict=True):
        assert run("replay", "kalman-demo", "-q", "--length", "200", "--output", str(file), *where)[0] == 0
    assert files[0].read_bytes() == files[1].read_bytes() != b""
    assert set(api.connected) == {"demo-1"}
    assert api.authorizations == {"Bearer secret"}


def test_a_stream_goes_on_when_its_pod_is_deleted(api: FakeCluster, predictor: FakePredictor) -> None:
    # both pods hold the same streams, as over a shared store
    api.add_pod("demo-1", predictor.port)
    with (
        reach("demo") as endpoint,
        StreamClient(endpoint.target, options=endpoint.options) as client,
        client.stream("streaming_kalman") as stream,
    ):
        stream.send([1.0, 2.0])
        api.delete_pod("demo-1")
        api.add_pod("demo-2", predictor.port)
        api.add_pod("demo-0", predictor.port)
        api.ending.add("demo-0")
        stream.send([3.0])
        assert stream.offset == 3
    assert predictor.applied == 3
    assert api.connected[0] == "demo-1"
    assert api.connected[-1] == "demo-2"
    assert "demo-0" not in api.connected


def test_an_api_over_tls_with_an_authority_of_its_own(
    api: FakeCluster, predictor: FakePredictor, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority")
    api.add_pod("demo-1", predictor.port)
    with tls_front(api.port, *authority.issue("api")) as port:
        api.port = port
        api.kubeconfig(tmp_path / "kubeconfig", authority.certificate)
        values = [float(value) for value in range(20_000)]
        with reach("demo") as endpoint, StreamClient(endpoint.target, options=endpoint.options) as client:
            assert client.infer("streaming_kalman", values)["predictive_mean"].shape[0] == len(values)
        Authority(tmp_path / "stranger")
        api.kubeconfig(tmp_path / "kubeconfig", tmp_path / "stranger" / "ca.crt")
        with pytest.raises(errors.ServerUnavailable, match="TLS failed"), reach("demo", patience=ONCE):
            pass


def test_large_answers_pass_unchanged(api: FakeCluster, predictor: FakePredictor) -> None:
    api.add_pod("demo-1", predictor.port)
    values = [float(value) for value in range(20_000)]
    with StreamClient(predictor.target) as client:
        direct = client.infer("streaming_kalman", values)
    with reach("demo") as endpoint, StreamClient(endpoint.target, options=endpoint.options) as client:
        forwarded = client.infer("streaming_kalman", values)
    assert forwarded["predictive_mean"].tobytes() == direct["predictive_mean"].tobytes()


def test_the_port_ends_with_the_context(api: FakeCluster, predictor: FakePredictor) -> None:
    api.add_pod("demo-1", predictor.port)
    with reach("demo") as endpoint:
        pass
    with StreamClient(endpoint.target, patience=ONCE) as client, pytest.raises(errors.ServerUnavailable):
        client.server()


@pytest.mark.parametrize(
    ("part", "status", "expected"),
    [
        ("inferenceservices", 403, (2, "you may not get inferenceservices in team")),
        ("pods", 403, (2, "you may not list pods in team")),
        ("portforward", 403, (2, "you may not get and create pods/portforward in team")),
        ("pods", 401, (2, "log in again")),
        ("pods", 500, (3, "answered 500")),
    ],
)
def test_a_refusal_is_one_sentence_with_the_next_step(
    api: FakeCluster, run: Run, part: str, status: int, expected: tuple[int, str]
) -> None:
    api.add_pod("demo-1", 9)
    api.refused = {part: status}
    code, _, err = run("check", "--isvc", "demo", "--wait", "0")
    assert (code, err.count("\n")) == (expected[0], 1)
    assert expected[1] in err


@pytest.mark.usefixtures("api")
def test_no_such_inference_service(run: Run) -> None:
    code, _, err = run("list", "--isvc", "other", "-n", "team", "--wait", "0")
    assert code == 2
    assert "there is no InferenceService other in team" in err
    assert "-n" in err


def test_a_predictor_that_is_not_ready_says_why(api: FakeCluster, predictor: FakePredictor, run: Run) -> None:
    api.add_pod("demo-1", predictor.port)
    api.ready.clear()
    api.status = {"conditions": [{"type": "Ready", "status": "False", "message": "image cannot be pulled"}]}
    code, _, err = run("check", "--isvc", "demo", "--wait", "0")
    assert code == 3
    assert "has no ready predictor pod (image cannot be pulled); see `kubectl describe" in err


@pytest.mark.parametrize("content", [None, "{}"])
def test_no_usable_kubeconfig(
    api: FakeCluster, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    file = tmp_path / "another"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(file))
    code, _, err = run("check", "--isvc", "demo", "--wait", "0")
    assert code == 2
    assert "there is no usable kubeconfig" in err
    assert api.requests == []


def test_an_api_that_is_away(api: FakeCluster, run: Run, tmp_path: Path) -> None:
    api.port = 1
    api.kubeconfig(tmp_path / "kubeconfig")
    code, _, err = run("check", "--isvc", "demo", "--wait", "0")
    assert code == 3
    assert "the Kubernetes API does not answer" in err
    assert err.count("\n") == 1


def test_without_the_package_the_sentence_names_it(api: FakeCluster, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    code, _, err = run("check", "--isvc", "demo")
    assert code == 2
    assert "stream-filters-client[cluster]" in err
    assert api.requests == []


def test_in_a_pod_the_service_is_the_target_and_the_api_is_not_asked(
    api: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with reach("demo", "team") as endpoint:
        assert endpoint == Endpoint("demo-predictor.team.svc.cluster.local:8081")
    monkeypatch.setattr(cluster, "_SERVICE_ACCOUNT", Path("/nowhere"))
    with pytest.raises(errors.InvalidRequest, match="-n"), reach("demo"):
        pass
    assert api.requests == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://demo-team.example.com", Endpoint("demo-team.example.com:80", "demo-team.example.com")),
        ("https://demo-team.example.com", Endpoint("demo-team.example.com:443", "demo-team.example.com", tls=True)),
        ("http://demo-team.example.com:8888", Endpoint("demo-team.example.com:8888", "demo-team.example.com")),
    ],
)
def test_the_route_is_the_host_of_the_status(api: FakeCluster, url: str, expected: Endpoint) -> None:
    api.status["url"] = url
    with reach("demo", via=Via.ROUTE) as endpoint:
        assert endpoint == expected


def test_a_service_without_a_route_says_so(api: FakeCluster) -> None:
    with pytest.raises(errors.ServerUnavailable, match="no route yet"), reach("demo", via=Via.ROUTE, patience=ONCE):
        pass
    assert api.requests


def test_the_gateway_is_called_by_the_routes_name(api: FakeCluster, run: Run) -> None:
    api.status["url"] = "http://demo-team.example.com"
    received = bytearray()

    def gateway(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            # HTTP/2's first frame, empty settings; gRPC writes header values as they are
            connection.sendall(b"\0\0\0\4\0\0\0\0\0")
            while b"demo-team.example.com" not in received and (data := connection.recv(4096)):
                received.extend(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=gateway, args=(listener,))
        thread.start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        assert run("check", "--isvc", "demo", "--via", "route", "--target", address, "--wait", "0")[0] == 3
        thread.join()
    assert b"demo-team.example.com" in received
    assert b"ServerLive" in received or b"ServerMetadata" in received


def test_options_that_do_not_go_together(api: FakeCluster, run: Run) -> None:
    assert run("check", "-n", "team")[0] == 2
    assert run("check", "--isvc", "demo", "--target", "elsewhere:1")[0] == 2
    assert api.requests == []
