"""KServe's model server: both endpoints, one store, and an orderly end."""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Sequence

import uvloop
from kserve import ModelServer

from stream_filters.grpc_service import GrpcEndpoint
from stream_filters.model import FilterModel
from stream_filters.rest_service import FilterDataPlane, FixedRepository, RestEndpoint
from stream_filters.settings import Settings
from stream_filters.store.base import Store

logger = logging.getLogger("stream_filters")


class FilterServer(ModelServer):
    """Serves models until SIGTERM or SIGINT: readiness off, calls in flight answered, store closed.

    store: opened before the first request, closed after the last.
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
        await self._store.open()
        try:
            for model in models:
                model.load()
            self._register_and_check_atleast_one_model_is_ready(models)
            await self._serve_until_told(began)
        finally:
            await self._store.close()

    async def _serve_until_told(self, began: float) -> None:
        told = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told.set)
        settings = self._settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        rest = RestEndpoint(settings.host, settings.http_port, self.dataplane, self.model_repository_extension)
        grpc = GrpcEndpoint(f"{host}:{settings.grpc_port}", settings.max_message_bytes)
        grpc_port = await grpc.start(self.dataplane, self.model_repository_extension)
        serving = asyncio.create_task(rest.serve())
        self.dataplane.is_ready = True
        _announce(
            f"stream-filters is ready: grpc {host}:{grpc_port}, http {host}:{rest.port}, "
            f"models {','.join(self.registered_models.get_models())}, {time.perf_counter() - began:.1f} s"
        )
        waiting = asyncio.create_task(told.wait())
        await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
        self.dataplane.is_ready = False
        rest.stop(settings.grace_seconds)
        await asyncio.gather(grpc.stop(settings.grace_seconds), serving)
        waiting.cancel()
        _announce("stream-filters has ended")


def _announce(sentence: str) -> None:
    """Say on standard error what a person or a script at the terminal waits for, whatever the log level."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
