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
from stream_filters.model import FilterModel
from stream_filters.settings import Settings
from stream_filters.store.base import Store, StoreUnavailableError

logger = logging.getLogger("stream_filters")
# how long a thread may keep the interpreter from the event loop: a fifth of what Python allows by itself
_SWITCH_SECONDS = 0.001


class FilterServer(ModelServer):
    """Serves models until SIGTERM or SIGINT.

    store: opened before the first request, closed after the last; while it does not answer, nothing is ready.
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

    def start(self, models: Sequence[FilterModel]) -> None:
        """Serve `models`; returns when the server has ended."""
        uvloop.run(self._run(list(models)))

    async def _run(self, models: list[FilterModel]) -> None:
        began = time.perf_counter()
        told = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
        await self._store.open()
        try:
            for model in models:
                model.load()
            self._register_and_check_atleast_one_model_is_ready(models)
            _spare_the_loop()
            await self._serve(told, began)
        finally:
            await self._store.close()
        _announce("stream-filters has ended")

    async def _serve(self, told: asyncio.Event, began: float) -> None:
        settings = self._settings
        token = Token(settings.token_file) if settings.token_file else None
        host = in_brackets(usable_host(settings.host))
        rest = RestEndpoint(settings, token, self.dataplane, self.model_repository_extension)
        grpc = GrpcEndpoint(settings, token, self.dataplane, self.model_repository_extension)
        grpc_port = await grpc.start(host)
        answering = asyncio.create_task(rest.serve())
        await self._check_store(grpc)
        watching = asyncio.create_task(self._watch_store(grpc))
        names = ",".join(self.registered_models.get_models())
        _announce(
            f"stream-filters is ready: grpc {host}:{grpc_port}, http {host}:{rest.port}, "
            f"models {names}, {time.perf_counter() - began:.1f} s"
        )
        ending = asyncio.create_task(told.wait())
        await asyncio.wait((answering, ending, watching), return_when=asyncio.FIRST_COMPLETED)
        watching.cancel()
        await self._tell_ready(grpc, ready=False)
        # callers that were told of this server a moment ago still come; they are answered
        await asyncio.sleep(settings.drain_seconds)
        rest.stop(settings.grace_seconds)
        await asyncio.gather(grpc.stop(settings.grace_seconds), answering)
        ending.cancel()

    async def _watch_store(self, grpc: GrpcEndpoint) -> None:
        while True:
            await asyncio.sleep(self._settings.store_check_seconds)
            await self._check_store(grpc)

    async def _check_store(self, grpc: GrpcEndpoint) -> None:
        """Ready while the store answers."""
        try:
            await self._store.check()
        except StoreUnavailableError as error:
            if self.dataplane.is_ready:
                logger.warning("not ready: the store is away: %s", error)
            await self._tell_ready(grpc, ready=False)
        else:
            await self._tell_ready(grpc, ready=True)

    async def _tell_ready(self, grpc: GrpcEndpoint, *, ready: bool) -> None:
        self.dataplane.is_ready = ready
        await grpc.tell_health(list(self.registered_models.get_models()), serving=ready)


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
