"""Where the bytes of streams are kept."""

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from stream_filters.store.base import Store
from stream_filters.store.memory import MemoryStore

__all__ = ["open_store"]

# of all streams in memory, where the URL says nothing else
MEMORY_BYTES = 1024 * 1024 * 1024


def open_store(url: str) -> Store:
    """The store that `url` names, not yet connected.

    `memory://`, `sqlite:///folder/file.db` (absolute), or `valkey://host:port/0` and its relatives: `valkeys`, `redis`
    and `rediss`, each also with `+sentinel` and `+cluster`. The first two take `max_bytes`.
    Raises ValueError, whose sentence holds no password.
    """
    scheme = url.partition(":")[0].lower()
    if scheme == "memory":
        return _open_memory(url)
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


def _open_memory(url: str) -> Store:
    address, _, query = url.partition("?")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    max_bytes = parameters.pop("max_bytes", str(MEMORY_BYTES))
    if address.rstrip("/") != "memory:" or parameters or not (max_bytes.isascii() and max_bytes.isdigit()):
        raise ValueError("the store URL memory:// takes one parameter, max_bytes, a whole number, and nothing else")
    return MemoryStore(max_bytes=int(max_bytes))


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
