"""The web server of the page: Bokeh's, with all scripts from its package, on the loop that asks the predictor too."""

import asyncio
import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bokeh.application import Application
from bokeh.application.handlers import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop

from stream_filters_client.dashboard.hub import Hub
from stream_filters_client.dashboard.page import Page
from stream_filters_client.dashboard.tracks import Name
from stream_filters_client.errors import BadInput

_LOOPBACK = ("localhost", "127.0.0.1")
# a tab that was closed is no trouble
logging.getLogger("bokeh.server.views.ws").setLevel(logging.ERROR)


def _is_failure(record: logging.LogRecord) -> bool:
    """What the end of the server cuts off in the middle is no failure."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or not issubclass(kind, asyncio.CancelledError)


logging.getLogger("tornado.application").addFilter(_is_failure)
# a closed tab is noticed soon, so that nobody asks for what nobody sees
_UNUSED_MILLISECONDS = 2_000


@contextmanager
def served(hub: Hub, host: str, port: int, first: Sequence[Name]) -> Iterator[str]:
    """Serve pages at host:port, 0 for any free one, while the context lasts; gives their address. Raises BadInput.

    first: streams that every page shows from the start. Must be entered in a running event loop.
    """

    def build(document: Document) -> None:
        Page(hub, document, first)

    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise BadInput(
            f"port {port} of {host} cannot be opened ({error.strerror}); name another with --port"
        ) from error
    listener.setblocking(False)
    port = listener.getsockname()[1]
    # a page of another site must not talk to this server in its reader's name
    origins = [f"{name}:{port}" for name in dict.fromkeys((*_LOOPBACK, host, socket.gethostname()))]
    application = BokehTornado(
        {"/": Application(FunctionHandler(build))},
        extra_websocket_origins=origins,
        check_unused_sessions_milliseconds=_UNUSED_MILLISECONDS,
        unused_session_lifetime_milliseconds=_UNUSED_MILLISECONDS,
    )
    http = HTTPServer(application)
    http.add_socket(listener)
    server = BaseServer(IOLoop.current(), application, http)
    server.start()
    try:
        yield f"http://{'localhost' if host in _LOOPBACK else host}:{port}/"
    finally:
        server.stop()
        http.stop()
