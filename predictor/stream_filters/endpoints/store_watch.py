"""Opens the store, and looks now and then whether it answers; a store that is away is waited for."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from stream_filters.store.base import Store, StoreFullError, StoreUnusableError

logger = logging.getLogger("stream_filters")
# a store that is away is told of at once, and then so often
_TELL_SECONDS = 60.0
# a check that takes longer has got no answer, whatever the store's own timeouts are
_PATIENCE_SECONDS = 30.0


class StoreWatch:
    """Whether the store answers; whatever the store raises, the watch goes on.

    check_seconds: how often it is asked. clock: seconds, never going back.
    """

    def __init__(self, store: Store, check_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._check_seconds = check_seconds
        self._clock = clock
        self.is_open = False
        self._away_since: float | None = None
        self._told = 0.0

    async def try_to_open(self) -> bool:
        """Whether the store is open now. Raises StoreUnusableError when waiting for it does not help."""
        try:
            await self._store.open()
        except StoreUnusableError:
            raise
        except Exception as error:
            self._is_away(error)
            return False
        self.is_open = True
        self._is_back()
        return True

    async def opened(self) -> None:
        """Returns when the store is open. Raises StoreUnusableError."""
        while not self.is_open and not await self.try_to_open():
            await asyncio.sleep(self._check_seconds)

    async def follow(self, tell: Callable[[bool], Awaitable[None]]) -> None:
        """Tell whether the store answers, again and again, for ever."""
        while True:
            await asyncio.sleep(self._check_seconds)
            await tell(await self._answers())

    async def _answers(self) -> bool:
        try:
            await asyncio.wait_for(self._store.check(), _PATIENCE_SECONDS)
        except StoreFullError:
            pass  # it answers; what needs room is refused by name, and streams can be ended
        except TimeoutError:
            self._is_away(f"no answer within {_PATIENCE_SECONDS:g} s")
            return False
        except Exception as error:
            self._is_away(error)
            return False
        self._is_back()
        return True

    def _is_away(self, reason: object) -> None:
        now = self._clock()
        if self._away_since is None:
            self._away_since = now
        elif now - self._told < _TELL_SECONDS:
            return
        self._told = now
        logger.warning("not ready: the store is away for %.0f s: %s", now - self._away_since, reason)

    def _is_back(self) -> None:
        if self._away_since is not None:
            logger.warning("the store answers again, after %.0f s", self._clock() - self._away_since)
            self._away_since = None
