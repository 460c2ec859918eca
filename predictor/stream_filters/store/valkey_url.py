"""What the URL of a Valkey or Redis server says, without connecting to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

DEFAULT_PREFIX = "stream-filters:"
DEFAULT_TIMEOUT_SECONDS = 2.0
DEFAULT_MAX_CONNECTIONS = 4
DEFAULT_PORT = {"single": 6379, "cluster": 6379, "sentinel": 26379}
SCHEMES = tuple(
    f"{server}{tls}{mode}"
    for mode in ("", "+sentinel", "+cluster")
    for server in ("valkey", "redis")
    for tls in ("", "s")
)


def _boolean(text: str) -> bool:
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    return known[text.lower()]


# The parameters of redis-py that may stand in the query, and how each is read.
PARAMETERS: dict[str, Callable[[str], object]] = {
    "db": int,
    "client_name": str,
    "health_check_interval": float,
    "socket_timeout": float,
    "socket_connect_timeout": float,
    "socket_keepalive": _boolean,
    "ssl_ca_certs": str,
    "ssl_ca_path": str,
    "ssl_ca_data": str,
    "ssl_certfile": str,
    "ssl_keyfile": str,
    "ssl_password": str,
    "ssl_cert_reqs": str,
    "ssl_check_hostname": _boolean,
    "ssl_ciphers": str,
}
OWN_PARAMETERS: dict[str, Callable[[str], object]] = {
    "prefix": str,
    "max_connections": int,
    "sentinel_username": str,
    "sentinel_password": str,
}


@dataclass(frozen=True)
class ValkeyAddress:
    """Where a server is, and how to talk to it; prints without its credentials.

    hosts: of the server, of the sentinels, or of some nodes of the cluster. service: the sentinels' name for it.
    options: redis-py's keyword arguments. prefix: before each key.
    max_connections: pipelines at a time; calls that come while all are under way share the next one.
    """

    scheme: str
    mode: Literal["single", "sentinel", "cluster"]
    hosts: tuple[tuple[str, int], ...]
    service: str = ""
    prefix: str = DEFAULT_PREFIX
    max_connections: int = DEFAULT_MAX_CONNECTIONS
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    sentinel_options: dict[str, Any] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        return f"{self.scheme}://{hosts}" + (f"/{self.service}" if self.service else "")


def parse_valkey_url(url: str) -> ValkeyAddress:
    """Read `scheme://[user:password@]host[:port][,host[:port]…][/service][/db][?parameter=value…]`.

    Raises ValueError, whose sentence never holds the user or the password.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("the store URL cannot be read; percent-encode special characters in the password") from None
    if "@" in parts.path + parts.query + parts.fragment:
        raise ValueError("the store URL has an @ too far behind; percent-encode special characters in the password")
    server, _, mode = parts.scheme.partition("+")
    if mode not in ("", "sentinel", "cluster"):
        raise ValueError(f"the store URL has the unknown scheme {parts.scheme}")
    mode = mode or "single"
    credentials, _, hosts = parts.netloc.rpartition("@")
    options, own = _parameters(parts.query)
    username, _, password = credentials.partition(":")
    options |= {"username": unquote(username)} if username else {}
    options |= {"password": unquote(password)} if password else {}
    options |= {"ssl": True} if server in ("valkeys", "rediss") else {}
    service, database = _path(parts.path, mode)
    if database and "db" not in options:
        options["db"] = database
    if mode == "cluster" and options.get("db"):
        raise ValueError("the store URL of a cluster has no database number: clusters have but one")
    shared = {name: value for name, value in options.items() if name.startswith(("socket_", "ssl"))}
    names = {"username": own.pop("sentinel_username", None), "password": own.pop("sentinel_password", None)}
    return ValkeyAddress(
        scheme=parts.scheme,
        mode=mode,  # type: ignore[arg-type]
        hosts=_hosts(hosts, mode),
        service=service,
        options=options,
        sentinel_options=shared | {name: value for name, value in names.items() if value},
        **own,
    )


def _parameters(query: str) -> tuple[dict[str, Any], dict[str, Any]]:
    options: dict[str, Any] = {
        "socket_timeout": DEFAULT_TIMEOUT_SECONDS,
        "socket_connect_timeout": DEFAULT_TIMEOUT_SECONDS,
    }
    own: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        parser = PARAMETERS.get(name) or OWN_PARAMETERS.get(name)
        if parser is None:
            known = ", ".join(sorted([*PARAMETERS, *OWN_PARAMETERS]))
            raise ValueError(f"the store URL has an unknown parameter {name!r}; known are {known}")
        try:
            (options if name in PARAMETERS else own)[name] = parser(text)
        except (ValueError, KeyError):
            raise ValueError(f"the store URL's parameter {name!r} has a value that cannot be read") from None
    if own.get("max_connections", 1) < 1:
        raise ValueError("the store URL's parameter 'max_connections' must be at least 1")
    return options, own


def _hosts(text: str, mode: str) -> tuple[tuple[str, int], ...]:
    hosts = []
    for part in text.split(","):
        try:
            split = urlsplit(f"//{part}")
            host, port = split.hostname, split.port or DEFAULT_PORT[mode]
        except ValueError:
            host = None
        if not host:
            raise ValueError("the store URL has no readable host and port; expected scheme://host:port")
        hosts.append((host, port))
    if mode == "single" and len(hosts) > 1:
        raise ValueError("the store URL has several hosts; use +sentinel or +cluster in the scheme")
    return tuple(hosts)


def _path(path: str, mode: str) -> tuple[str, int]:
    segments = [unquote(segment) for segment in path.split("/") if segment]
    service = segments.pop(0) if mode == "sentinel" and segments else ""
    if mode == "sentinel" and not service:
        raise ValueError("the store URL of a sentinel needs the service's name: valkey+sentinel://host:port/name")
    if not segments:
        return service, 0
    if len(segments) > 1 or not segments[0].isascii() or not segments[0].isdigit():
        raise ValueError("the store URL's path must be a database number, as in valkey://host:port/0")
    return service, int(segments[0])
