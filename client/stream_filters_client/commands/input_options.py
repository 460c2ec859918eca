"""Options that say what to replay."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from stream_filters_client.commands.common import known_models
from stream_filters_client.errors import BadInput
from stream_filters_client.input import feeds
from stream_filters_client.input.feeds import Feed
from stream_filters_client.input.layout import Layout
from stream_filters_client.scenarios import MODELS, SCENARIOS

DEFAULT_LENGTH = 1_000
ALL = "all"
_STDIN = "-"


def _known_scenarios(incomplete: str) -> list[tuple[str, str]]:
    return [(name, one.description) for name, one in SCENARIOS.items() if name.startswith(incomplete)]


def _known_models(incomplete: str) -> list[str]:
    return [*known_models(incomplete), *(name for name in [ALL] if name.startswith(incomplete))]


@dataclass(frozen=True, slots=True)
class InputOptions:
    """What to replay; its fields are options of a command."""

    scenarios: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SCENARIO]...",
            help="Scenarios, all at once; or - for standard input.",
            autocompletion=_known_scenarios,
        ),
    ] = None
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help=f"Model for --file or standard input; again for several, or {ALL} to see which fits best.",
            autocompletion=_known_models,
        ),
    ] = None
    file: Annotated[
        list[Path] | None,
        typer.Option(
            "--file",
            "--csv",
            "--parquet",
            metavar="FILE",
            help="Replay this file: CSV and its relatives, JSON or Parquet, packed or not; again for more; "
            "- for standard input.",
        ),
    ] = None
    streams: Annotated[int, typer.Option(min=1, help="Replay each scenario as so many streams, with a seed each.")] = 1
    length: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Observations of a stream. [default: {DEFAULT_LENGTH} of a scenario, all of a file]",
            show_default=False,
        ),
    ] = None
    seed: Annotated[int, typer.Option(min=0, help="Seed of the scenarios: the same seed, the same bytes.")] = 1
    config: Annotated[str | None, typer.Option(metavar="JSON", help="Settings of the model for these streams.")] = None

    def feeds(self, layout: Layout) -> list[Feed]:
        """The streams to replay. Raises BadInput."""
        files = list(dict.fromkeys(self.file or ()))
        from_stdin = _STDIN in (self.scenarios or ()) or Path(_STDIN) in files
        files = [file for file in files if file != Path(_STDIN)]
        names = [name for name in dict.fromkeys(self.scenarios or ()) if name != _STDIN]
        models = self._models()
        self._check(names, models, own=bool(files) or from_stdin)
        config = _read_config(self.config)
        found = [
            feed
            for name in names
            for feed in feeds.from_scenario(name, self.seed, self.streams, self.length or DEFAULT_LENGTH, config)
        ]
        for file in files:
            own = feeds.from_file(file, layout, models, config, self.length)
            found += _renamed(own, {feed.group for feed in found}, file)
        if from_stdin:
            if len(models) > 1:
                raise BadInput("standard input is one stream, of one --model; write it to a file for more")
            found.append(feeds.from_stdin(layout, models[0], config, self.length))
        return found

    def _models(self) -> list[str]:
        given = list(dict.fromkeys(self.model or ()))
        return list(MODELS) if ALL in given else given

    def _check(self, names: Sequence[str], models: Sequence[str], *, own: bool) -> None:
        if not (names or own):
            raise BadInput("nothing to replay; name a scenario (see `stream-filters list --scenarios`), --file or -")
        if self.streams > 1 and not names:
            raise BadInput("--streams is for scenarios; a file or standard input is one stream")
        if own and not models:
            raise BadInput("--file and - need --model; see `stream-filters list`")
        if models and not own:
            raise BadInput("--model goes with --file or -; a scenario has its own model")


def _renamed(own: Sequence[Feed], taken: set[str], file: Path) -> list[Feed]:
    """The streams of a file, by names that no others have: with the model where there are several."""
    name = next(name for name in (own[0].name, file.name, str(file)) if name not in taken)
    if len(own) == 1:
        return [replace(own[0], name=name, group=name, data=name)]
    return [replace(feed, name=f"{name}-{feed.model}", group=f"{name}-{feed.model}", data=name) for feed in own]


def _read_config(text: str | None) -> dict[str, Any]:
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
