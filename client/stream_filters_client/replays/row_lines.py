"""A plain line for each row of a replay, as its answer comes: for eyes, grep and awk."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TextIO

import numpy as np

from stream_filters_client.input.stdin import Chunk
from stream_filters_client.protocol.codec import Array
from stream_filters_client.replays.replay import Replay
from stream_filters_client.replays.stamps import stamp_text
from stream_filters_client.result import Result
from stream_filters_client.scoring.score_lines import number


class RowLines:
    """Writes to a file of text: name, offset, time, what was observed, what was expected and within which ends."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    @classmethod
    @contextmanager
    def opened(cls, file: TextIO | None, replays: Sequence[Replay]) -> Iterator[None]:
        """Let the replays write their rows, beside what else is kept of them; nowhere if None."""
        if file is not None:
            lines = cls(file)
            for replay in replays:
                replay.keepers.append(partial(lines.add, replay.feed.name))
        yield

    def add(self, name: str, chunk: Chunk, result: Result) -> None:
        """The rows of one answer. Raises BrokenPipeError."""
        first = result.offset or 0
        for row in range(len(chunk.observations)):
            words = [name, str(first + row)]
            if chunk.stamps is not None:
                words.append(stamp_text(chunk.stamps[row]))
            words += [_numbers(chunk.observations[row]), *_expected(result, row)]
            self._file.write(" ".join(words) + "\n")
        self._file.flush()


def _numbers(values: Array) -> str:
    return ",".join(number(float(value)) for value in np.ravel(values))


def _expected(result: Result, row: int) -> Iterator[str]:
    if "predictive_mean" in result:
        yield f"expected {_numbers(result['predictive_mean'][row])}"
    if "predictive_interval" in result:
        ends = result["predictive_interval"][row].reshape(-1, 2)
        yield f"from {_numbers(ends[:, 0])} to {_numbers(ends[:, 1])}"
    if "position_mean" in result:
        yield f"position {_numbers(result['position_mean'][row])}"
    if "regime" in result:
        yield f"regime {int(result['regime'][row])}"
