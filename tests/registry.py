"""A conforming OCI registry in this process (basic and token authentication), which can be told to misbehave, over HTTP or TLS.

It also serves plain pages. Faults are functions that answer a request in the registry's place; see `tests/test_oci.py` for the collection.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.layout_writer import Artifact, digest
from tests.patience import FOREVER

TOKEN = "anonymous-token"
IDENTITY = "an-identity-token"


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    path: str
    headers: Mapping[str, str]
    method: str = "GET"
    body: bytes = b""


Reply = Callable[["Handler"], None]


@dataclass
class Fault:
    """Answers the next `times` requests (None: all) whose path matches, in the registry's place."""

    pattern: str
    reply: Reply
    times: int | None = None


@dataclass
class Registry:
    """The state of one registry; `host` is `127.0.0.1:PORT` once it runs."""

    tls: ssl.SSLContext | None = None
    token_realm: str | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    """Who is let in, and nobody else: by basic authentication, or at the token server when there is a token_realm."""
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    pages: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    host: str = ""

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}"

    def put(self, repository: str, tag: str, artifact: Artifact) -> None:
        """Pushes an artifact (or an index, with the artifacts it holds)."""
        for name in (tag, artifact.digest):
            self.manifests[repository, name] = (artifact.media_type, artifact.manifest)
        for name, data in artifact.blobs.items():
            self.blobs[name] = data
            with contextlib.suppress(ValueError, AttributeError):
                media_type = json.loads(data).get("mediaType")
                if media_type:
                    self.manifests[repository, name] = (media_type, data)

    def fault(self, pattern: str, reply: Reply, times: int | None = None) -> None:
        """Lets the registry misbehave from now on."""
        self.faults.append(Fault(pattern, reply, times))

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [request.path for request in self.requests]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # the default 0 costs 45 ms a request (Nagle and delayed acknowledgements)
    registry: Registry

    def do_GET(self) -> None:
        registry = self.registry
        self.sent = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        registry.requests.append(Request(self.path, dict(self.headers.items()), self.command, self.sent))
        for fault in registry.faults:
            if re.search(fault.pattern, self.path) and fault.times != 0:
                fault.times = None if fault.times is None else fault.times - 1
                with contextlib.suppress(ConnectionError, ssl.SSLError):
                    fault.reply(self)
                    self.wfile.flush()
                return
        parts = urlsplit(self.path)
        if parts.path == "/token":
            self._token(parse_qs(self.sent.decode() if self.command == "POST" else parts.query))
        elif parts.path in registry.pages:
            self.answer(registry.pages[parts.path], "application/wasm")
        else:
            self._registry(parts.path)

    do_HEAD = do_POST = do_PUT = do_GET

    def _token(self, query: Mapping[str, list[str]]) -> None:
        known = self._is_known() if self.command == "GET" else query["refresh_token"] == [IDENTITY]
        if self.registry.users and not known:
            self.error(401, "UNAUTHORIZED", message=f"no such user: {self.headers.get('Authorization')}")
        else:
            self.answer(json.dumps({"token": f"{TOKEN}:{query.get('scope', [''])[0]}"}).encode(), "application/json")

    def _is_known(self) -> bool:
        pairs = [f"{user}:{password}".encode() for user, password in self.registry.users.items()]
        return self.headers.get("Authorization") in [f"Basic {base64.b64encode(pair).decode()}" for pair in pairs]

    def _let_in(self, scope: str | None) -> bool:
        """Whether the request carries what it needs; otherwise the challenge is sent."""
        realm = self.registry.token_realm
        asks = f',scope="{scope}"' if scope else ""
        if realm and self.headers.get("Authorization") != f"Bearer {TOKEN}:{scope or ''}":
            self.error(401, "UNAUTHORIZED", {"WWW-Authenticate": f'Bearer realm="{realm}",service="tests"{asks}'})
        elif not realm and self.registry.users and not self._is_known():
            self.error(401, "UNAUTHORIZED", {"WWW-Authenticate": 'Basic realm="tests"'})
        else:
            return True
        return False

    def _registry(self, path: str) -> None:
        if path == "/v2/":
            if self._let_in(None):
                self.answer(b"{}", "application/json")
            return
        match = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/(uploads/[^/]*|[^/]+)", path)
        if match is None:
            self.error(404, "UNSUPPORTED")
            return
        repository, kind, name = match.groups()
        writes = self.command in ("POST", "PUT")
        if not self._let_in(f"repository:{repository}:pull{',push' * writes}"):
            return
        if writes:
            self._write(repository, kind, name)
        elif kind == "manifests" and (repository, name) in self.registry.manifests:
            media_type, data = self.registry.manifests[repository, name]
            self.answer(data, media_type, {"Docker-Content-Digest": digest(data)})
        elif kind == "blobs" and name in self.registry.blobs:
            self.answer(self.registry.blobs[name], "application/octet-stream", {"Docker-Content-Digest": name})
        else:
            self.error(404, "MANIFEST_UNKNOWN" if kind == "manifests" else "BLOB_UNKNOWN")

    def _write(self, repository: str, kind: str, name: str) -> None:
        if kind == "manifests":
            for known in (name, digest(self.sent)):
                self.registry.manifests[repository, known] = (self.headers["Content-Type"], self.sent)
            self.answer(b"", "text/plain", {"Docker-Content-Digest": digest(self.sent)}, 201)
        elif self.command == "POST":
            self.answer(b"", "text/plain", {"Location": f"/v2/{repository}/blobs/uploads/1?state=x"}, 202)
        else:
            self.registry.blobs[parse_qs(urlsplit(self.path).query)["digest"][0]] = self.sent
            self.answer(b"", "text/plain", status=201)

    def answer(self, body: bytes, media_type: str, headers: Mapping[str, str] | None = None, status: int = 200) -> None:
        """A whole answer; `headers` win over what would be sent."""
        self.begin({"Content-Type": media_type, "Content-Length": str(len(body)), **(headers or {})}, status)
        if self.command != "HEAD":
            self.wfile.write(body)

    def begin(self, headers: Mapping[str, str], status: int = 200) -> None:
        """Status and headers; a body may follow."""
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def error(self, status: int, code: str, headers: Mapping[str, str] | None = None, message: str = "no") -> None:
        """An error in the form of the distribution specification."""
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.answer(body, "application/json", headers, status)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients here hang up in the middle, on purpose."""


@contextlib.contextmanager
def running(registry: Registry) -> Iterator[Registry]:
    """The registry, listening on a port of its own."""
    handler = type("BoundHandler", (Handler,), {"registry": registry})
    server = _Server(("127.0.0.1", 0), handler)
    if registry.tls:
        server.socket = registry.tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    registry.host = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        registry.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


# Faults: each answers one request wrongly.


def silent(handler: Handler) -> None:
    """Takes the request and never answers."""
    handler.registry.stopping.wait(FOREVER)


def stalled(handler: Handler) -> None:
    """Begins an answer and stops in the middle."""
    handler.begin({"Content-Type": "application/octet-stream", "Content-Length": "1000000"})
    handler.wfile.write(b"begun")
    handler.wfile.flush()
    handler.registry.stopping.wait(FOREVER)


def endless(content_type: str = "application/octet-stream", length: int | None = None) -> Reply:
    """Sends zeros until the client hangs up."""

    def reply(handler: Handler) -> None:
        handler.begin({"Content-Type": content_type, "Connection": "close", **({"Content-Length": str(length)} if length else {})})
        handler.close_connection = True
        for _ in range((length or 1 << 40) // (1 << 16)):
            if handler.registry.stopping.is_set():
                break
            handler.wfile.write(b" " * (1 << 16))

    return reply


def dripping(handler: Handler) -> None:
    """One byte every 50 ms."""
    handler.begin({"Content-Type": "application/octet-stream", "Content-Length": "1000000"})
    while not handler.registry.stopping.wait(0.05):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def hang_up(handler: Handler) -> None:
    """Closes the connection without a word."""
    handler.close_connection = True


def cut(handler: Handler) -> None:
    """Promises 1000 bytes, sends 10, closes."""
    handler.begin({"Content-Type": "application/octet-stream", "Content-Length": "1000"})
    handler.wfile.write(b"0123456789")
    handler.close_connection = True


def cut_chunked(handler: Handler) -> None:
    """A chunked answer that ends within a chunk."""
    handler.begin({"Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked"})
    handler.wfile.write(b"64\r\n0123456789")
    handler.close_connection = True


def redirect(target: str, status: int = 307) -> Reply:
    """Sends the client elsewhere."""
    return lambda handler: handler.answer(b"", "text/plain", {"Location": target}, status)


def status(code: int, headers: Mapping[str, str] | None = None, error: str = "DENIED", message: str = "no") -> Reply:
    """An error."""
    return lambda handler: handler.error(code, error, headers, message)


def body(data: bytes, media_type: str = "application/octet-stream", headers: Mapping[str, str] | None = None) -> Reply:
    """Other bytes, or other headers."""
    return lambda handler: handler.answer(data, media_type, headers)
