"""What is said, and with which exit code, when a predictor cannot be reached or does not want us."""

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from stream_filters_client.errors import from_rpc

from tests.authority import Authority
from tests.client.command import Outcome, Run
from tests.client.fake_predictor import FakePredictor
from tests.conftest import StartPredictor
from tests.predictor.process import PredictorProcess


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def mutual(authority: Authority, start_predictor: StartPredictor) -> PredictorProcess:
    """A predictor that speaks TLS, and wants certificates of its authority."""
    certificate, key = map(str, authority.issue("server"))
    files = ("--tls-cert-file", certificate, "--tls-key-file", key, "--tls-client-ca-file", str(authority.certificate))
    return start_predictor(*files)


@pytest.fixture
def stranger() -> Iterator[str]:
    """Something that listens and speaks, but another protocol."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def greet() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        greeting = threading.Thread(target=greet)
        greeting.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        greeting.join()


def replayed(run: Run, target: str, *options: str) -> Outcome:
    outcome = run("replay", "kalman-demo", "--length", "20", "-q", "--wait", "1", "--target", target, *options)
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
    return outcome


def test_nobody_listens(run: Run) -> None:
    outcome = replayed(run, "127.0.0.1:1")
    assert outcome.code == 3
    assert outcome.err == (
        "stream-filters: 127.0.0.1:1 does not answer (connection refused); start the server, or name another address\n"
    )


def test_the_port_is_that_of_http(run: Run, served: PredictorProcess) -> None:
    outcome = replayed(run, served.http_url.removeprefix("http://"))
    assert outcome.code == 3
    assert "speaks HTTP/1 and not gRPC; name the port of the v2 gRPC endpoint, as a rule 8081" in outcome.err


def test_the_port_is_that_of_something_else(run: Run, stranger: str) -> None:
    outcome = replayed(run, stranger)
    assert outcome.code == 3
    assert "does not speak gRPC in the clear; connect with TLS, or name the port of the v2 gRPC" in outcome.err


def test_tls_is_asked_of_a_server_without_it(run: Run, predictor: FakePredictor) -> None:
    outcome = replayed(run, predictor.target, "--tls")
    assert outcome.code == 3
    assert "does not speak TLS; connect without it, or name the port that does" in outcome.err


def test_a_server_that_wants_tls_is_asked_without_it(run: Run, mutual: PredictorProcess) -> None:
    outcome = replayed(run, mutual.grpc_address)
    assert outcome.code == 3
    # whether its complaint comes before the end of the connection is chance
    assert re.search("does not speak gRPC in the clear; connect with TLS|may want TLS", outcome.err)


def test_a_server_has_a_certificate_of_an_unknown_authority(
    run: Run, mutual: PredictorProcess, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    certificate, key = map(str, authority.issue("client"))
    mine = ("--tls-cert", certificate, "--tls-key", key)
    outcome = replayed(run, mutual.grpc_address, "--tls-ca", str(other.certificate), *mine)
    assert outcome.code == 3
    assert "has a certificate that nobody vouches for here; name its authority, as --tls-ca does" in outcome.err


def test_a_server_does_not_trust_our_certificate(
    run: Run, mutual: PredictorProcess, authority: Authority, tmp_path: Path
) -> None:
    certificate, key = map(str, Authority(tmp_path / "other").issue("client"))
    mine = ("--tls-cert", certificate, "--tls-key", key)
    outcome = replayed(run, mutual.grpc_address, "--tls-ca", str(authority.certificate), *mine)
    assert outcome.code == 3
    assert "a client certificate that it trusts" in outcome.err
    certificate, key = map(str, authority.issue("client"))
    good = ("--tls-ca", str(authority.certificate), "--tls-cert", certificate, "--tls-key", key)
    assert run("replay", "kalman-demo", "--length", "20", "-q", "--target", mutual.grpc_address, *good).code == 0


@pytest.mark.parametrize("options", [("--model", "nothing", "--file", "x.csv"), ("--model", "nothing", "-")])
def test_the_model_is_unknown(served: PredictorProcess, tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "x.csv").write_text("x\n1\n", encoding="utf-8")
    done = command("replay", *options, "--target", served.grpc_address, folder=tmp_path)
    assert done.returncode == 2
    assert "nothing does not exist. Ask for the models that there are with `stream-filters list`" in done.stderr


def test_a_wrong_cell_is_named_before_anything_is_sent(predictor: FakePredictor, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("time,flow\n1,1\n2,two\n", encoding="utf-8")
    options = ("--model", "streaming_kalman", "--file", "x.csv", "--column", "flow")
    done = command("replay", *options, "--target", predictor.target, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("stream-filters: x.csv, line 3, column 'flow': 'two' is not a number")
    assert not predictor.requests


def test_grpcs_own_complaints_are_not_drawn_into_ours(predictor: FakePredictor, tmp_path: Path) -> None:
    done = command("check", "--tls", "--wait", "1", "--target", predictor.target, folder=tmp_path)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith("stream-filters: ")


class Failure(grpc.RpcError):
    def __init__(self, details: str) -> None:
        self._details = details

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        return self._details


@pytest.mark.parametrize(
    ("details", "sentence"),
    [
        (
            "errors resolving h:1: [field:hostname lookup error:address lookup failed: Domain name not found]",
            "h:1: there is no host of this name; name another address",
        ),
        (
            "DNS resolution failed for h:1: C-ares status is not ARES_SUCCESS",
            "h:1: there is no host of this name; name another address",
        ),
        (
            "failed to connect to all addresses; last error: UNKNOWN: ipv4:1.2.3.4:1: Custom verification check failed "
            "with error: UNAUTHENTICATED: Hostname Verification Check failed.",
            "h:1 has a certificate for another name; connect by the name that is in it",
        ),
    ],
)
def test_what_depends_on_the_network_of_a_machine_is_told_as_well(details: str, sentence: str) -> None:
    assert str(from_rpc(Failure(details), "h:1")) == sentence


def command(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stream_filters_client.cli", *arguments],
        cwd=folder,
        input="1\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
