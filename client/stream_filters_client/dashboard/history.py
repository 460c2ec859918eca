"""What is kept of a stream: its last rows, by column."""

from collections.abc import Mapping

import numpy as np

from stream_filters_client.protocol.codec import Array, Floats

# as many as a chart can show, and a browser draw several times a second
KEPT_ROWS = 600


class History:
    """The last `limit` rows of a stream's columns, [T] each; NaN where a row has no value in a column.

    count: rows that ever came, by which a reader knows what is new to him.
    """

    def __init__(self, limit: int = KEPT_ROWS) -> None:
        self.count = 0
        self._limit = limit
        self._columns: dict[str, Floats] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in the order in which they came."""
        return tuple(self._columns)

    def __len__(self) -> int:
        return min(self.count, self._limit)

    def append(self, rows: Mapping[str, Array]) -> None:
        """Add rows, the same number in every column."""
        added = len(next(iter(rows.values())))
        kept = len(self)
        for name in dict.fromkeys((*self._columns, *rows)):
            before = self._columns.get(name, np.full(kept, np.nan))
            new = rows.get(name, np.full(added, np.nan))
            self._columns[name] = np.concatenate([before, new])[-self._limit :]
        self.count += added

    def since(self, count: int) -> dict[str, Floats]:
        """The rows after the first `count`, as far as they are kept."""
        new = min(self.count - count, len(self))
        return {name: values[len(values) - new :] for name, values in self._columns.items()}
