"""Certificates are verified by name, against the system's authorities and the operator's; what is wrong is told in words."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from tests.patience import LONG
from tests.sandbox.egress.conftest import LOOPBACK, Web, granted
from tests.sandbox.egress.origin import Visit, hello, origin
from tests.sandbox.egress.test_requests import answer
from tests.tls import make_authority
from wassette_py.sandbox.egress.tls import Secured

CHUNK = 1 << 16


@pytest.fixture
def secure(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """An authority's file and a server of api.test, 127.0.0.1 and ::1."""
    return make_authority(tmp_path, "api.test", "127.0.0.1", "::1")


@pytest.mark.parametrize("setting", ["ca_file", "SSL_CERT_FILE"])
def test_an_authority_of_the_operator_is_trusted(web: Web, secure: tuple[Path, ssl.SSLContext], setting: str) -> None:
    file, context = secure
    web.names["api.test"] = ["127.0.0.1"]
    if setting == "ca_file":
        web.use(ca_file=file)
    else:
        web.use(environ={setting: str(file)})
    with origin(hello, context) as server:
        url = f"https://api.test:{server.port}"
        for _ in range(2):
            assert answer(web.send(url, granted(url, LOOPBACK))) == (200, 5, "hello")
        assert server.names == ["api.test"] * 2


@pytest.mark.parametrize(("host", "address"), [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1")])
def test_a_certificate_of_an_address_is_accepted_for_it(web: Web, secure: tuple[Path, ssl.SSLContext], host: str, address: str) -> None:
    web.use(ca_file=secure[0])
    with origin(hello, secure[1], address) as server:
        url = f"https://{host}:{server.port}"
        assert answer(web.send(url, granted(url))) == (200, 5, "hello")


@pytest.mark.claim("network:checked-address")
def test_a_certificate_of_another_name_is_refused(web: Web, secure: tuple[Path, ssl.SSLContext]) -> None:
    web.use(ca_file=secure[0])
    web.names["other.test"] = ["127.0.0.1"]
    with origin(hello, secure[1]) as server:
        url = f"https://other.test:{server.port}"
        report = web.send(url, granted(url, LOOPBACK))
        assert answer(report)[0] < 0
        (note,) = report.notes
        assert note.startswith(f"GET {url} failed: its certificate is not accepted: Hostname mismatch")
        assert server.lines == []


def test_an_authority_that_nobody_named_is_refused(web: Web, secure: tuple[Path, ssl.SSLContext]) -> None:
    with origin(hello, secure[1]) as server:
        url = f"https://127.0.0.1:{server.port}"
        report = web.send(url, granted(url))
        assert answer(report)[0] < 0
        assert report.notes == (f"GET {url} failed: its certificate is not accepted: unable to get local issuer certificate",)
        assert server.lines == []


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH_9.9\r\n", b""])
def test_what_does_not_speak_tls_is_told(web: Web, said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            sock, _ = server.accept()
            with sock:
                sock.recv(1 << 16)
                sock.sendall(said)

        thread = threading.Thread(target=speak)
        thread.start()
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        report = web.send(url, granted(url))
        thread.join()
    assert answer(report)[0] < 0
    assert len(report.notes) == 1
    assert f"GET {url} failed: TLS failed: " in report.notes[0]


def test_a_server_that_does_not_shake_hands_is_not_waited_for_longer_than_the_guest_wants(web: Web) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        report = web.send(url, granted(url), connect=0.2)
    assert answer(report)[0] < 0
    assert report.notes == (f"GET {url} failed: no connection within the time the component gave it",)


def test_what_a_server_has_no_room_for_waits(web: Web, secure: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> None:
    is_full = threading.Event()
    send = Secured.send

    def watched(stream: Secured, data: memoryview) -> int:
        sent = send(stream, data)
        if not sent:
            is_full.set()
        return sent

    def read_late(visit: Visit) -> None:
        is_full.wait(LONG)
        received, end = 0, b""
        while not end.endswith(b"\r\n0\r\n\r\n"):
            data = visit.sock.recv(CHUNK)
            received += len(data)
            end = (end + data)[-7:]
        visit.answer(str(received > 8192 * 4096).encode())

    monkeypatch.setattr(Secured, "send", watched)
    web.use(ca_file=secure[0])
    with origin(read_late, secure[1]) as server:
        url = f"https://127.0.0.1:{server.port}"
        report = web.send(url, granted(url), method="post", filler=8192)
    assert is_full.is_set()
    assert answer(report) == (200, 4, "True")


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file or directory"), ("nothing", "it holds no certificates")])
def test_a_file_of_certificates_that_cannot_be_read_stops_every_request(
    web: Web, tmp_path: Path, secure: tuple[Path, ssl.SSLContext], content: str | None, reason: str
) -> None:
    file = tmp_path / "mine.pem"
    if content is not None:
        file.write_text(content)
    web.use(ca_file=file)
    with origin(hello, secure[1]) as server:
        url = f"https://127.0.0.1:{server.port}"
        report = web.send(url, granted(url))
        assert answer(report)[0] < 0
        assert report.notes == (f"GET {url} failed: the certificates in {file} cannot be read: {reason}",)


def tunnel(visit: Visit) -> None:
    """What a proxy does for CONNECT."""
    port = int(visit.line.split()[1].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as onward:
        visit.send(b"HTTP/1.1 200 Connection established\r\n\r\n")

        def back() -> None:
            while data := onward.recv(CHUNK):
                visit.send(data)

        thread = threading.Thread(target=back, daemon=True)
        thread.start()
        while data := visit.sock.recv(CHUNK):
            onward.sendall(data)
        onward.shutdown(socket.SHUT_WR)
        thread.join()


def test_https_goes_through_the_operators_proxy_in_a_tunnel(web: Web, secure: tuple[Path, ssl.SSLContext]) -> None:
    with origin(hello, secure[1]) as server, origin(tunnel) as proxy:
        web.use(ca_file=secure[0], environ={"HTTPS_PROXY": f"http://me:pw@127.0.0.1:{proxy.port}"})
        web.names["127.0.0.1"] = ["127.0.0.1"]
        url = f"https://api.test:{server.port}"
        assert answer(web.send(url, granted(url))) == (200, 5, "hello")
        assert web.lookups == ["127.0.0.1"]  # the proxy's own; api.test is the proxy's to resolve
        assert proxy.lines == [f"CONNECT api.test:{server.port} HTTP/1.1"]
        assert proxy.headers[0]["proxy-authorization"] == "Basic bWU6cHc="
        assert server.names == ["api.test"]
        assert "proxy-authorization" not in server.headers[0]


def test_http_goes_through_it_with_the_whole_url(web: Web) -> None:
    with origin(hello) as proxy:
        web.use(environ={"http_proxy": f"me:pw@localhost:{proxy.port}"})
        web.names["localhost"] = ["127.0.0.1"]
        assert answer(web.send("http://api.test/a?b", granted("api.test"))) == (200, 5, "hello")
        assert proxy.lines == ["GET http://api.test/a?b HTTP/1.1"]
        assert proxy.headers[0]["host"] == "api.test"
        assert proxy.headers[0]["proxy-authorization"] == "Basic bWU6cHc="


@pytest.mark.claim("network:deny-by-default")
def test_the_policy_holds_in_front_of_the_operators_proxy(web: Web) -> None:
    with origin(hello) as proxy:
        web.use(environ={"http_proxy": f"http://127.0.0.1:{proxy.port}"})
        assert answer(web.send("http://other.test/", granted("api.test")))[0] < 0
        assert proxy.connections == 0


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (lambda visit: visit.answer(b"no", "407 Proxy Authentication Required"), "the proxy refused it with status 407"),
        (lambda visit: None, "the proxy broke off"),
        (lambda visit: visit.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n"), "the proxy refused it with status 403"),
        (lambda visit: visit.send(b"garbage\r\n\r\n"), "the proxy broke off: illegal status line"),
    ],
)
def test_a_proxy_that_refuses_is_told(web: Web, script: object, reason: str) -> None:
    assert callable(script)
    with origin(script) as proxy:
        web.use(environ={"HTTPS_PROXY": f"http://me:secret@localhost:{proxy.port}"})
        web.names["localhost"] = ["127.0.0.1"]
        report = web.send("https://api.test/", granted("api.test"))
        assert answer(report)[0] < 0
        assert reason in report.notes[0]
        assert "secret" not in report.notes[0]


def test_a_proxy_that_is_not_there_is_told(web: Web) -> None:
    web.use(environ={"HTTPS_PROXY": "http://localhost:1"})
    web.names["localhost"] = ["127.0.0.1"]
    report = web.send("https://api.test/", granted("api.test"))
    assert answer(report)[0] < 0
    assert report.notes == ("GET https://api.test:443 failed: no connection to the proxy at 127.0.0.1: connection refused",)
