"""Counts of keys by prefix that are kept up to date key by key, because counting a million keys takes too long."""

MAX_PREFIXES = 64  # one per model is usual; every further one would slow down each creation and deletion


class PrefixCounts:
    """The number of keys under each prefix that was asked for."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def get(self, prefix: str) -> int | None:
        """The number of keys that begin with `prefix`; None if it has yet to be counted."""
        return self._counts.get(prefix)

    def set(self, prefix: str, count: int) -> None:
        """Take over a count; from here on `add` maintains it."""
        if prefix not in self._counts and len(self._counts) >= MAX_PREFIXES:
            del self._counts[next(iter(self._counts))]
        self._counts[prefix] = count

    def add(self, key: str, change: int) -> None:
        """A key came (+1) or went (-1)."""
        for prefix in self._counts:
            if key.startswith(prefix):
                self._counts[prefix] += change
