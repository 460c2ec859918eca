"""Compiling the filters before anything is served, with words for who waits."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event

from stream_filters.filters.base import Filter

_EVERY_SECONDS = 5.0
Say = Callable[[str], None]


def say(sentence: str) -> None:
    """On standard error, at once."""
    sys.stderr.write(f"stream-filters: {sentence}\n")
    sys.stderr.flush()


def compile_filters(filters: dict[str, Filter[Any]], say: Say = say) -> None:
    """Compile what the first request to each needs, or load it from numba's cache, which takes no time and no words.

    filters: bound filters by the names of their models.
    """
    began = time.perf_counter()
    done = 0
    for number, (name, bound) in enumerate(filters.items(), 1):
        with _watched(_Progress(f"{name} ({number} of {len(filters)})", say, quiet=done > 0)) as progress:
            bound.warm_up()
        done += progress.functions
    if done:
        say(f"compiled {done} functions in {time.perf_counter() - began:.0f} s; the next start finds them")


class _Progress(event.Listener):
    """Says at the first function that is compiled what is going on, and every few seconds how far it is."""

    def __init__(self, what: str, say: Say, *, quiet: bool) -> None:
        self.functions = 0
        self._what, self._say, self._quiet = what, say, quiet
        self._began = self._told = time.perf_counter()

    def on_start(self, event: event.Event) -> None:
        """A function is not in the cache."""
        del event
        if self.functions == 0 and not self._quiet:
            self._say(
                "the filters are compiled for this processor, which takes a minute or two for each and happens once"
            )
        self.functions += 1
        now = time.perf_counter()
        if self.functions == 1 or now - self._told >= _EVERY_SECONDS:
            self._told = now
            self._say(f"compiling {self._what}: {self.functions} functions, {now - self._began:.0f} s")

    def on_end(self, event: event.Event) -> None:
        """The function is compiled, with those that it calls."""
        del event


@contextmanager
def _watched(progress: _Progress) -> Iterator[_Progress]:
    event.register("numba:compile", progress)
    try:
        yield progress
    finally:
        event.unregister("numba:compile", progress)
