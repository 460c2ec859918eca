"""What the belief of a stream says, asked for in a way that leaves the stream and its clients' retries as they are."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from stream_filters_client.dashboard import columns
from stream_filters_client.estimates import FORECAST
from stream_filters_client.protocol import administration as backup
from stream_filters_client.protocol import belief
from stream_filters_client.protocol.calls import Conversation
from stream_filters_client.protocol.codec import Array, Floats
from stream_filters_client.protocol.inspection import ModelInfo
from stream_filters_client.protocol.sequence import Rows, infer
from stream_filters_client.result import Result

FORECAST_STEPS = 40
# less than any unit of time: a filter takes it for the least that it tells apart, in which nothing moves
_NO_TIME = 1e-100


@dataclass(frozen=True, slots=True)
class View:
    """What a belief says.

    offset: observations that it has seen. level: probability inside its bands. row: columns of one row.
    fan: columns of the forecasts, the next observation's first.
    """

    offset: int
    level: float
    row: dict[str, Floats]
    fan: dict[str, Floats] = field(default_factory=dict)


def states(model: str, sequence_ids: Sequence[str]) -> Conversation[dict[str, bytes | str]]:
    """The state of each stream that is there, or the sentence why the server cannot read it."""
    found: dict[str, bytes | str] = {}
    for begin in range(0, len(sequence_ids), backup.STREAMS_PER_REQUEST):
        part = sequence_ids[begin : begin + backup.STREAMS_PER_REQUEST]
        saved, unreadable = yield from backup.save(model, part)
        found |= {one.sequence_id: one.state for one in saved}
        found |= {one.sequence_id: one.reason for one in unreadable}
    return found


def view(info: ModelInfo, state: bytes) -> Conversation[View]:
    """What a state says: of the last observation where the model can be asked so, else of the one that comes next.

    A row with a missing observation teaches the filter nothing, and goes to no stream: the server filters it from the
    state and keeps nothing. A model of time steps is asked after no time at all, so that it is the belief as it stands;
    for the others a step passes, and what they say is for the next observation.
    """
    about = belief.read(state)
    level = float(about.config.get("interval", 0.9))
    dimension = int(about.config.get("dimension", info.dimension))
    filtered = any(tensor.name == "time_deltas" for tensor in info.inputs)
    drawn = tuple(name for name in columns.drawable(info.described) if not (filtered and name.startswith("predictive")))
    rows = Rows(
        np.full((1, dimension) if dimension > 1 else 1, np.nan),
        [_NO_TIME] if filtered else None,
        # the probability of a change at an observation that has not come says nothing
        (*(name for name in drawn if name not in {"change_probability", "log_evidence", "pit"}), *FORECAST),
        FORECAST_STEPS,
    )
    result = yield from infer(info.name, rows, state)
    row = {"observation": np.array([about.offset - filtered], dtype=np.float64)}
    fan = fan_of(result, about.offset if filtered else about.offset + 1)
    row |= columns.of_outputs(result, level)
    if not filtered:
        fan = _prepended(row, fan)
    return View(about.offset, level, row, fan)


def fan_of(result: Result, first: int) -> dict[str, Floats]:
    """Columns of a result's forecasts, the first one that of observation `first`; none if it has no forecasts."""
    if not set(FORECAST) <= set(result):
        return {}
    steps = np.arange(first, first + len(result["forecast_mean"]), dtype=np.float64)
    return {"observation": steps, **columns.of_forecast("forecast", result)}


def _prepended(row: dict[str, Floats], fan: dict[str, Floats]) -> dict[str, Floats]:
    """The fan with the prediction in front of it, which is its first step."""
    first: dict[str, Array] = {name.replace("predictive", "forecast", 1): values for name, values in row.items()}
    return {name: np.concatenate([first[name], values]) for name, values in fan.items()}


def names(model: str, most: int) -> Conversation[list[str]]:
    """Names of a model's streams, each once, in order; about `most` at most."""
    found: dict[str, None] = {}
    after = ""
    while True:
        page, after = yield from backup.page(model, after)
        found |= dict.fromkeys(page)
        if not after or len(found) >= most:
            return sorted(found)
