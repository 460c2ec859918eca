"""The gRPC port: inference, health and reflection on one server."""

import time
from concurrent import futures
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension

from stream_filters.endpoints.admission import Admission, AdmissionInterceptor
from stream_filters.endpoints.arrival import ArrivalInterceptor
from stream_filters.endpoints.extensions import OWN_SERVICE, SERVICE, reflection_pool
from stream_filters.endpoints.grpc_service import Servicer, handlers
from stream_filters.endpoints.security import Token, TokenInterceptor, grpc_credentials
from stream_filters.settings import Settings

_LIVENESS = "liveness"
_WATCH = "/grpc.health.v1.Health/Watch"
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class GrpcEndpoint:
    """KServe's service, its streaming form, `grpc.health.v1` and reflection, in clear or over TLS."""

    def __init__(
        self, settings: Settings, token: Token | None, data_plane: DataPlane, repository: ModelRepositoryExtension
    ) -> None:
        self._settings = settings
        unary = Admission(settings.max_concurrent)
        streaming = Admission(settings.max_streaming_calls, "streaming calls open")
        self._servicer = Servicer(data_plane, repository, unary, streaming)
        admissions = {f"/{SERVICE}/ModelInfer": unary}
        admissions |= {f"/{service}/ModelStreamInfer": streaming for service in (SERVICE, OWN_SERVICE)}
        self._admission = AdmissionInterceptor(admissions)
        self._health = health_aio.HealthServicer()
        watches = {_WATCH: Admission(settings.max_watches, "health watches open")}
        arrival = ArrivalInterceptor(settings.max_half_open_calls, settings.arrival_seconds, watches)
        guards = [TokenInterceptor(token)] if token else []
        self._server = grpc.aio.server(
            futures.ThreadPoolExecutor(max_workers=1),
            interceptors=(*guards, self._admission, arrival),
            options=_options(settings),
        )
        self._server.add_generic_rpc_handlers(handlers(self._servicer, settings.reading_seconds))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (
            SERVICE,
            OWN_SERVICE,
            health_pb2.DESCRIPTOR.services_by_name["Health"].full_name,
            reflection.SERVICE_NAME,
        )
        reflection.enable_server_reflection(names, self._server, reflection_pool())

    async def start(self, host: str) -> int:
        """Listen; returns the port. Raises OSError when the address can't be had."""
        address = f"{host}:{self._settings.grpc_port}"
        credentials = grpc_credentials(self._settings)
        try:
            if credentials is None:
                port: int = self._server.add_insecure_port(address)
            else:
                port = self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise OSError(f"the gRPC endpoint cannot listen on {address}: {error}") from error
        # for probes: whoever gets an answer knows that the loop goes on, whether the store answers or not
        await self._health.set(_LIVENESS, _SERVING)
        await self._server.start()
        return port

    async def tell_health(self, models: list[str], *, serving: bool) -> None:
        """What health checks are answered, overall, for each service and for each model."""
        for name in ("", SERVICE, OWN_SERVICE, *models):
            await self._health.set(name, _SERVING if serving else _NOT_SERVING)

    async def stop(self, grace_seconds: float) -> None:
        """Take no new calls, end streaming ones, and give unary ones in flight `grace_seconds`."""
        self._servicer.close_streams()
        # what comes while gRPC itself stops is cancelled, which tells nobody to try again
        await self._admission.close()
        ends = time.monotonic() + grace_seconds
        await self._admission.finish(grace_seconds)
        await self._server.stop(max(0.0, ends - time.monotonic()))


def _options(settings: Settings) -> list[tuple[str, Any]]:
    options = [
        ("grpc.max_send_message_length", settings.max_message_bytes),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_concurrent_streams", settings.max_calls_per_connection),
        ("grpc.max_metadata_size", settings.max_metadata_bytes),
        ("grpc.absolute_max_metadata_size", settings.max_metadata_bytes_absolute),
        ("grpc.max_connection_idle_ms", int(settings.max_idle_seconds * 1000)),
        # a second process on the same port would take half of the calls, silently
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_time_ms", int(settings.keepalive_seconds * 1000)),
        # clients of long, quiet streams ping too
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ]
    if settings.max_connection_age_seconds is not None:
        options += [
            ("grpc.max_connection_age_ms", int(settings.max_connection_age_seconds * 1000)),
            ("grpc.max_connection_age_grace_ms", int(settings.max_connection_age_grace_seconds * 1000)),
        ]
    return options
