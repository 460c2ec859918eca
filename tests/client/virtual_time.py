"""An event loop whose clock jumps to what is next to happen: hours pass in no time, and always alike."""

import asyncio
import selectors
from typing import Any


class _Selector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now_seconds = 1_000.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if timeout is None and not ready:
            raise AssertionError("everything waits, and for nothing that will happen")
        self.now_seconds += 0.0 if ready else timeout or 0.0
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For coroutines that wait for nothing but time and each other."""

    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now_seconds
