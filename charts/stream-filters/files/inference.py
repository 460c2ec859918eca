"""Every model takes a short stream, recognises a repeated request, and forgets the stream, over gRPC."""

import os
import sys
from pathlib import Path

import grpc
from stream_filters_client import Patience, StreamClient

secrets = Path("/etc/stream-filters")
credentials = None
if (secrets / "authority").exists():
    key, chain = (
        ((secrets / "client" / name).read_bytes() for name in ("tls.key", "tls.crt"))
        if (secrets / "client").exists()
        else (None, None)
    )
    credentials = grpc.ssl_channel_credentials((secrets / "authority/ca.crt").read_bytes(), key, chain)
metadata = []
if (secrets / "token").exists():
    metadata = [("authorization", f"Bearer {(secrets / 'token/token').read_text().strip()}")]
models = [name for name in os.environ.get("MODELS", "").split(",") if name]
target = os.environ["TARGET"]
with StreamClient(target, patience=Patience(retry_seconds=60), credentials=credentials, metadata=metadata) as client:
    found = client.check(models or None)
sys.stdout.write(f"{found}\n")
sys.exit(0 if found.passed else 1)
