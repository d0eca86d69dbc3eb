"""Both bodies of one exchange, and what is left of it when one of them breaks off: guest and server are told when to go on."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.patience import LONG
from tests.sandbox.egress.conftest import Web
from tests.sandbox.egress.origin import Visit, origin
from tests.sandbox.egress.test_lifecycle import state
from wassette_py.policy.network import parse_url
from wassette_py.sandbox.egress import session
from wassette_py.sandbox.egress.route import Route
from wassette_py.sandbox.egress.waiting import turn_away
from wassette_py.sandbox.state import CallState

URL = "http://127.0.0.1:{}"


@contextlib.contextmanager
def posting(web: Web, port: int, length: int, body: bytes) -> Iterator[tuple[CallState, socket.socket]]:
    """A guest that began to send a body of `length`."""
    call = state(web.egress)
    authority, path = web.egress.place_for(call, Route("POST", parse_url(URL.format(port)), "/"))
    host, _, own = authority.partition(":")
    with socket.create_connection((host, int(own)), timeout=LONG) as sock:
        sock.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n".encode() + body)
        yield call, sock
    web.egress.end(call)


class Begun:
    """A server that answers a part, and the rest of it when it may."""

    def __init__(self) -> None:
        self.may_end = threading.Event()

    def __call__(self, visit: Visit) -> None:
        visit.send(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc")
        self.may_end.wait(LONG)
        visit.send(b"def")
        visit.wait_for_end()


def heard(sock: socket.socket, end: bytes) -> bytes:
    """What comes, to the end given."""
    found = b""
    while not found.endswith(end):
        data = sock.recv(1000)
        assert data, found
        found += data
    return found


def test_a_guest_that_breaks_off_its_request_gets_the_rest_of_an_answer_that_has_begun(web: Web) -> None:
    script = Begun()
    with origin(script) as server, posting(web, server.port, 9, b"123") as (call, sock):
        heard(sock, b"abc")
        sock.shutdown(socket.SHUT_WR)
        script.may_end.set()
        heard(sock, b"def")
        assert call.notes == []


def test_a_request_that_grows_too_large_gets_the_rest_of_an_answer_that_has_begun(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "BODY_BYTES", 6)
    script = Begun()
    with origin(script) as server, posting(web, server.port, 100, b"123") as (call, sock):
        heard(sock, b"abc")
        sock.sendall(b"4567890")
        script.may_end.set()
        heard(sock, b"def")
        sock.sendall(b"1")
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1) == b""
        assert len(call.notes) == 1
        assert "the bodies of the call's requests are larger than" in call.notes[0]


def test_a_server_that_goes_away_while_there_is_more_to_send_is_told(web: Web) -> None:
    is_full = threading.Event()

    def deaf(visit: Visit) -> None:
        is_full.wait(LONG)
        visit.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with origin(deaf) as server, posting(web, server.port, 1 << 30, b"") as (call, sock):
        sock.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            while True:
                sock.send(bytes(1 << 16))
        is_full.set()
        sock.settimeout(LONG)
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1) == b""
        (note,) = call.notes
        assert note.startswith(f"POST {URL.format(server.port)} failed: the server ")


def test_nobody_to_turn_away_is_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        turn_away(listening)
