"""What the options of `replay` say about its input."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stream_filters_client.errors import BadInput
from stream_filters_client.input import feeds
from stream_filters_client.input.sources import Layout
from stream_filters_client.input.times import UNITS

DEFAULT_LENGTH = 1_000
_STDIN = Path("-")


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


@dataclass(frozen=True, slots=True)
class Source:
    """What to replay, as the options say it.

    scenarios: their names, - for standard input. file: of observations, - for standard input. model, layout: of the
    file or standard input. config: settings of all streams. seed, streams: of each scenario.
    length: observations of each stream, None for all that there are.
    """

    scenarios: tuple[str, ...]
    file: Path | None
    model: str | None
    layout: Layout
    config: Mapping[str, Any]
    seed: int
    streams: int
    length: int | None

    def read(self) -> list[feeds.Feed]:
        """The streams to replay. Raises BadInput."""
        from_stdin = "-" in self.scenarios or self.file == _STDIN
        file = None if self.file == _STDIN else self.file
        names = [name for name in dict.fromkeys(self.scenarios) if name != "-"]
        if not (names or from_stdin or file):
            raise BadInput("nothing to replay; name a scenario (see `stream-filters list --scenarios`), --file or -")
        if self.streams > 1 and not names:
            raise BadInput("--streams is for scenarios; a file or standard input is one stream")
        if self.model is None and (from_stdin or file):
            raise BadInput("--file and - need --model; see `stream-filters list`")
        found = [feed for name in names for feed in self._of_scenario(name)]
        if self.model is None:
            return found
        if not (from_stdin or file):
            raise BadInput("--model goes with --file or -; a scenario has its own model")
        if file is not None:
            feed = feeds.from_file(file, self.layout, self.model, self.config, self.length)
            # a name belongs to one of them
            found.append(replace(feed, name=file.name, group=file.name) if feed.name in names else feed)
        if from_stdin:
            found.append(feeds.from_stdin(self.layout, self.model, self.config, self.length))
        return found

    def _of_scenario(self, name: str) -> list[feeds.Feed]:
        return feeds.from_scenario(name, self.seed, self.streams, self.length or DEFAULT_LENGTH, self.config)
