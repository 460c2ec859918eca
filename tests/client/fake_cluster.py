"""A small Kubernetes API on a loopback port: InferenceServices, pods, and port-forward over a websocket."""

import asyncio
import base64
import hashlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

SERVICES = "/apis/serving.kserve.io/v1beta1/namespaces/{}/inferenceservices/{}"
PODS = "/api/v1/namespaces/{}/pods"


class FakeCluster:
    """One namespace, `team`, with the InferenceService `demo`. Change the fields; read `requests`."""

    def __init__(self) -> None:
        self.status: dict[str, Any] = {"conditions": [{"type": "Ready", "status": "True"}]}
        self.backends: dict[str, int] = {}
        self.ready: set[str] = set()
        self.ending: set[str] = set()
        self.refused: dict[str, int] = {}
        self.requests: list[str] = []
        self.connected: list[str] = []
        self.authorizations: set[str | None] = set()
        self._sockets: dict[str, list[socket.socket]] = {}
        self.port = 0

    def add_pod(self, name: str, port: int) -> None:
        self.backends[name] = port
        self.ready.add(name)

    def delete_pod(self, name: str) -> None:
        """Take the pod away, and cut the connections to it as the API does."""
        self.ready.discard(name)
        self.backends.pop(name)
        for connection in self._sockets.pop(name, []):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def hold(self, pod: str, connection: socket.socket) -> None:
        self.connected.append(pod)
        self._sockets.setdefault(pod, []).append(connection)

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        for part, status in self.refused.items():
            if part in path:
                return status, {"kind": "Status", "status": "Failure", "code": status}
        if path == SERVICES.format("team", "demo"):
            return 200, {"metadata": {"name": "demo"}, "status": self.status}
        if path == PODS.format("team"):
            assert query["labelSelector"] == ["serving.kserve.io/inferenceservice=demo,component=predictor"]
            return 200, {"kind": "PodList", "items": [self._pod(name) for name in sorted(self.backends)]}
        return 404, {"kind": "Status", "status": "Failure", "code": 404}

    def _pod(self, name: str) -> dict[str, Any]:
        ports = [{"name": "http1", "containerPort": 8080}, {"name": "grpc", "containerPort": self.backends[name]}]
        ended = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if name in self.ending else {}
        return {
            "metadata": {"name": name, **ended},
            "spec": {"containers": [{"name": "kserve-container", "ports": ports}]},
            "status": {"conditions": [{"type": "Ready", "status": str(name in self.ready)}]},
        }

    @contextmanager
    def serving(self) -> Iterator[None]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"cluster": self}))
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            for name in list(self.backends):
                self.delete_pod(name)
            server.shutdown()
            server.server_close()
            thread.join()

    def kubeconfig(self, path: Path, authority: Path | None = None) -> Path:
        """Write a kubeconfig whose context names the namespace; authority: of an API that speaks TLS."""
        server: dict[str, str] = {"server": f"http://127.0.0.1:{self.port}"}
        if authority is not None:
            server = {"server": f"https://127.0.0.1:{self.port}", "certificate-authority": str(authority)}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": server}],
            "users": [{"name": "someone", "user": {"token": "secret"}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "someone", "namespace": "team"}}],
        }
        path.write_text(json.dumps(document), encoding="utf-8")
        return path


@contextmanager
def tls_front(port: int, certificate: Path, key: Path) -> Iterator[int]:
    """A loopback port that ends TLS for another one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    loop = asyncio.new_event_loop()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, before = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, before), carry(behind, writer))

    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def end() -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 10)

    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Handler(BaseHTTPRequestHandler):
    cluster: FakeCluster
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.cluster.requests.append(url.path)
        self.cluster.authorizations.add(self.headers["authorization"])
        pod = url.path.removesuffix("/portforward").rpartition("/")[2]
        known = pod in self.cluster.backends and not any(part in url.path for part in self.cluster.refused)
        if url.path.endswith("/portforward") and known:
            self._forward(pod, int(parse_qs(url.query)["ports"][0]))
            return
        status, document = self.cluster.answer(url.path, parse_qs(url.query))
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _forward(self, pod: str, port: int) -> None:
        """RFC 6455 by hand, with the API's channels 0 (data) and 1 (errors)."""
        key = self.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("upgrade", "websocket")
        self.send_header("connection", "Upgrade")
        self.send_header("sec-websocket-accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())  # noqa: S324
        self.send_header("sec-websocket-protocol", self.headers["sec-websocket-protocol"])
        self.end_headers()
        self.close_connection = True
        for channel in (b"\0", b"\1"):
            self._send(channel + struct.pack("<H", port))
        try:
            backend = socket.create_connection(("127.0.0.1", port))
        except OSError:
            self._send(b"\1connection refused")
            return
        self.cluster.hold(pod, self.connection)
        threading.Thread(target=self._back, args=(backend,), daemon=True).start()
        with backend, suppress(OSError, struct.error):
            while (frame := self._receive())[:1] == b"\0":
                backend.sendall(frame[1:])
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _back(self, backend: socket.socket) -> None:
        with suppress(OSError):
            while data := backend.recv(65_536):
                self._send(b"\0" + data)
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, data: bytes) -> None:
        size = len(data)
        head = struct.pack("!BB", 0x82, size) if size < 126 else struct.pack("!BBQ", 0x82, 127, size)
        self.connection.sendall(head + data)

    def _receive(self) -> bytes:
        opcode, size = struct.unpack("!BB", self.rfile.read(2))
        size &= 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self.rfile.read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.rfile.read(8))
        mask = self.rfile.read(4)
        data = bytes(byte ^ mask[index % 4] for index, byte in enumerate(self.rfile.read(size)))
        return data if opcode & 0xF == 2 else b""
