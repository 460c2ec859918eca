import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest
from stream_filters.endpoints.addresses import listening_socket, usable_host
from stream_filters_client import StreamClient

from tests.predictor.process import ROOT, PredictorProcess

HAS_IPV6 = usable_host("::") == "::"
LOOPBACKS = ["127.0.0.1", "::1"] if HAS_IPV6 else ["127.0.0.1"]


@pytest.fixture(scope="module", params=["::", "0.0.0.0", *LOOPBACKS])  # noqa: S104  it is what is tested
def predictor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PredictorProcess]:
    found = PredictorProcess(tmp_path_factory.mktemp("host"), host=request.param)
    yield found
    found.stop()


def test_both_ports_answer_at_the_address_that_was_set(predictor: PredictorProcess) -> None:
    with StreamClient(predictor.grpc_address) as client:
        assert client.server().ready
    with urllib.request.urlopen(f"{predictor.http_url}/v2/health/ready", timeout=10) as answer:
        assert answer.status == 200


def test_the_health_check_asks_the_address_that_was_set(predictor: PredictorProcess) -> None:
    port = predictor.http_url.rpartition(":")[2]
    environment = {"STREAM_FILTERS_HOST": predictor.host, "STREAM_FILTERS_HTTP_PORT": port}
    command = [sys.executable, str(ROOT / "deploy/health")]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.parametrize("loopback", LOOPBACKS)
def test_everywhere_is_every_family_that_the_machine_has(loopback: str) -> None:
    with listening_socket(usable_host("::"), 0) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection((loopback, port), timeout=10):
            pass


def test_a_machine_without_ipv6_listens_on_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        def __init__(self, *_: object) -> None:
            raise OSError("Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", Nothing)

    assert usable_host("::") == "0.0.0.0"  # noqa: S104
    assert usable_host("::1") == "::1"
