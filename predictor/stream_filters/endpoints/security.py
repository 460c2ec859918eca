"""Who may talk to the server: TLS from files, and a bearer token from a file. Both are read again when they change."""

import hmac
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import grpc
from fastapi import Request

from stream_filters.credentials import read_token, server_context
from stream_filters.errors import answer, answer_rest, refusing
from stream_filters.refusals import Unauthenticated
from stream_filters.settings import Settings

_T = TypeVar("_T")
_HEALTH_METHODS = "/grpc.health.v1.Health/"
_HEALTH_PATHS = ("/v2/health/live", "/v2/health/ready", "/")
_NO_TOKEN = Unauthenticated("the call needs the header `authorization: Bearer TOKEN`, with the token of this server")


class Watched(Generic[_T]):
    """What files hold, read again when one of them changes.

    Mounted Secrets are replaced by a rename: a change of identity, time or size is a change.
    """

    def __init__(self, files: tuple[Path | None, ...], read: Callable[[], _T]) -> None:
        self._files = [file for file in files if file is not None]
        self._read = read
        self._lock = threading.Lock()
        self._seen = self._stamp()
        self._value = read()

    def changed(self) -> bool:
        """Read the files again if they changed; whether they did. A half-written change counts when it is whole."""
        with self._lock:
            try:
                stamp = self._stamp()
                if stamp == self._seen:
                    return False
                self._value = self._read()
            except (OSError, ValueError):
                return False
            self._seen = stamp
            return True

    @property
    def value(self) -> _T:
        """What the files held when they were last read."""
        return self._value

    def _stamp(self) -> tuple[tuple[int, int, int], ...]:
        stats = [file.stat() for file in self._files]
        return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats)


def grpc_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """The credentials of the gRPC port; None serves in clear."""
    files = _tls_files(settings)
    if files is None:
        return None
    certificate, key, authority = files

    def read() -> grpc.ServerCertificateConfiguration:
        pair = (key.read_bytes(), certificate.read_bytes())
        return grpc.ssl_server_certificate_configuration([pair], authority.read_bytes() if authority else None)

    watched = Watched(files, read)

    def replacement() -> Any:
        return watched.value if watched.changed() else None

    credentials: grpc.ServerCredentials = grpc.dynamic_ssl_server_credentials(
        watched.value, replacement, require_client_authentication=authority is not None
    )
    return credentials


def rest_tls(settings: Settings) -> ssl.SSLContext | None:
    """TLS of the REST port; None serves in clear. Every connection begins with the files as they are then."""
    files = _tls_files(settings)
    if files is None:
        return None
    certificate, key, authority = files

    def read() -> ssl.SSLContext:
        return server_context(certificate, key, authority)

    watched = Watched(files, read)

    def begin(connection: ssl.SSLObject, *_: Any) -> None:
        watched.changed()
        connection.context = watched.value

    listening = read()
    # called for every handshake, with a name or without; the context that listens cannot be replaced
    listening.sni_callback = begin
    return listening


def _tls_files(settings: Settings) -> tuple[Path, Path, Path | None] | None:
    """Certificate chain, its key and the authority of clients; None where there is no TLS."""
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    return settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file


class Token:
    """A bearer token from a file."""

    def __init__(self, file: Path) -> None:
        self._watched = Watched((file,), lambda: read_token(file))

    def admits(self, header: str | None) -> bool:
        """Whether the authorization header holds the token; takes as long for every wrong one."""
        self._watched.changed()
        expected = f"Bearer {self._watched.value}".encode()
        return hmac.compare_digest((header or "").encode(), expected)


class TokenInterceptor(grpc.aio.ServerInterceptor):
    """Turns gRPC calls without the token away; health checks need none."""

    def __init__(self, token: Token) -> None:
        self._token = token

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """The handler of the call, or one that refuses it, in the form that the caller speaks."""
        if handler_call_details.method.startswith(_HEALTH_METHODS):
            return await continuation(handler_call_details)
        headers = dict(handler_call_details.invocation_metadata)
        handler = await continuation(handler_call_details)
        if handler is None or self._token.admits(headers.get("authorization")):
            return handler
        return refusing(answer(_NO_TOKEN, handler_call_details.method))


class TokenMiddleware:
    """Turns REST calls without the token away; health checks need none."""

    def __init__(self, app: Any, token: Token) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one call."""
        if scope["type"] == "http" and scope["path"] not in _HEALTH_PATHS:
            header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            if not self._token.admits(header):
                response = await answer_rest(Request(scope), _NO_TOKEN)
                response.headers["www-authenticate"] = "Bearer"
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)
