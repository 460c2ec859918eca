"""KServe's model server: both endpoints, one store, and an orderly end."""

import asyncio
import gc
import logging
import signal
import sys
import time
from collections.abc import Sequence

import uvloop
from kserve import ModelServer

from stream_filters.endpoints.addresses import in_brackets, usable_host
from stream_filters.endpoints.grpc_endpoint import GrpcEndpoint
from stream_filters.endpoints.rest_service import FilterDataPlane, FixedRepository, RestEndpoint
from stream_filters.endpoints.security import Token
from stream_filters.endpoints.store_watch import StoreWatch
from stream_filters.model import FilterModel
from stream_filters.settings import Settings
from stream_filters.store.base import Store

logger = logging.getLogger("stream_filters")
# how long a thread may keep the interpreter from the event loop: a fifth of what Python allows by itself
_SWITCH_SECONDS = 0.001


class FilterServer(ModelServer):
    """Serves models until SIGTERM or SIGINT.

    store: opened at the start, closed after the last request; while it does not answer, nothing is ready.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        super().__init__(
            http_port=settings.http_port,
            grpc_port=settings.grpc_port,
            enable_latency_logging=False,
            grace_period=int(settings.grace_seconds),
        )
        self._settings = settings
        self._store = store
        self.dataplane = FilterDataPlane(self.registered_models)
        self.model_repository_extension = FixedRepository(self.registered_models)

    def start(self, models: Sequence[FilterModel]) -> bool:
        """Serve `models` until told to stop; whether that was the end, and not a part that ended by itself.

        Raises StoreUnusableError, and OSError when an address can't be had.
        """
        return uvloop.run(self._run(list(models)))

    async def _run(self, models: list[FilterModel]) -> bool:
        began = time.perf_counter()
        told = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
        watch = StoreWatch(self._store, self._settings.store_check_seconds)
        try:
            await watch.try_to_open()
            for model in models:
                model.load()
            self._register_and_check_atleast_one_model_is_ready(models)
            _spare_the_loop()
            in_order = await self._serve(told, began, watch)
        finally:
            await self._store.close()
        _announce("stream-filters has ended")
        return in_order

    async def _serve(self, told: asyncio.Event, began: float, watch: StoreWatch) -> bool:
        # both ports listen at one address, told once from what the machine has
        settings = self._settings.model_copy(update={"host": usable_host(self._settings.host)})
        token = Token(settings.token_file) if settings.token_file else None
        host = in_brackets(settings.host)
        rest = RestEndpoint(settings, token, self.dataplane, self.model_repository_extension)
        grpc = GrpcEndpoint(settings, token, self.dataplane, self.model_repository_extension)
        await self._tell_ready(grpc, ready=False)
        grpc_port = await grpc.start(host)
        where = f"grpc {host}:{grpc_port}, http {host}:{rest.port}"
        if not watch.is_open:
            _announce(f"stream-filters waits for its store, live and not ready: {where}")

        async def follow_store() -> None:
            await watch.opened()
            await self._tell_ready(grpc, ready=True)
            names = ",".join(self.registered_models.get_models())
            _announce(f"stream-filters is ready: {where}, models {names}, {time.perf_counter() - began:.1f} s")
            await watch.follow(lambda ready: self._tell_ready(grpc, ready=ready))

        answering = asyncio.create_task(rest.serve(), name="the REST endpoint")
        following = asyncio.create_task(follow_store(), name="the watch of the store")
        ending = asyncio.create_task(told.wait())
        await asyncio.wait((answering, following, ending), return_when=asyncio.FIRST_COMPLETED)
        failed = [part for part in (answering, following) if _has_failed(part)]
        following.cancel()
        await self._tell_ready(grpc, ready=False)
        # callers that were told of this server a moment ago still come; they are answered
        await asyncio.sleep(settings.drain_seconds)
        rest.stop(settings.grace_seconds)
        await asyncio.gather(grpc.stop(settings.grace_seconds), answering, return_exceptions=True)
        ending.cancel()
        return not failed

    async def _tell_ready(self, grpc: GrpcEndpoint, *, ready: bool) -> None:
        self.dataplane.is_ready = ready
        await grpc.tell_health(list(self.registered_models.get_models()), serving=ready)


def _has_failed(part: asyncio.Task[None]) -> bool:
    """Whether a part that runs as long as the server does has ended; the log has the reason."""
    if not part.done():
        return False
    logger.error("%s has ended by itself, and the server with it", part.get_name(), exc_info=part.exception())
    return True


def _spare_the_loop() -> None:
    """Keep threads and the garbage collector from holding up the event loop for long."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    # what the start has made stays, and is far more than requests make: no collection need look at it again
    gc.collect()
    gc.freeze()
    # of what comes later, all of it is looked at a tenth as often as Python does: that takes long with many streams
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, 10 * old)


def _announce(sentence: str) -> None:
    """Say on standard error what a person or a script at the terminal waits for, whatever the log level."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
