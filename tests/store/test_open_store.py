"""One setting chooses the store; a bad one is refused in one sentence."""

import subprocess
import sys
from pathlib import Path

import pytest
from stream_filters.store import open_store
from stream_filters.store.memory import MemoryStore
from stream_filters.store.sqlite import SqliteStore
from stream_filters.store.valkey import ValkeyStore
from stream_filters.store.valkey_url import parse_valkey_url


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("memory://", MemoryStore),
        ("memory://?max_bytes=1000000", MemoryStore),
        ("sqlite:///var/lib/streams.db", SqliteStore),
        ("sqlite:////var/lib/streams.db?max_bytes=1000000", SqliteStore),
        ("valkey://host", ValkeyStore),
        ("rediss://user:password@host:6380/2?ssl_ca_certs=/ca.crt", ValkeyStore),
        ("redis+sentinel://one:26379,two:26379/main/1", ValkeyStore),
        ("valkeys+cluster://one,two,three:7000?prefix=p:", ValkeyStore),
    ],
)
def test_the_scheme_chooses_the_store(url: str, kind: type) -> None:
    assert type(open_store(url)) is kind


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "must begin with memory://, sqlite:///, valkey://"),
        ("postgres://host", "must begin with memory://, sqlite:///, valkey://"),
        ("memory://host", "takes one parameter"),
        ("memory://?max_bytes=many", "whole number"),
        ("memory://?colour=red", "takes one parameter"),
        ("sqlite://streams.db", "absolute path"),
        ("sqlite://", "absolute path"),
        ("sqlite:///a.db?mode=ro", "takes one parameter"),
        ("sqlite:///a.db?max_bytes=many", "whole number"),
        ("valkey://:s3cret@", "no readable host"),
        ("valkey://:s3cret@host:port", "no readable host"),
        ("valkey://user:s3cret@[::1", "cannot be read"),
        ("valkey://user:s3cret/x@host", "percent-encode"),
        ("valkey://user:s3cret?x=1@host", "percent-encode"),
        ("valkey://user:s3cret#x@host", "percent-encode"),
        ("valkey://one,two", "several hosts"),
        ("valkey://host/name", "database number"),
        ("valkey://host?colour=red", "unknown parameter 'colour'"),
        ("valkey://host?socket_timeout=s3cret", "'socket_timeout' has a value that cannot be read"),
        ("valkey://host?ssl_check_hostname=perhaps", "cannot be read"),
        ("valkey://host?max_connections=0", "at least 1"),
        ("valkey+sentinel://host", "needs the service's name"),
        ("valkey+mesh://host", "unknown scheme"),
        ("valkey+cluster://host/1", "no database number"),
    ],
)
def test_a_bad_url_is_refused_in_one_sentence_without_its_password(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as raised:
        open_store(url)
    assert "s3cret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_url_is_read_as_redis_py_would() -> None:
    url = "rediss://us%40er:pass%3Aword@host:6380/3?socket_timeout=0.5&ssl_cert_reqs=none&prefix=p%3A"
    address = parse_valkey_url(url)
    assert address.hosts == (("host", 6380),)
    assert address.prefix == "p:"
    assert address.options == {
        "username": "us@er",
        "password": "pass:word",
        "db": 3,
        "ssl": True,
        "ssl_cert_reqs": "none",
        "socket_timeout": 0.5,
        "socket_connect_timeout": 2.0,
    }


def test_sentinels_have_their_own_credentials_and_share_timeouts_and_tls() -> None:
    url = "valkeys+sentinel://user:pass@one,[::1]:5000/main/2?sentinel_password=other&ssl_ca_certs=/ca.crt"
    address = parse_valkey_url(url)
    assert address.hosts == (("one", 26379), ("::1", 5000))
    assert address.service == "main"
    assert address.options["password"] == "pass"  # noqa: S105
    assert address.sentinel_options == {
        "password": "other",
        "ssl": True,
        "ssl_ca_certs": "/ca.crt",
        "socket_timeout": 2.0,
        "socket_connect_timeout": 2.0,
    }


def test_an_address_prints_without_its_credentials() -> None:
    address = parse_valkey_url("valkey+sentinel://user:s3cret@one,two/main?sentinel_password=s3cret")
    assert str(address) == "valkey+sentinel://one:26379,two:26379/main"
    assert "s3cret" not in repr(address)


def test_redis_is_loaded_by_no_other_store(tmp_path: Path) -> None:
    program = (
        "import sys; from stream_filters.store import open_store; open_store('memory://');"
        f"open_store('sqlite://{tmp_path}/a.db'); sys.exit('redis' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
