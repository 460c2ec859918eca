"""Every setting of the predictor, from flags, environment and a file, in this order."""

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource

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
        cli_prog_name="python -m stream_filters",
        cli_kebab_case=True,
        cli_hide_none_type=True,
        cli_avoid_json=False,
        extra="forbid",
        frozen=True,
    )

    host: str = Field("0.0.0.0", description="address that both ports listen on")  # noqa: S104  it runs in a pod
    grpc_port: int = Field(8081, ge=0, le=65_535, description="port of the v2 gRPC endpoint; 0 picks a free one")
    http_port: int = Field(8080, ge=0, le=65_535, description="port of the v2 REST endpoint; 0 picks a free one")
    models: list[ModelSettings] = Field(
        default_factory=_all_filters,
        min_length=1,
        description="served models as JSON: [{name, filter, config}, ...]; by default every filter under its own name",
    )
    store: str = Field("memory://", description="where streams are kept: memory://, sqlite:///file, valkey://host:port")
    ttl_seconds: float = Field(86_400.0, gt=0, description="an idle stream is forgotten after so long")
    replay_seconds: float = Field(60.0, gt=0, description="an ended stream answers retries of its end for so long")
    max_streams: int = Field(100_000, ge=1, description="live streams of one model")
    max_waiting: int = Field(64, ge=1, description="requests that may queue for one stream")
    max_rows: int = Field(100_000, ge=1, description="observations of one stream in one request")
    max_batch_rows: int = Field(1_000_000, ge=1, description="observations of all streams in one request")
    max_batch_streams: int = Field(10_000, ge=1, description="streams in one request")
    max_horizon: int = Field(10_000, ge=1, description="forecast steps in one request")
    max_message_bytes: int = Field(64 * 1024 * 1024, ge=1024, description="size of one gRPC message, in and out")
    compute_threads: int = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)), ge=1, description="threads for large requests"
    )
    grace_seconds: float = Field(30.0, gt=0, description="time for requests in flight when the server is told to stop")
    log_level: str = Field("warning", pattern="^(debug|info|warning|error)$", description="what the log shows")

    @field_validator("models")
    @classmethod
    def _names_differ(cls, models: list[ModelSettings]) -> list[ModelSettings]:
        names = [model.name for model in models]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"the name {min(twice)!r} is used by two models")
        return models

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before environment before the file that STREAM_FILTERS_FILE names."""
        file = os.environ.get(f"{PREFIX}FILE")
        found = [YamlConfigSettingsSource(settings_cls, yaml_file=Path(file))] if file else []
        return (*sources, named["init_settings"], named["env_settings"], *found)
