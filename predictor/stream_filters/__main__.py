"""Start the predictor: settings, models, server."""

import logging
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

from fastapi.exceptions import FastAPIDeprecationWarning
from pydantic import ValidationError
from pydantic_settings import SettingsError

from stream_filters.command_line import read_settings
from stream_filters.compiling import compile_filters
from stream_filters.filters import REGISTRY
from stream_filters.redaction import without_secrets
from stream_filters.refusals import InvalidRequest
from stream_filters.settings import LocalSettings, ModelSettings, Settings
from stream_filters.store import open_store
from stream_filters.store.base import StoreError
from stream_filters.streams.sessions import Limits
from stream_filters.wire.configs import Binder
from stream_filters.wire.validation import RequestLimits
from stream_filters.wire.work import BytesInWork


def local() -> int:
    """Serve a person's own machine until told to stop: `stream-filters-predictor`. Returns the exit code of `main`."""
    return main(LocalSettings)


def main(chosen: type[Settings] = Settings) -> int:
    """Serve until told to stop. Returns the exit code: 2 for wrong settings.

    1 is for a store that is not one to use, a port not to be had, and a part of the server that ended by itself.
    """
    try:
        settings = read_settings(sys.argv[1:], chosen)
        binders = {model.name: _binder(model, settings.max_state_bytes) for model in settings.models}
        store = open_store(settings.store.get_secret_value())
    except (SettingsError, ValueError, InvalidRequest, OSError) as error:
        sys.stderr.write(f"stream-filters: {_one_line(error)}\n")
        return 2
    # KServe reads the command line when it is imported; it is not meant for it
    del sys.argv[1:]
    _quiet(settings.log_level)
    from stream_filters.endpoints.server import FilterServer  # noqa: PLC0415
    from stream_filters.model import Backend, FilterModel  # noqa: PLC0415

    try:
        compile_filters({name: binder.default for name, binder in binders.items()})
    except KeyboardInterrupt:
        sys.stderr.write("stream-filters: interrupted before anything was served\n")
        return 130
    with ThreadPoolExecutor(settings.compute_threads, thread_name_prefix="filter") as executor:
        work = BytesInWork(settings.max_work_bytes)
        backend = Backend(store, executor, settings.compute_threads, *_limits(settings), work)
        models = [FilterModel(name, binder, backend) for name, binder in binders.items()]
        try:
            in_order = FilterServer(settings, store).start(models)
        except (StoreError, OSError) as error:
            sys.stderr.write(f"stream-filters: {_one_line(error)}\n")
            return 1
    return 0 if in_order else 1


def _binder(model: ModelSettings, state_bytes: int) -> Binder:
    try:
        return Binder(REGISTRY[model.filter], model.config, state_bytes)
    except InvalidRequest as refusal:
        raise ValueError(f"model {model.name!r}: {refusal}") from refusal


def _limits(settings: Settings) -> tuple[Limits, RequestLimits]:
    sessions = Limits(
        ttl_seconds=settings.ttl_seconds,
        replay_seconds=settings.replay_seconds,
        live_streams=settings.max_streams,
        waiting=settings.max_waiting,
    )
    requests = RequestLimits(
        rows=settings.max_rows,
        batch_rows=settings.max_batch_rows,
        streams=settings.max_batch_streams,
        horizon=settings.max_horizon,
        answer_bytes=settings.max_message_bytes,
        compute_seconds=settings.max_compute_seconds,
    )
    return sessions, requests


def _quiet(level: str) -> None:
    """One log for everything, on standard error; KServe's own lines for every request stay out of it."""
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("kserve", "kserve.trace", "uvicorn", "uvicorn.error", "uvicorn.access"):
        chatty = logging.getLogger(name)
        # a handler of its own keeps KServe from configuring the logger anew
        chatty.addHandler(logging.NullHandler())
        chatty.setLevel(max(logging.getLevelName(level.upper()), logging.WARNING))

    # of FastAPI about KServe's choice of a JSON encoder, which nobody here can change
    warnings.filterwarnings("ignore", category=FastAPIDeprecationWarning)


def _one_line(error: Exception) -> str:
    return without_secrets(_sentence(error))


def _sentence(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    flag = f"--{place.replace('_', '-')}" if "." not in place else place
    # of several settings together, what came are all of them
    is_told = place not in ("", "store") and first["type"] not in ("missing", "extra_forbidden")
    came = f" ({first['input']!r} came)" if is_told else ""
    sentence = f"{first['msg'].removeprefix('Value error, ')}{came}; see --help"
    return f"{flag}: {sentence}" if place else sentence


if __name__ == "__main__":
    sys.exit(main())
