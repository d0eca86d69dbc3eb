"""A component of componentize-py that speaks `wasi:http` itself: bodies as streams, and what it is told when denied.

Its bindings keep every byte they send, in the guest's own memory; that 100 MB also go out is seen with a guest that does not
(`tests/sandbox/egress/test_lifecycle.py`).
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from examples.build import EXAMPLES
from tests.installed import Installed
from tests.sandbox.egress.origin import Visit, origin
from tests.toolchain import build_python
from wassette_py.sandbox.memory import resident

pytestmark = pytest.mark.toolchain

WORLD = """
package test:client;
world client {
  import wasi:http/types@0.2.3;
  import wasi:http/outgoing-handler@0.2.3;
  /// (status, bytes of the answer) of a POST of that many blocks of 64 KiB.
  export post: func(authority: string, blocks: u32) -> result<tuple<u16, u64>, string>;
}
"""
APP = """
import wit_world
from componentize_py_types import Err
from wit_world.imports import outgoing_handler, streams
from wit_world.imports.types import Fields, Method_Post, OutgoingBody, OutgoingRequest, Scheme_Http


class WitWorld(wit_world.WitWorld):
    def post(self, authority, blocks):
        try:
            return exchange(authority, blocks)
        except Err as error:
            raise Err(type(error.value).__name__)


def exchange(authority, blocks):
    request = OutgoingRequest(Fields())
    request.set_method(Method_Post())
    request.set_scheme(Scheme_Http())
    request.set_authority(authority)
    request.set_path_with_query("/")
    body = request.body()
    future = outgoing_handler.handle(request, None)
    with body.write() as out:
        block = bytes(4096)
        for _ in range(blocks * 16):
            out.blocking_write_and_flush(block)
    OutgoingBody.finish(body, None)
    with future.subscribe() as pollable:
        pollable.block()
    response = future.get()
    while hasattr(response, "value"):
        if isinstance(response, Err):
            raise response
        response = response.value
    size = 0
    with response.consume() as body, body.stream() as stream:
        while True:
            try:
                size += len(stream.blocking_read(65536))
            except Err as error:
                if not isinstance(error.value, streams.StreamError_Closed):
                    raise
                return response.status(), size
"""
SIZE = 100 << 20


ALIASES = """interface types {
  type field-key = string;
  type field-name = field-key;
  type field-value = list<u8>;
  type headers = fields;
  type trailers = fields;
  type status-code = u16;
"""
SENDING = """constructor(headers: headers);
    set-method: func(method: method) -> result;
    body: func() -> result<outgoing-body>;"""
BODY = """  resource outgoing-body {
    write: func() -> result<output-stream>;
    finish: static func(this: outgoing-body, trailers: option<trailers>) -> result<_, error-code>;
  }

  resource request-options {"""
OUTPUT = """
  resource output-stream {
    blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
  }
}
"""
AS_PUBLISHED = {
    "interface types {\n": ALIASES,
    ".{input-stream}": ".{input-stream, output-stream}",
    "append: func(name: string, value: list<u8>)": "append: func(name: field-name, value: field-value)",
    "get: func(name: string) -> list<list<u8>>": "get: func(name: field-name) -> list<field-value>",
    "constructor(headers: fields);": SENDING,
    "status: func() -> u16": "status: func() -> status-code",
    "headers: func() -> fields": "headers: func() -> headers",
    "  resource request-options {": BODY,
}
"""componentize-py merges a WIT with the published one, so types have to have the names they have there."""


@pytest.fixture(scope="module")
def wasm() -> Path:
    deps = EXAMPLES / "fetch" / "wit" / "deps"
    io = (deps / "io" / "io.wit").read_text(encoding="utf-8")
    http = (deps / "http" / "http.wit").read_text(encoding="utf-8")
    for mine, published in AS_PUBLISHED.items():
        assert mine in http
        http = http.replace(mine, published)
    files = {"client.wit": WORLD, "deps/io/io.wit": io.rstrip().removesuffix("}") + OUTPUT, "deps/http/http.wit": http}
    return build_python("client", files, "client", {"app.py": APP})


def much(visit: Visit) -> None:
    """Reads a body of chunks and answers with 100 MB."""
    end = b""
    while not end.endswith(b"\r\n0\r\n\r\n"):
        data = visit.sock.recv(1 << 16)
        end = (end + data)[-7:]
    visit.send(f"HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n".encode())
    for _ in range(SIZE >> 16):
        visit.send(bytes(1 << 16))


def test_100_mb_come_in_while_the_process_grows_by_less_than_64(wasm: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    with origin(much) as server:
        allow = f"  network:\n    allow: [{{host: 'http://localhost:{server.port}', methods: [POST]}}]\n"
        installed.load(wasm, "client", allow + "  resources: {limits: {timeout: 2m}}\n")
        installed.value("post", authority=f"localhost:{server.port}", blocks=1)
        before, peak = resident() or 0, [0]
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.005):
                peak.append(resident() or 0)

        watcher = threading.Thread(target=watch)
        watcher.start()
        value = installed.value("post", authority=f"localhost:{server.port}", blocks=160)
        over.set()
        watcher.join()
    assert value == [200, SIZE]
    assert max(peak) - before < 64 << 20


def test_a_denied_request_is_the_standards_error(wasm: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    installed.load(wasm, "client")
    result = installed.call("post", authority="api.example.com", blocks=1)
    assert (result.kind, result.error) == ("denied", "ErrorCode_HttpRequestDenied")
    assert [line.target for line in result.denied] == ["POST http://api.example.com:80"]
