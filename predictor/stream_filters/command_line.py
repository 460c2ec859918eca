"""The predictor's command line: its flags, its help, and the same settings as a table."""

import argparse
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from pydantic import SecretStr
from pydantic_settings import CliSettingsSource

from stream_filters import __version__
from stream_filters.redaction import without_secrets
from stream_filters.settings import PREFIX, Settings

PROGRAM = "stream-filters-predictor"
_KINDS = ((bool, "YES|NO"), (int, "NUMBER"), (float, "NUMBER"), (Path, "FILE"), (str, "TEXT"), (SecretStr, "TEXT"))
_HELP = f"""\
usage: {PROGRAM} [--SETTING VALUE ...]

Serve streaming Bayesian filters over KServe's v2 protocol.

Every setting is also a variable ({PREFIX}GRPC_PORT is --grpc-port), and a line of the
YAML file that {PREFIX}FILE names (grpc_port: 8081). Flags come before variables,
variables before the file.

  {PROGRAM}                                  streams are kept in a file of this user
  {PROGRAM} --store valkey://localhost:6379
  {PROGRAM} --models '[{{"name": "ar", "filter": "online_ar_learning", "config": {{"order": 2}}}}]'

"""
_FIRST_COLUMN = 36


@dataclass(frozen=True)
class Described:
    """One setting in words: `default` is empty where the meaning says it."""

    name: str
    kind: str
    default: str
    meaning: str

    @property
    def flag(self) -> str:
        """As it is on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """As it is in the environment."""
        return f"{PREFIX}{self.name.upper()}"


def described(settings: type[Settings] = Settings) -> Iterator[Described]:
    """Every setting, in the order of their declaration."""
    for name, field in settings.model_fields.items():
        kind = next((word for type_, word in _KINDS if type_.__name__ in str(field.annotation)), "JSON")
        if "list" in str(field.annotation):
            kind = "JSON"
        has_default = field.default_factory is None and field.default is not None
        default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
        yield Described(name, kind, str(default) if has_default else "", field.description or "")


def read_settings(arguments: list[str], settings: type[Settings] = Settings) -> Settings:
    """The settings from flags, environment and file.

    Raises SettingsError or ValidationError; --help and --version exit, and so does a flag that there is none of.
    """
    parser = _Parser(settings)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    source = CliSettingsSource[Any](settings, cli_parse_args=arguments, root_parser=parser)
    return settings(_cli_settings_source=source)  # type: ignore[call-arg]


class _Parser(argparse.ArgumentParser):
    """Says the settings in words of its own."""

    def __init__(self, settings: type[Settings]) -> None:
        super().__init__(prog=PROGRAM, allow_abbrev=False)
        self._settings = settings

    def error(self, message: str) -> NoReturn:
        """Exit with what is wrong, which may quote a flag that holds a secret."""
        super().error(without_secrets(message))

    def format_usage(self) -> str:
        """One line."""
        return f"usage: {PROGRAM} [--SETTING VALUE ...]; --help lists the settings\n"

    def format_help(self) -> str:
        """A paragraph for each setting, as wide as the terminal."""
        width = max(60, shutil.get_terminal_size().columns)
        return _HELP + "".join(_paragraph(one, width) for one in described(self._settings))


def _paragraph(setting: Described, width: int) -> str:
    head = f"  {setting.flag} {setting.kind}"
    default = f" (default: {setting.default})" if setting.default else ""
    lines = textwrap.wrap(setting.meaning + default, width - _FIRST_COLUMN)
    beginning = [head] if len(head) >= _FIRST_COLUMN else [head.ljust(_FIRST_COLUMN) + lines.pop(0)]
    return "\n".join(beginning + [" " * _FIRST_COLUMN + line for line in lines]) + "\n"
