"""The Service leads to a predictor that is live and ready, over REST."""

import os
import ssl
import sys
import urllib.request
from pathlib import Path

secrets = Path("/etc/stream-filters")
context = None
if os.environ["URL"].startswith("https:"):
    context = ssl.create_default_context(cafile=str(secrets / "authority/ca.crt"))
    if (secrets / "client").exists():
        context.load_cert_chain(secrets / "client/tls.crt", secrets / "client/tls.key")
for state in ("live", "ready"):
    url = f"{os.environ['URL']}/v2/health/{state}"
    with urllib.request.urlopen(url, timeout=30, context=context) as answer:  # noqa: S310  the chart's own URL
        sys.stdout.write(f"{url} {answer.status} {answer.read().decode()}\n")
