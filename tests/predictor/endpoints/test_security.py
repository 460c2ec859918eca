import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.authority import Authority
from tests.conftest import StartPredictor
from tests.predictor.endpoints.calls import fresh_name, open_stream, request
from tests.predictor.models import MEAN
from tests.predictor.process import PredictorProcess

INFER = "/inference.GRPCInferenceService/ModelInfer"
HEALTH = "/grpc.health.v1.Health/Check"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def mutual(authority: Authority, start_predictor: StartPredictor) -> PredictorProcess:
    """Serves over mutual TLS alone."""
    certificate, key = authority.issue("server")
    flags = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-client-ca-file", authority.certificate]
    return start_predictor(*map(str, flags))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, start_predictor: StartPredictor) -> PredictorProcess:
    """Demands the token `secret`."""
    file = tmp_path_factory.mktemp("token") / "token"
    file.write_text("secret\n")
    return start_predictor("--token-file", str(file))


def _call(address: str, credentials: grpc.ChannelCredentials | None, method: str = INFER, token: str = "") -> str:
    """The code that the call ends with."""
    target = f"127.0.0.1:{address.rpartition(':')[2]}"
    # a pool of its own: else a call inherits the back-off of an earlier one that was refused
    options = [("grpc.use_local_subchannel_pool", 1)]
    channel = (
        grpc.secure_channel(target, credentials, options) if credentials else grpc.insecure_channel(target, options)
    )
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    body = request(MEAN, fresh_name(), 0).SerializeToString() if method == INFER else b""
    with channel:
        call: Any = channel.unary_unary(method)
        try:
            return str(call.with_call(body, metadata=metadata, timeout=10)[1].code().name)
        except grpc.RpcError as error:
            return str(error.code().name)


def _rest(served: PredictorProcess, trusted: Authority, pair: tuple[Path, Path] | None = None) -> str:
    """OK, or that no connection was made, of a client who trusts servers of an authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(trusted.certificate)
    if pair:
        context.load_cert_chain(*pair)
    url = served.http_url.replace("http:", "https:")
    try:
        with urllib.request.urlopen(f"{url}/v2/models", timeout=10, context=context) as response:
            return {200: "OK"}.get(response.status, str(response.status))
    except urllib.error.HTTPError as error:
        return str(error.code)
    except OSError:
        return "no connection"


def test_a_client_of_the_authority_is_served(mutual: PredictorProcess, authority: Authority) -> None:
    assert _call(mutual.grpc_address, authority.credentials("client")) == "OK"


@pytest.mark.parametrize("kind", ["clear", "no certificate", "expired", "another authority", "server not trusted"])
def test_other_clients_are_not_served(
    mutual: PredictorProcess, authority: Authority, tmp_path: Path, kind: str
) -> None:
    stranger = Authority(tmp_path)
    credentials = {
        "clear": None,
        "no certificate": grpc.ssl_channel_credentials(authority.certificate.read_bytes()),
        "expired": authority.credentials("late", days=-1),
        "another authority": stranger.credentials("client", trusted=authority),
        "server not trusted": authority.credentials("client", trusted=stranger),
    }[kind]
    assert _call(mutual.grpc_address, credentials) == "UNAVAILABLE"


def test_rest_serves_a_client_of_the_authority(mutual: PredictorProcess, authority: Authority) -> None:
    assert _rest(mutual, authority, authority.issue("rest-client")) == "OK"


@pytest.mark.parametrize("kind", ["no certificate", "expired", "another authority", "server not trusted"])
def test_rest_does_not_serve_other_clients(
    mutual: PredictorProcess, authority: Authority, tmp_path: Path, kind: str
) -> None:
    stranger = Authority(tmp_path)
    pair = {
        "no certificate": None,
        "expired": authority.issue("rest-late", days=-1),
        "another authority": stranger.issue("client"),
        "server not trusted": authority.issue("rest-client"),
    }[kind]
    assert _rest(mutual, stranger if kind == "server not trusted" else authority, pair) == "no connection"


def test_rest_is_not_served_in_clear_under_tls(mutual: PredictorProcess) -> None:
    with pytest.raises(OSError, match=r"reset|closed|disconnect|Empty|refused|Remote"):
        urllib.request.urlopen(f"{mutual.http_url}/v2/health/live", timeout=10)


def test_replaced_certificates_and_authorities_hold_without_a_restart(
    tmp_path: Path, start_predictor: StartPredictor
) -> None:
    authorities = [Authority(tmp_path / name) for name in ("first", "second", "third")]
    certificate, key = authorities[0].issue("server")
    trusted = tmp_path / "trusted.crt"
    trusted.write_bytes(authorities[0].certificate.read_bytes())
    files = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-client-ca-file", trusted]
    served = start_predictor(*map(str, files))
    for index, new in enumerate(authorities):
        if index:
            # in the way of a mounted Secret
            fresh = tmp_path / "fresh.crt"
            fresh.write_bytes(new.certificate.read_bytes())
            for target, source in zip((certificate, key, trusted), (*new.issue("server"), fresh), strict=True):
                source.replace(target)
        for other in authorities:
            holds = other is new
            told = _call(served.grpc_address, other.credentials("client", trusted=new))
            assert told == ("OK" if holds else "UNAVAILABLE")
            assert _rest(served, new, other.issue("client")) == ("OK" if holds else "no connection")
        assert _rest(served, authorities[index - 1], new.issue("client")) == "no connection"


@pytest.mark.parametrize(("token", "code"), [("secret", "OK"), ("wrong", "UNAUTHENTICATED"), ("", "UNAUTHENTICATED")])
def test_grpc_calls_need_the_token(guarded: PredictorProcess, token: str, code: str) -> None:
    assert _call(guarded.grpc_address, None, token=token) == code


def test_streaming_calls_need_the_token(guarded: PredictorProcess) -> None:
    with grpc.insecure_channel(guarded.grpc_address) as channel:
        call = open_stream(channel, [request(MEAN, fresh_name(), 0)], metadata=(("authorization", "Bearer wrong"),))
        with pytest.raises(grpc.RpcError) as refused:
            next(call)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        told = open_stream(channel, [request(MEAN, fresh_name(), 0)], metadata=(("authorization", "Bearer secret"),))
        assert [response.error_message for response in told] == [""]


def test_a_replaced_token_holds_without_a_restart(tmp_path: Path, start_predictor: StartPredictor) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    served = start_predictor("--token-file", str(file))
    assert _call(served.grpc_address, None, token="old") == "OK"  # noqa: S106
    fresh = tmp_path / "fresh"
    fresh.write_text("new")
    fresh.replace(file)
    assert _call(served.grpc_address, None, token="new") == "OK"  # noqa: S106
    assert _call(served.grpc_address, None, token="old") == "UNAUTHENTICATED"  # noqa: S106


def test_health_needs_no_token(guarded: PredictorProcess) -> None:
    assert _call(guarded.grpc_address, None, method=HEALTH) == "OK"


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/v2/models", "secret", 200),
        ("/v2/models", "wrong", 401),
        ("/metrics", "", 401),
        ("/v2/health/ready", "", 200),
    ],
)
def test_rest_calls_need_the_token(guarded: PredictorProcess, path: str, token: str, status: int) -> None:
    call = urllib.request.Request(f"{guarded.http_url}{path}", headers={"authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(call, timeout=10) as response:
            got = response.status
    except urllib.error.HTTPError as error:
        got = error.code
        error.close()
    assert got == status
