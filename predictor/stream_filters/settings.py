"""Every setting of the predictor, from flags, environment and a file, in this order."""

import os
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)
from yaml import YAMLError  # type: ignore[import-untyped]

from stream_filters.credentials import read_token, server_context
from stream_filters.filters import REGISTRY

PREFIX = "STREAM_FILTERS_"


class ModelSettings(BaseModel):
    """One served model: a filter under a name, with its own settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$", description="the model's name on the wire")
    filter: str = Field(description="the filter that it runs")
    config: dict[str, Any] = Field(default_factory=dict, description="the filter's settings")

    @field_validator("filter")
    @classmethod
    def _is_registered(cls, name: str) -> str:
        if name not in REGISTRY:
            raise ValueError(f"there is no filter {name!r}; known are {', '.join(REGISTRY)}")
        return name


def _all_filters() -> list[ModelSettings]:
    return [ModelSettings(name=name, filter=name) for name in REGISTRY]


class Settings(BaseSettings):
    """Serve online Bayesian filters over KServe's v2 protocol."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        cli_kebab_case=True,
        cli_hide_none_type=True,
        cli_avoid_json=False,
        extra="forbid",
        frozen=True,
    )

    host: str = Field(
        "::", description="address that both ports listen on; `::` is every one, IPv4's too, and works without IPv6"
    )
    grpc_port: int = Field(8081, ge=0, le=65_535, description="port of the v2 gRPC endpoint; 0 picks a free one")
    http_port: int = Field(8080, ge=0, le=65_535, description="port of the v2 REST endpoint; 0 picks a free one")
    models: list[ModelSettings] = Field(
        default_factory=_all_filters,
        min_length=1,
        description="served models as JSON: [{name, filter, config}, ...]; by default every filter under its own name",
    )
    store: SecretStr = Field(
        SecretStr("memory://"), description="where streams are kept: memory://, sqlite:///file, valkey://host:port"
    )
    ttl_seconds: float = Field(86_400.0, gt=0, description="an idle stream is forgotten after so long")
    replay_seconds: float = Field(60.0, gt=0, description="an ended stream answers retries of its end for so long")
    max_streams: int = Field(100_000, ge=1, description="live streams of one model")
    max_waiting: int = Field(64, ge=1, description="requests that may queue for one stream")
    max_rows: int = Field(100_000, ge=1, description="observations of one stream in one request")
    max_batch_rows: int = Field(1_000_000, ge=1, description="observations of all streams in one request")
    max_batch_streams: int = Field(10_000, ge=1, description="streams in one request")
    max_horizon: int = Field(10_000, ge=1, description="forecast steps in one request")
    max_work_bytes: int = Field(512 * 1024 * 1024, ge=1024, description="size of all large requests in work at once")
    max_compute_seconds: float = Field(30.0, gt=0, description="time of a processor that one request may take")
    max_state_bytes: int = Field(
        65_536, ge=1, description="size of a stream's state, which the settings that a stream begins with decide"
    )
    max_message_bytes: int = Field(64 * 1024 * 1024, ge=1024, description="size of one gRPC message, in and out")
    max_body_bytes: int = Field(16 * 1024 * 1024, ge=1024, description="size of the body of one REST request")
    compute_threads: int = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)), ge=1, description="threads for large requests"
    )
    max_concurrent: int = Field(
        256, ge=1, description="requests in work at once, of gRPC and of REST each; more are turned away"
    )
    max_streaming_calls: int = Field(1_000, ge=1, description="streaming calls open at once; more are turned away")
    max_half_open_calls: int = Field(
        1_000, ge=1, description="gRPC calls that have yet to send their message; more are turned away"
    )
    max_watches: int = Field(256, ge=1, description="health watches open at once; more are turned away")
    max_calls_per_connection: int = Field(256, ge=1, description="calls open at once on one gRPC connection")
    max_connections: int = Field(4_096, ge=1, description="REST connections open at once; more are closed")
    max_metadata_bytes: int = Field(
        8_192, ge=1_024, description="size of a gRPC call's metadata beyond which some calls are turned away"
    )
    max_metadata_bytes_absolute: int = Field(
        16_384, ge=1_024, description="size of a gRPC call's metadata beyond which every call is turned away"
    )
    arrival_seconds: float = Field(
        20.0, gt=0, description="time for a request to come: a gRPC call's message, REST's head and its body"
    )
    reading_seconds: float = Field(60.0, gt=0, description="time for an answer to be taken; a streaming call then ends")
    max_idle_seconds: float = Field(300.0, gt=0, description="a gRPC connection without calls is closed after so long")
    keepalive_seconds: float = Field(60.0, gt=0, description="ping a silent gRPC connection so often")
    max_connection_age_seconds: float | None = Field(
        None, gt=0, description="ask clients to connect again after so long, so that new replicas get their share"
    )
    max_connection_age_grace_seconds: float = Field(30.0, gt=0, description="time for calls on an aged connection")
    tls_cert_file: Path | None = Field(None, description="certificate chain (PEM) of both ports; read again on change")
    tls_key_file: Path | None = Field(None, description="its private key (PEM)")
    tls_client_ca_file: Path | None = Field(None, description="demand client certificates of this authority (PEM)")
    token_file: Path | None = Field(None, description="demand the bearer token in this file; health is exempt")
    drain_seconds: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="keep answering so long, not ready, when told to stop"
    )
    grace_seconds: float = Field(30.0, gt=0, allow_inf_nan=False, description="then, time for requests in flight")
    store_check_seconds: float = Field(2.0, gt=0, description="how often the store is asked whether it answers")
    log_level: str = Field("warning", pattern="^(debug|info|warning|error)$", description="what the log shows")

    @field_validator("models")
    @classmethod
    def _names_differ(cls, models: list[ModelSettings]) -> list[ModelSettings]:
        names = [model.name for model in models]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"the name {min(twice)!r} is used by two models")
        return models

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("--tls-cert-file and --tls-key-file come together; give both or none")
        if self.tls_client_ca_file and not self.tls_cert_file:
            raise ValueError("--tls-client-ca-file needs --tls-cert-file and --tls-key-file")
        for file in (self.tls_cert_file, self.tls_key_file, self.tls_client_ca_file, self.token_file):
            if file is not None and not file.is_file():
                raise ValueError(f"there is no file {file}")
        if self.token_file:
            read_token(self.token_file)
        if self.tls_cert_file and self.tls_key_file:
            server_context(self.tls_cert_file, self.tls_key_file, self.tls_client_ca_file)
        return self

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before environment before the file that STREAM_FILTERS_FILE names."""
        file = os.environ.get(f"{PREFIX}FILE")
        found = [_read_file(settings_cls, Path(file))] if file else []
        return (*sources, named["init_settings"], named["env_settings"], *found)


def _own_file() -> SecretStr:
    """The URL of a SQLite file in the user's data folder, which is made. Raises OSError where it cannot be."""
    folder = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share").resolve() / "stream-filters"
    folder.mkdir(parents=True, exist_ok=True)
    return SecretStr(f"sqlite://{quote(str(folder))}/streams.db")


class LocalSettings(Settings):
    """As for a pod, but what suits a person's own machine: nobody else is served, and streams outlive the process."""

    host: str = Field("127.0.0.1", description="address that both ports listen on; `::` is every one")
    store: SecretStr = Field(
        default_factory=_own_file,
        description="where streams are kept: memory://, sqlite:///file, valkey://host:port; by default a SQLite file "
        "in the user's data folder, ~/.local/share/stream-filters",
    )


def _read_file(settings_cls: type[BaseSettings], file: Path) -> YamlConfigSettingsSource:
    """The settings in a YAML file. Raises ValueError when there is none, which pydantic passes over in silence."""
    if not file.is_file():
        raise ValueError(f"{PREFIX}FILE: there is no file {file}")
    try:
        return YamlConfigSettingsSource(settings_cls, yaml_file=file)
    except (YAMLError, SettingsError, TypeError, ValueError, UnicodeDecodeError) as error:
        # what the parser says quotes the lines around, where a password may be
        mark = getattr(error, "problem_mark", None)
        where = f"; line {mark.line + 1} cannot be read" if mark else ""
        raise ValueError(f"{PREFIX}FILE: {file} is not YAML of names and values{where}") from None
