"""Where the ports listen: every address of both families where the machine has them."""

import socket

EVERYWHERE = "::"


def usable_host(host: str) -> str:
    """The address to listen on: `::` is IPv4 alone on a machine without IPv6."""
    if host != EVERYWHERE:
        return host
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as trial:
            trial.bind((EVERYWHERE, 0))
    except OSError:
        return "0.0.0.0"  # noqa: S104  it runs in a pod
    return host


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens; on `::` for both families. Raises OSError when the address can't be had."""
    is_six = ":" in host
    return socket.create_server(
        (host, port),
        family=socket.AF_INET6 if is_six else socket.AF_INET,
        backlog=512,
        dualstack_ipv6=host == EVERYWHERE and socket.has_dualstack_ipv6(),
    )


def in_brackets(host: str) -> str:
    """The address as it stands before a port."""
    return f"[{host}]" if ":" in host else host
