"""KServe's REST endpoint with the statuses of our refusals."""

import asyncio
import contextlib
import json
import struct
from collections.abc import Iterator
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from kserve import InferRequest, InferResponse
from kserve.constants.constants import INFERENCE_CONTENT_LENGTH_HEADER, PredictorProtocol
from kserve.errors import InferenceError, InvalidInput
from kserve.model_server import FASTAPI_APP_IMPORT_STRING, app
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.server import RESTServer, metrics_handler
from kserve.protocol.rest.v2_datamodels import InferenceRequest
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from stream_filters import __version__
from stream_filters.endpoints.addresses import listening_socket
from stream_filters.endpoints.rest_connections import Connections, bounded
from stream_filters.endpoints.rest_forms import FormsMiddleware
from stream_filters.endpoints.rest_limits import LimitsMiddleware
from stream_filters.endpoints.security import Token, TokenMiddleware, rest_tls
from stream_filters.errors import CODES, RefusedCall, answer_rest
from stream_filters.model import USUAL_NAMES, named_model
from stream_filters.refusals import InvalidRequest, Unsupported
from stream_filters.settings import Settings


class FilterDataPlane(DataPlane):
    """KServe's data plane, which knows whether the server is ready."""

    def __init__(self, model_registry: Any) -> None:
        super().__init__(model_registry=model_registry)
        self.is_ready = False

    async def ready(self) -> bool:
        """Whether every model can answer, and none is about to go."""
        return self.is_ready

    async def model_ready(self, model_name: str, disable_predictor_health_check: bool = False) -> bool:
        """Whether the model can answer. A draining server still does, but says no to probes."""
        known: bool = await super().model_ready(model_name, disable_predictor_health_check)
        return known and (self.is_ready or disable_predictor_health_check)

    def metadata(self) -> dict[str, Any]:
        """Name, version and extensions of this server."""
        return {"name": "stream-filters", "version": __version__, "extensions": ["sequence", "sequence(string_id)"]}

    def decode(
        self, body: Any, headers: Any, protocol_version: str = PredictorProtocol.REST_V1.value, model_name: Any = None
    ) -> tuple[Any, dict[str, Any]]:
        """KServe's decoding of v2; the v1 protocol, which has no place for streams and offsets, is refused."""
        if protocol_version == PredictorProtocol.REST_V1.value:
            raise RefusedCall(
                Unsupported(
                    "v1 knows no tensors and no streams; send a v2 inference request to /v2/models/{name}/infer"
                )
            )
        decoded: tuple[Any, dict[str, Any]] = super().decode(body, headers, protocol_version, model_name)
        return decoded

    def encode(self, model_name: str, response: Any, headers: Any, req_attributes: Any) -> tuple[Any, dict[str, str]]:
        """KServe's encoding, with the facts of a CloudEvent in JSON as JSON is: null, and no NaN."""
        more = {}
        if isinstance(response, InferResponse):
            response, json_size = response.to_rest()
            more = {} if json_size is None else {INFERENCE_CONTENT_LENGTH_HEADER: str(json_size)}
        if isinstance(response, dict) and _is_cloud_event(headers):
            response = json.loads(json.dumps(response), parse_constant=lambda _: None)
        encoded, told = super().encode(model_name, response, headers, req_attributes)
        return encoded, {**told, **more}

    def decode_inference_request(self, body: Any, headers: dict[str, str], model_name: str) -> InferRequest:
        """KServe's decoding; what it fails on is refused. Without a binary part a body is JSON, whatever its type."""
        if isinstance(body, bytes) and INFERENCE_CONTENT_LENGTH_HEADER not in headers:
            try:
                body = InferenceRequest.model_validate_json(body)
            except ValidationError as error:
                raise RequestValidationError(error.errors()) from error
        try:
            return super().decode_inference_request(body, headers, model_name)
        except InvalidInput:
            raise
        except (InferenceError, LookupError, TypeError, ValueError, AttributeError, struct.error) as error:
            raise RefusedCall(
                InvalidRequest(f"the body is not a v2 inference request ({type(error).__name__}: {error}); check it")
            ) from error


def _is_cloud_event(headers: Any) -> bool:
    binary = all(f"ce-{name}" in headers for name in ("specversion", "source", "type", "id"))
    return binary or headers.get("content-type") == "application/cloudevents+json"


class FixedRepository(ModelRepositoryExtension):
    """The models are those of the settings: no client loads or unloads one."""

    async def load(self, model_name: str) -> None:
        """Refuse."""
        raise RefusedCall(
            Unsupported(f"{model_name[:64]}: models are served as configured; none can be loaded by call")
        )

    async def unload(self, model_name: str) -> None:
        """Refuse."""
        raise RefusedCall(
            Unsupported(f"{model_name[:64]}: models are served as configured; none can be unloaded by call")
        )


class RestEndpoint:
    """The REST server: KServe's own routes, and the list of a model's streams, on one port."""

    def __init__(
        self, settings: Settings, token: Token | None, data_plane: DataPlane, repository: ModelRepositoryExtension
    ) -> None:
        self._socket = listening_socket(settings.host, settings.http_port)
        self.port: int = self._socket.getsockname()[1]
        self._rest = RESTServer(
            FASTAPI_APP_IMPORT_STRING,
            data_plane,
            repository,
            self.port,
        )
        connections = Connections(settings.max_connections, settings.arrival_seconds)
        self._rest.config.http = bounded(connections)
        # also of a connection on which half a head follows a request
        self._rest.config.timeout_keep_alive = min(self._rest.config.timeout_keep_alive, int(settings.arrival_seconds))
        # in place of KServe's own, which looks neither at a client authority nor twice at a file that was replaced
        if tls := rest_tls(settings):
            self._rest.config.ssl_context_factory = lambda *_: tls
        # before KServe's own route, which it then calls
        app.add_api_route("/metrics", _metrics_of(data_plane), methods=["GET"])
        self._rest.create_application()
        app.add_api_route("/v2/models/{model_name}/sequences", _sequences_of(data_plane), methods=["GET"])
        app.add_middleware(LimitsMiddleware, settings=settings)
        app.add_middleware(FormsMiddleware)
        if token:
            app.add_middleware(TokenMiddleware, token=token)
        for kind in (RefusedCall, *CODES, HTTPException, Exception):
            app.add_exception_handler(kind, answer_rest)
        self._uvicorn = self._rest._server
        # the signals are the server's: it ends both endpoints in order
        self._uvicorn.capture_signals = _no_signals

    async def serve(self) -> None:
        """Answer until `stop`."""
        await self._uvicorn.serve(sockets=[self._socket])

    def stop(self, grace_seconds: float) -> None:
        """Take no new requests, and give those in flight `grace_seconds` to end; `serve` returns then."""
        self._rest.config.timeout_graceful_shutdown = int(grace_seconds)
        self._uvicorn.should_exit = True


def _metrics_of(data_plane: DataPlane) -> Any:
    async def metrics(request: Request) -> Response:
        """Everything that Prometheus may know; live streams are counted when it asks."""
        models = data_plane.model_registry.get_models().values()
        await asyncio.gather(*(model.count_streams() for model in models))
        answer: Response = await metrics_handler(request)
        return answer

    return metrics


def _sequences_of(data_plane: DataPlane) -> Any:
    async def sequences(model_name: str, after: str = "", limit: int = USUAL_NAMES) -> dict[str, Any]:
        """A page of the names of a model's streams."""
        names, following = await named_model(data_plane, model_name).sequences(after, limit)
        return {"model_name": model_name, "sequence_ids": names, "next": following}

    return sequences


@contextlib.contextmanager
def _no_signals() -> Iterator[None]:
    yield
