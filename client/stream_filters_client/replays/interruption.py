"""How a command that goes on until it is interrupted ends in order."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from stream_filters_client.aio import AsyncStreamClient
from stream_filters_client.protocol.calls import Patience

# an interrupted command does not wait longer for a server that is gone
_LAST_PATIENCE = Patience(timeout_seconds=2.0, retry_seconds=2.0)
_T = TypeVar("_T")


def run(command: Coroutine[Any, Any, _T]) -> _T:
    """What a command that stops on signals comes to. Raises KeyboardInterrupt when it was asked twice to stop."""
    try:
        return asyncio.run(command)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def stop_on_signals(stop: asyncio.Event, client: AsyncStreamClient) -> None:
    """The first Ctrl-C or SIGTERM sets `stop`, to end the streams in order; a second one gives up what is under way."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def stopped() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        client.patience = _LAST_PATIENCE
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped)


def stop_if_failed(watching: asyncio.Task[Any], stop: asyncio.Event) -> None:
    """A view that nobody reads any more, or that failed, is no reason to go on unseen."""
    if not watching.cancelled() and watching.exception() is not None:
        stop.set()
