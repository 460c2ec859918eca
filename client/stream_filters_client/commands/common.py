"""What the commands share: options, exit codes, and how a failure is told."""

import inspect
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from enum import IntEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer
from rich.console import Console
from typer.core import TyperCommand, TyperOption

from stream_filters_client import errors
from stream_filters_client.kubernetes.target import Via, reach
from stream_filters_client.protocol.calls import Patience
from stream_filters_client.replays.retries import RetryCount
from stream_filters_client.scenarios import MODELS
from stream_filters_client.stream import StreamClient

_TARGET_VARIABLE = "STREAM_FILTERS_TARGET"
# host:port, or a scheme of gRPC's own; other schemes are told of by the client
_ADDRESS = re.compile(r".*:\d+|\w+:.*")
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]
# as gRPC reads them
_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")
DEFAULT_TARGET = "localhost:8081"


def known_models(incomplete: str) -> list[str]:
    """Names of models for a shell to complete."""
    return [name for name in MODELS if name.startswith(incomplete)]


class ExitCode(IntEnum):
    """What the process tells its caller."""

    OK = 0
    MISSED = 1
    USAGE = 2
    UNAVAILABLE = 3
    INTERRUPTED = 130


EXIT_CODES = (
    "Exit codes: 0 fine; 1 an expectation or a check missed, no such stream; 2 wrong usage or input; "
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
    """Where the predictor is, how to be let in, and how long to wait for it; its fields are options of the commands."""

    target: Annotated[
        str,
        typer.Option(metavar="HOST:PORT", envvar=_TARGET_VARIABLE, help="The predictor's v2 gRPC endpoint."),
    ] = DEFAULT_TARGET
    isvc: Annotated[
        str | None, typer.Option(metavar="NAME", help="Find the predictor by its InferenceService instead.")
    ] = None
    namespace: Annotated[
        str | None,
        typer.Option(
            "--namespace", "-n", metavar="NAMESPACE", help="Its namespace. [default: of the pod or kubeconfig]"
        ),
    ] = None
    via: Annotated[Via, typer.Option(help="The way to it: in a cluster its Service, from outside a port-forward.")] = (
        Via.AUTO
    )
    tls: Annotated[
        bool, typer.Option("--tls", help="Connect over TLS; the system's authorities vouch for the server.")
    ] = False
    tls_ca: Annotated[
        Path | None, typer.Option(metavar="FILE", envvar="STREAM_FILTERS_TLS_CA", help="Over TLS, with this authority.")
    ] = None
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", envvar="STREAM_FILTERS_TLS_CERT", help="Certificate of this client.")
    ] = None
    tls_key: Annotated[
        Path | None, typer.Option(metavar="FILE", envvar="STREAM_FILTERS_TLS_KEY", help="Key of that certificate.")
    ] = None
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", envvar="STREAM_FILTERS_TOKEN_FILE", help="Send the bearer token in this file."),
    ] = None
    wait_seconds: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0, help="How long to wait for the server.")
    ] = 5.0

    @property
    def label(self) -> str:
        """What to call the predictor."""
        where = f" in {self.namespace}" if self.namespace else ""
        return self.target if self.isvc is None else f"InferenceService {self.isvc}{where}"

    @property
    def patience(self) -> Patience:
        """How long the client is to try again."""
        return Patience(retry_seconds=self.wait_seconds, first_seconds=self.wait_seconds)

    @contextmanager
    def arguments(self) -> Iterator[dict[str, Any]]:
        """Arguments for either client, good for as long as the context lasts. Raises the client's errors."""
        options = self._options()
        if not _ADDRESS.fullmatch(self.target):
            raise errors.InvalidRequest(
                f"--target {self.target!r} has no port; write host:port, as in {self.target}:8081"
            )
        if self.isvc is None:
            if self.namespace is not None or self.via is not Via.AUTO:
                raise errors.InvalidRequest("--namespace and --via go with --isvc; name the InferenceService")
            yield {"target": self.target, **options}
            return
        # an address in the environment is meant for commands that name nothing else
        named = self.target not in {DEFAULT_TARGET, os.environ.get(_TARGET_VARIABLE)}
        gateway = self.target if named else None
        with reach(self.isvc, self.namespace, self.via, gateway=gateway, patience=self.patience) as endpoint:
            if endpoint.tls:
                options.setdefault("credentials", grpc.ssl_channel_credentials())
            yield {"target": endpoint.target, "options": endpoint.options, **options}

    @contextmanager
    def client(self) -> Iterator[StreamClient]:
        """A client that waits for the server without a word. Raises the client's errors."""
        RetryCount()
        with self.arguments() as arguments, StreamClient(**arguments, patience=self.patience) as client:
            yield client

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


def takes_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the fields of each parameter that is a dataclass as options of its own, in its place."""
    parameters = inspect.signature(command).parameters
    objects = {
        name: inspect.signature(parameter.annotation).parameters
        for name, parameter in parameters.items()
        if isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation)
    }

    @wraps(command)
    def with_objects(**given: Any) -> None:
        made = {
            name: parameters[name].annotation(**{field: given.pop(field) for field in fields})
            for name, fields in objects.items()
        }
        command(**made, **given)

    shown = [
        option.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, own in parameters.items()
        for option in (objects[name].values() if name in objects else [own])
    ]
    # what Typer reads: the parameters, and their types again
    with_objects.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    with_objects.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    return with_objects


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


class OnceEach(TyperCommand):
    """A command that refuses an option given twice where only the last would count."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As a command does it. Raises BadInput."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        single = [one for one in order if isinstance(one, TyperOption) and not (one.multiple or one.is_flag)]
        for option in single:
            if sum(one is option for one in single) > 1:
                raise errors.BadInput(f"{option.opts[0]} is given twice, and takes one value; leave one out")
        return super().parse_args(ctx, args)


def beyond_proxy(failure: errors.StreamFiltersError) -> str:
    """What else may be in the way of a server that does not answer; empty for nothing."""
    named = [name for name in _PROXIES if os.environ.get(name)]
    if not isinstance(failure, errors.ServerUnavailable) or not named:
        return ""
    return f" ({named[0]} is set, and gRPC goes by that proxy: set no_proxy to the host to go past it)"


def exit_code(failure: errors.StreamFiltersError) -> ExitCode:
    """The code for a failure: whose fault it is."""
    if isinstance(failure, errors.NoSuchStream):
        return ExitCode.MISSED
    theirs = (errors.ServerUnavailable, errors.ServerFault, errors.SequenceLost, errors.Unsupported)
    return ExitCode.UNAVAILABLE if isinstance(failure, theirs) else ExitCode.USAGE
