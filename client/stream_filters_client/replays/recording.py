"""What was sent and what came back, as long as it is kept."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Self

import numpy as np

from stream_filters_client import estimates
from stream_filters_client.input.stdin import Chunk
from stream_filters_client.protocol.codec import Array
from stream_filters_client.protocol.inspection import ModelInfo
from stream_filters_client.result import Result
from stream_filters_client.scoring.scores import normal_band

# What is kept for scores and plots: the last observations of a stream, and of all streams together.
KEPT_ROWS = 200_000
KEPT_ROWS_IN_ALL = 1_000_000
# answers are joined from this size on: a small answer costs more memory than its numbers
BLOCK_ROWS = 512
# a quantity of more numbers a row is not looked at
_MOST_NUMBERS = 100


def wanted_outputs(model: ModelInfo, horizon: int | None) -> tuple[str, ...]:
    """The outputs that scores and views need of a model: its prediction, and every quantity that is small."""
    known = estimates.read(model.described).quantities
    names = {
        *estimates.PREDICTION,
        *(name for one in known if prod(one.shape) <= _MOST_NUMBERS for name in one.outputs),
    }
    return (*(name for name in model.described if name in names), *(estimates.FORECAST if horizon else ()))


def kept_rows(streams: int) -> int:
    """How many rows each of so many streams keeps."""
    return min(KEPT_ROWS, max(KEPT_ROWS_IN_ALL // max(streams, 1), 1))


def row_outputs(result: Result) -> dict[str, Array]:
    """The outputs that have a row for each observation."""
    return {name: values for name, values in result.items() if name not in estimates.FORECAST}


def forecast_outputs(result: Result) -> dict[str, Array]:
    """The outputs that have a row for each step of a forecast; none if there was no forecast."""
    return {name: result[name] for name in estimates.FORECAST if name in result}


@dataclass(frozen=True, slots=True)
class _Block:
    """Observations [T] or [T, D]; the time since the one before, and the stamp, [T] or None; outputs [T, ...]."""

    observations: Array
    time_deltas: Array | None
    stamps: Array | None
    outputs: Mapping[str, Array]

    def __len__(self) -> int:
        return len(self.observations)


@dataclass(slots=True)
class Recording:
    """What was sent and what came back, as long as it is kept.

    kept_rows: how many rows are kept. first: offset of the first of them. count: rows in all. last: the newest answer.
    """

    kept_rows: int = KEPT_ROWS
    first: int = 0
    count: int = 0
    last: Result | None = None
    _blocks: deque[_Block] = field(default_factory=deque)
    _open: list[_Block] = field(default_factory=list)
    _open_rows: int = 0

    def append(self, chunk: Chunk, result: Result) -> None:
        """Remember one request."""
        self.last = result
        self.count += len(chunk.observations)
        self._open.append(_Block(chunk.observations, chunk.time_deltas, chunk.stamps, row_outputs(result)))
        self._open_rows += len(chunk.observations)
        if self._open_rows >= min(BLOCK_ROWS, self.kept_rows):
            self._blocks.append(_joined(self._open))
            self._open, self._open_rows = [], 0
        while self._blocks and self.count - self.first - len(self._blocks[0]) >= self.kept_rows:
            self.first += len(self._blocks.popleft())

    def snapshot(self) -> Self:
        """The same as it is now; it stays so while the recording goes on."""
        return replace(self, _blocks=self._blocks.copy(), _open=self._open.copy())

    def observations(self, rows: int | None = None) -> Array:
        """Observations kept, or the last `rows` of them."""
        return _concatenated([block.observations for block in self._tail(rows)], rows)

    def time_deltas(self) -> Array | None:
        """Time between each row kept and the one before it, [T]; None if it is not known of all."""
        return _known([block.time_deltas for block in self._tail(None)])

    def stamps(self, rows: int | None = None) -> Array | None:
        """When each row kept was, or each of the last `rows`, as datetime64 or as numbers; None if it is not known."""
        known = _known([block.stamps for block in self._tail(rows)])
        return known if known is None or rows is None else known[-rows:]

    def output(self, name: str, rows: int | None = None) -> Array | None:
        """An output for every row kept, or for the last `rows`; None if it never came."""
        parts = [block.outputs[name] for block in self._tail(rows) if name in block.outputs]
        return _concatenated(parts, rows) if parts else None

    @property
    def reading(self) -> estimates.Reading:
        """What the outputs of the newest answer say."""
        return estimates.read_arrays({} if self.last is None else row_outputs(self.last))

    def bands(self, one: estimates.Quantity, level: float, rows: int | None = None) -> Array | None:
        """Middle, lower and upper end of a quantity, [T, ..., 3], for every row kept, or for the last `rows`."""
        parts = [self.output(name, rows) for name in one.outputs]
        if (values := parts[0]) is None or (std := parts[-1]) is None:
            return None
        return values if len(parts) == 1 else np.stack([values, *normal_band(values, std, level)], axis=-1)

    def names(self) -> list[str]:
        """The outputs that have a row for each observation."""
        return [] if self.last is None else list(row_outputs(self.last))

    def _tail(self, rows: int | None) -> list[_Block]:
        blocks = [*self._blocks, *self._open]
        if rows is None:
            return blocks
        begin = len(blocks)
        while begin > 0 and rows > 0:
            begin -= 1
            rows -= len(blocks[begin])
        return blocks[begin:]


def _joined(blocks: list[_Block]) -> _Block:
    names = [name for name in blocks[0].outputs if all(name in block.outputs for block in blocks)]
    outputs = {name: np.concatenate([block.outputs[name] for block in blocks]) for name in names}
    return _Block(
        np.concatenate([block.observations for block in blocks]),
        _known([block.time_deltas for block in blocks]),
        _known([block.stamps for block in blocks]),
        outputs,
    )


def _known(parts: list[Array | None]) -> Array | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if parts and len(known) == len(parts) else None


def _concatenated(parts: list[Array], rows: int | None) -> Array:
    if not parts:
        return np.empty(0)
    joined = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return joined if rows is None else joined[-rows:]
