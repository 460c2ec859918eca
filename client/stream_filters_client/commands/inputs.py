"""What the options of `replay` say about its input."""

import json
from pathlib import Path
from typing import Any

from stream_filters_client import feeds
from stream_filters_client.errors import BadInput
from stream_filters_client.sources import UNITS, Layout

DEFAULT_LENGTH = 1_000


def known_unit(unit: str | None) -> str | None:
    """The unit, if it is one. Raises BadInput."""
    if unit is not None and unit not in UNITS:
        raise BadInput(f"--time-unit {unit!r} is unknown; choose {', '.join(UNITS)}")
    return unit


def read_config(text: str | None) -> dict[str, Any]:
    """Settings from JSON. Raises BadInput."""
    if text is None:
        return {}
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(
            f"--config is not JSON ({error.msg} at character {error.pos}); quote it for the shell"
        ) from error
    if not isinstance(config, dict):
        raise BadInput("--config is not a JSON object; write it as in --config '{\"interval\": 0.8}'")
    return config


def choose(
    scenarios: list[str],
    model: str | None,
    csv: Path | None,
    layout: Layout,
    config: dict[str, Any],
    *,
    seed: int,
    length: int | None,
) -> list[feeds.Feed]:
    """What to replay. Raises BadInput."""
    from_stdin = scenarios == ["-"] or csv == Path("-")
    if not from_stdin and csv is None:
        if not scenarios:
            raise BadInput("nothing to replay; name a scenario (see `stream-filters list --scenarios`), --csv or -")
        if model is not None:
            raise BadInput("--model goes with --csv or -; a scenario has its own model")
        return [feeds.from_scenario(name, seed, length or DEFAULT_LENGTH, config) for name in dict.fromkeys(scenarios)]
    if scenarios and scenarios != ["-"]:
        raise BadInput("scenarios and other input do not go together; replay one after the other")
    if model is None:
        raise BadInput("--csv and - need --model; see `stream-filters list`")
    if from_stdin:
        return [feeds.from_stdin(layout, model, config, length)]
    assert csv is not None  # noqa: S101 - told by the first condition
    return [feeds.from_file(csv, layout, model, config, length)]
