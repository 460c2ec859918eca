"""Fewer points for long streams, in a way that hides no extreme."""

from dataclasses import dataclass

import numpy as np

from stream_filters_client.protocol.codec import Array


@dataclass(frozen=True, slots=True)
class Thinning:
    """Drawing `rows` rows with about `most` points: of each `step` rows in a row, only what stands out.

    A step of one draws every row.
    """

    rows: int
    most: int

    @property
    def step(self) -> int:
        """How many rows become one bucket; a bucket draws at most two points."""
        return 1 if self.rows <= self.most else -(-2 * self.rows // self.most)

    @property
    def told(self) -> str:
        """What was left out, in words; empty if nothing was."""
        if self.step == 1:
            return ""
        return f"Of every {self.step:,} rows the lowest and the highest are drawn; bands are as wide as their widest."

    def extremes(self, values: Array) -> Array:
        """Rows at which the values [T] are the least and the greatest of their buckets, ascending."""
        if self.step == 1:
            return np.arange(len(values))
        buckets = self._buckets(values, np.nan)
        starts = self.step * np.flatnonzero(np.isfinite(buckets).any(axis=1))
        known = buckets[starts // self.step]
        rows = np.concatenate([starts + np.nanargmin(known, axis=1), starts + np.nanargmax(known, axis=1)])
        return np.unique(rows)

    def envelope(self, lower: Array, upper: Array) -> tuple[Array, Array, Array]:
        """Rows of a band and its ends there, [N] each: everything that lay between lower and upper [T] lies inside."""
        if self.step == 1:
            return np.arange(len(lower)), lower, upper
        lowest = np.min(self._buckets(lower, np.inf, unknown=np.inf), axis=1)
        highest = np.max(self._buckets(upper, -np.inf, unknown=-np.inf), axis=1)
        begins = self.step * np.arange(len(lowest))
        ends = np.minimum(begins + self.step, len(lower)) - 1
        rows = np.stack([begins, ends], axis=1).ravel()
        low, high = (np.repeat(np.where(np.isfinite(each), each, np.nan), 2) for each in (lowest, highest))
        return rows, low, high

    def means(self, shares: Array) -> tuple[Array, Array]:
        """Rows and the means [K, N] of shares [K, T] in each bucket."""
        if self.step == 1:
            return np.arange(shares.shape[1]), shares
        begins = np.arange(0, shares.shape[1], self.step)
        counts = np.diff(np.append(begins, shares.shape[1]))
        return begins + counts // 2, np.add.reduceat(shares, begins, axis=1) / counts

    def stretches(self, labels: Array) -> tuple[Array, Array]:
        """First and last rows, [N] each, of stretches with one label; a bucket of labels [T] has its first one's."""
        sampled = np.arange(0, len(labels), self.step)
        begins = sampled[np.flatnonzero(np.diff(labels[sampled], prepend=labels[0] - 1))]
        return begins, np.append(begins[1:], len(labels)) - 1

    def marks(self, rows: Array) -> Array:
        """Of marks at these rows, the first in each bucket."""
        _, first = np.unique(rows // self.step, return_index=True)
        return rows[first]

    def _buckets(self, values: Array, padding: float, unknown: float | None = None) -> Array:
        """[T] as [buckets, step]; the last bucket is filled up."""
        known = values if unknown is None else np.where(np.isfinite(values), values, unknown)
        short = -len(values) % self.step
        return np.append(known, np.full(short, padding)).reshape(-1, self.step)
