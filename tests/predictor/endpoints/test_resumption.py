"""Who comes back with a session of before shows a certificate again."""

import ssl
from pathlib import Path

import pytest
from stream_filters.command_line import read_settings
from stream_filters.endpoints.security import rest_tls

from tests.authority import Authority


def connect(client: ssl.SSLContext, server: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLObject:
    """A connection of the two, after an answer of the server. Raises SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks = client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1", session=session)
    answers = server.wrap_bio(to_server, to_client, server_side=True)
    done = {asks: False, answers: False}
    while not all(done.values()):
        for side in done:
            try:
                side.do_handshake()
                done[side] = True
            except ssl.SSLWantReadError:
                continue
    answers.write(b"answer")
    assert asks.read(6) == b"answer"
    return asks


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "first")


def client_of(authority: Authority, server: Authority, most: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=server.certificate)
    context.load_cert_chain(*authority.issue("client"))
    context.maximum_version = most
    return context


def serving(authority: Authority, trusted: Path) -> ssl.SSLContext:
    certificate, key = authority.issue("server")
    files = {"cert": certificate, "key": key, "client-ca": trusted}
    context = rest_tls(read_settings([f"--tls-{what}-file={file}" for what, file in files.items()]))
    assert context is not None
    return context


def test_a_client_of_a_withdrawn_authority_does_not_come_back_with_its_session(
    authority: Authority, tmp_path: Path
) -> None:
    trusted = tmp_path / "trusted.crt"
    trusted.write_bytes(authority.certificate.read_bytes())
    server = serving(authority, trusted)
    client = client_of(authority, authority, ssl.TLSVersion.TLSv1_3)
    first = connect(client, server)
    again = connect(client, server, first.session)
    assert not again.session_reused
    fresh = tmp_path / "fresh.crt"
    fresh.write_bytes(Authority(tmp_path / "second").certificate.read_bytes())
    fresh.replace(trusted)
    for session in (None, first.session, again.session):
        with pytest.raises(ssl.SSLError):
            connect(client, server, session)


def test_where_clients_show_certificates_there_is_no_version_with_sessions_of_the_server(authority: Authority) -> None:
    server = serving(authority, authority.certificate)
    with pytest.raises(ssl.SSLError):
        connect(client_of(authority, authority, ssl.TLSVersion.TLSv1_2), server)
