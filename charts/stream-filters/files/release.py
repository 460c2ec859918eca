"""The release answers: over REST it is live and ready, over gRPC every model takes a short stream and forgets it."""

import json
import os
import ssl
import sys
import urllib.request
from pathlib import Path

import grpc
from stream_filters_client import Patience, StreamClient
from stream_filters_client.errors import StreamFiltersError

SECRETS = Path("/etc/stream-filters")
URL, SERVER_NAME = os.environ.get("URL", ""), os.environ.get("SERVER_NAME", "")
IS_SECURE = (SECRETS / "authority").exists()


def trusted() -> bytes:
    """The certificates to trust: the Secret's authority; where it has none, the public ones and the server's own."""
    authority = SECRETS / "authority/ca.crt"
    if authority.exists():
        return authority.read_bytes()
    public = Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")
    parts = [file.read_bytes() for file in (public, SECRETS / "authority/tls.crt") if file.exists()]
    return b"\n".join(parts)


def authorization() -> list[tuple[str, str]]:
    """The bearer token, where the release has one."""
    token = SECRETS / "token/token"
    return [("authorization", f"Bearer {token.read_text().strip()}")] if token.exists() else []


def rest(path: str) -> bytes:
    """What REST answers. Raises OSError."""
    context = None
    if IS_SECURE:
        context = ssl.create_default_context(cadata=trusted().decode())
        # connected to by the Service's name, whatever the certificate's is
        context.check_hostname = not SERVER_NAME
        if (SECRETS / "client").exists():
            context.load_cert_chain(SECRETS / "client/tls.crt", SECRETS / "client/tls.key")
    request = urllib.request.Request(f"{URL}{path}", headers=dict(authorization()))  # noqa: S310  the chart's own
    with urllib.request.urlopen(request, timeout=30, context=context) as answer:  # noqa: S310
        return bytes(answer.read())


def models() -> list[str]:
    """The models that the values name; else those that the predictor has, whatever file named them."""
    if named := os.environ.get("MODELS"):
        return named.split(",")
    return list(json.loads(rest("/v2/models"))["models"]) if URL else []


def connection() -> StreamClient:
    """A client with what the release's Secrets hold."""
    credentials, options = None, []
    if IS_SECURE:
        pair: tuple[bytes | None, bytes | None] = (None, None)
        if (SECRETS / "client").exists():
            pair = (SECRETS / "client/tls.key").read_bytes(), (SECRETS / "client/tls.crt").read_bytes()
        credentials = grpc.ssl_channel_credentials(trusted(), *pair)
    if SERVER_NAME:
        options.append(("grpc.ssl_target_name_override", SERVER_NAME))
    patience = Patience(retry_seconds=60)
    return StreamClient(
        os.environ["TARGET"], patience=patience, credentials=credentials, metadata=authorization(), options=options
    )


try:
    for state in ("live", "ready") if URL else ():
        sys.stdout.write(f"{URL}/v2/health/{state} {rest(f'/v2/health/{state}').decode()}\n")
    with connection() as client:
        found = client.check(models() or None)
    sys.stdout.write(f"{found}\n")
except (OSError, StreamFiltersError) as failure:
    sys.exit(f"the release does not answer: {failure}")
sys.exit(0 if found.passed else 1)
