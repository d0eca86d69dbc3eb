"""Servers for guests to talk to, scripted byte by byte: an honest one does what a script says, and so does a hostile one."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator


class Visit:
    """One connection and the head that came over it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._rest = b""
        self.head = self._until(b"\r\n\r\n")

    @property
    def line(self) -> str:
        """The request line."""
        return self.head.split(b"\r\n")[0].decode()

    @property
    def headers(self) -> dict[str, str]:
        """Lower-case name -> value."""
        lines = self.head.decode().split("\r\n")[1:-2]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    def body(self) -> bytes:
        """The request's body, by its length or by its chunks."""
        if "content-length" in self.headers:
            return self._exactly(int(self.headers["content-length"]))
        found = b""
        while size := int(self._until(b"\r\n"), 16):
            found += self._exactly(size)
            self._until(b"\r\n")
        return found

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def answer(self, body: bytes = b"", status: str = "200 OK", headers: str = "") -> None:
        """A whole response."""
        self.send(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body)

    def wait_for_end(self) -> None:
        """Until the other side is gone."""
        with contextlib.suppress(OSError):
            while self.sock.recv(1 << 16):
                pass

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._rest:
            data = self.sock.recv(1 << 16)
            if not data:
                raise ConnectionError("the client left")
            self._rest += data
        found, _, self._rest = self._rest.partition(mark)
        return found + mark

    def _exactly(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._rest += self.sock.recv(1 << 16) or b"\0" * size
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


Script = Callable[[Visit], None]


class Origin:
    """A server on loopback; `heads` are the request lines that reached it, `names` what TLS clients asked for (SNI)."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> None:
        self.lines: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.names: list[str | None] = []
        self.connections = 0
        self._script = script
        self._context = context
        if context is not None:
            context.sni_callback = lambda _sock, name, _context: self.names.append(name)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._server = socket.create_server((address, 0), family=family, backlog=64)
        self.port: int = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True, name="origin")
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True, name="origin").start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.suppress(OSError, ValueError))
            stack.enter_context(sock)
            if self._context is not None:
                sock = stack.enter_context(self._context.wrap_socket(sock, server_side=True))
            visit = Visit(sock)
            self.lines.append(visit.line)
            self.headers.append(visit.headers)
            self._script(visit)


@contextlib.contextmanager
def origin(script: Script, context: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> Iterator[Origin]:
    """A server that follows `script` with each visitor."""
    server = Origin(script, context, address)
    try:
        yield server
    finally:
        server.close()


def hello(visit: Visit) -> None:
    """Says hello."""
    visit.answer(b"hello")
