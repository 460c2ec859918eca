"""Prints every route of the REST application as JSON: a path and its methods, those that no schema names too."""

import json
from collections.abc import Iterator
from typing import Any

from kserve import ModelRepository
from kserve.model_server import app
from stream_filters.endpoints.rest_service import FilterDataPlane, FixedRepository, RestEndpoint
from stream_filters.settings import Settings


def walk(routes: Any) -> Iterator[tuple[str, list[str]]]:
    """The routes, of routers in routers too."""
    for route in routes:
        if (inner := getattr(route, "original_router", None)) is not None:
            yield from walk(inner.routes)
        else:
            yield route.path, sorted(route.methods)


if __name__ == "__main__":
    models = ModelRepository()
    settings = Settings.model_validate({"http_port": 0, "host": "127.0.0.1"})
    RestEndpoint(settings, None, FilterDataPlane(models), FixedRepository(models))
    print(json.dumps(sorted(walk(app.routes))))
