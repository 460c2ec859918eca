"""What the commands share: options, exit codes, and how a failure is told."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer
from rich.console import Console

from stream_filters_client import errors
from stream_filters_client.calls import Patience
from stream_filters_client.target import Via, reach

_TARGET_VARIABLE = "STREAM_FILTERS_TARGET"
Target = Annotated[
    str,
    typer.Option("--target", metavar="HOST:PORT", envvar=_TARGET_VARIABLE, help="The predictor's v2 gRPC endpoint."),
]
Tls = Annotated[bool, typer.Option("--tls", help="Connect over TLS; the system's authorities vouch for the server.")]
TlsCa = Annotated[
    Path | None, typer.Option(metavar="FILE", envvar="STREAM_FILTERS_TLS_CA", help="Over TLS, with this authority.")
]
TlsCert = Annotated[
    Path | None, typer.Option(metavar="FILE", envvar="STREAM_FILTERS_TLS_CERT", help="Certificate of this client.")
]
TlsKey = Annotated[
    Path | None, typer.Option(metavar="FILE", envvar="STREAM_FILTERS_TLS_KEY", help="Key of that certificate.")
]
TokenFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", envvar="STREAM_FILTERS_TOKEN_FILE", help="Send the bearer token in this file."),
]
Isvc = Annotated[
    str | None, typer.Option("--isvc", metavar="NAME", help="Find the predictor by its InferenceService instead.")
]
Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", metavar="NAMESPACE", help="Its namespace. [default: of the pod or kubeconfig]"),
]
Way = Annotated[
    Via, typer.Option("--via", help="The way to it: in a cluster its Service, from outside a port-forward.")
]
Wait = Annotated[float, typer.Option("--wait", metavar="SECONDS", min=0, help="How long to wait for the server.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]
DEFAULT_TARGET = "localhost:8081"
DEFAULT_WAIT_SECONDS = 5.0


class ExitCode(IntEnum):
    """What the process tells its caller."""

    OK = 0
    MISSED = 1
    USAGE = 2
    UNAVAILABLE = 3
    INTERRUPTED = 130


EXIT_CODES = (
    "Exit codes: 0 fine; 1 an expectation or a check missed; 2 wrong usage or input; "
    "3 the server is unavailable or failing; 130 interrupted."
)


class Terminal(Console):
    """A console that tells when nobody reads it any more, instead of ending the process on the spot."""

    def on_broken_pipe(self) -> None:
        """Raise BrokenPipeError; what is still printed goes nowhere."""
        try:
            super().on_broken_pipe()
        except SystemExit:
            raise BrokenPipeError from None


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the predictor is, and how to be let in."""

    target: str
    tls: bool = False
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    token_file: Path | None = None
    isvc: str | None = None
    namespace: str | None = None
    via: Via = Via.AUTO

    @property
    def label(self) -> str:
        """What to call the predictor."""
        where = f" in {self.namespace}" if self.namespace else ""
        return self.target if self.isvc is None else f"InferenceService {self.isvc}{where}"

    @contextmanager
    def arguments(self, wait_seconds: float) -> Iterator[dict[str, Any]]:
        """Arguments for either client, good for as long as the context lasts. Raises the client's errors."""
        options = self._options()
        if self.isvc is None:
            if self.namespace is not None or self.via is not Via.AUTO:
                raise errors.InvalidRequest("--namespace and --via go with --isvc; name the InferenceService")
            yield {"target": self.target, **options}
            return
        # an address in the environment is meant for commands that name nothing else
        named = self.target not in {DEFAULT_TARGET, os.environ.get(_TARGET_VARIABLE)}
        gateway = self.target if named else None
        patience = Patience(retry_seconds=wait_seconds)
        with reach(self.isvc, self.namespace, self.via, gateway=gateway, patience=patience) as endpoint:
            if endpoint.tls:
                options.setdefault("credentials", grpc.ssl_channel_credentials())
            yield {"target": endpoint.target, "options": endpoint.options, **options}

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if (self.tls_cert is None) != (self.tls_key is None):
            raise errors.BadInput("--tls-cert and --tls-key belong together; name both files")
        if self.tls or self.tls_ca or self.tls_cert:
            files = [_read(file) for file in (self.tls_ca, self.tls_key, self.tls_cert)]
            options["credentials"] = grpc.ssl_channel_credentials(*files)
        if token := _read(self.token_file):
            options["metadata"] = [("authorization", f"Bearer {token.decode().strip()}")]
        return options


def _read(path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise errors.BadInput(f"{path} cannot be read ({error.strerror}); name another file") from error


def examples(*commands: str) -> str:
    """The end of a command's help: commands that can be run as they are, and the exit codes."""
    lines = "\n".join(f"  {command}" for command in commands)
    # \b keeps the lines of a paragraph as they are
    return f"\b\nExamples:\n{lines}\n\n{EXIT_CODES}"


def exit_code(failure: errors.StreamFiltersError) -> ExitCode:
    """The code for a failure: whose fault it is."""
    theirs = (errors.ServerUnavailable, errors.ServerFault, errors.SequenceLost, errors.Unsupported)
    return ExitCode.UNAVAILABLE if isinstance(failure, theirs) else ExitCode.USAGE
