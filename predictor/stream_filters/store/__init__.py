"""Where the bytes of streams are kept."""

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from stream_filters.store.base import Store
from stream_filters.store.memory import MemoryStore

__all__ = ["open_store"]


def open_store(url: str) -> Store:
    """The store that `url` names, not yet connected.

    `memory://`, `sqlite:///folder/file.db` (absolute), or `valkey://host:port/0` and its relatives: `valkeys`, `redis`
    and `rediss`, each also with `+sentinel` and `+cluster`. Raises ValueError, whose sentence holds no password.
    """
    scheme = url.partition(":")[0].lower()
    if scheme == "memory":
        if url.rstrip("/") != "memory:":
            raise ValueError("the store URL memory:// takes nothing after it")
        return MemoryStore()
    if scheme == "sqlite":
        return _open_sqlite(url)
    if scheme.partition("+")[0] in ("valkey", "valkeys", "redis", "rediss"):
        # Loads redis-py, which the other stores do without.
        from stream_filters.store.valkey import ValkeyStore  # noqa: PLC0415
        from stream_filters.store.valkey_url import parse_valkey_url  # noqa: PLC0415

        return ValkeyStore(parse_valkey_url(url))
    raise ValueError(
        "the store URL must begin with memory://, sqlite:///, valkey://, valkeys://, redis:// or rediss:// "
        "(the last four also as valkey+sentinel:// or valkey+cluster://)"
    )


def _open_sqlite(url: str) -> Store:
    from stream_filters.store.sqlite import SqliteStore  # noqa: PLC0415

    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc or not path.strip("/"):
        raise ValueError("the store URL of SQLite must hold an absolute path: sqlite:///folder/file.db")
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    max_bytes = parameters.pop("max_bytes", "0")
    if parameters or not (max_bytes.isascii() and max_bytes.isdigit()):
        raise ValueError("the store URL of SQLite takes one parameter, max_bytes, a whole number")
    return SqliteStore(Path("/" + path.lstrip("/")), int(max_bytes))
